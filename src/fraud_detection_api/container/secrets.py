"""Builds what needs secrets: the callers' keys, and the keys that seal decisions and stand for entities."""

import hashlib
from pathlib import Path

from fraud_detection_api.errors import InvalidSetting
from fraud_detection_api.services.admission.api_keys import SHORTEST_KEY, ApiKeys
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.settings import Settings


def build_keys(settings: Settings) -> ApiKeys:
    """The callers' keys, from the setting or from its file. Raises InvalidSetting."""
    name, text = _secret(settings.api_keys, settings.api_keys_file, "FRAUD_API_KEYS")
    if settings.api_keys_file is not None and not text.strip():
        raise InvalidSetting(name, "the file holds no key; a `role:key` a line")
    try:
        return ApiKeys.parse(text)
    except ValueError as error:
        raise InvalidSetting(name, str(error)) from None


def build_recorder(settings: Settings) -> Recorder:
    """What turns decisions into sealed rows. Raises InvalidSetting for a key that cannot be used."""
    seal = _key(settings.seal_key, settings.seal_key_file, "FRAUD_SEAL_KEY")
    pseudonym = _key(settings.pseudonym_key, settings.pseudonym_key_file, "FRAUD_PSEUDONYM_KEY")
    return Recorder(hashlib.sha512(seal).digest() if seal else b"", pseudonym or None)


def _key(text: str, path: Path | None, name: str) -> bytes:
    """A key from its setting or its file; b"" where neither is set."""
    name, key = _secret(text, path, name)
    key = key if path is None else key.strip()
    if len(key) < SHORTEST_KEY and (key or path is not None):
        raise InvalidSetting(name, f"the key is shorter than {SHORTEST_KEY} characters; make a random one")
    return key.encode()


def _secret(text: str, path: Path | None, name: str) -> tuple[str, str]:
    """The variable that gives a secret, and the secret: the setting itself, or the content of the file."""
    if path is None:
        return name, text
    if text:
        raise InvalidSetting(name, f"set either {name} or {name}_FILE, not both")
    try:
        return f"{name}_FILE", path.read_text(encoding="utf-8")
    except FileNotFoundError:
        problem = f"no such file: {path}; create it, or correct the path"
    except UnicodeDecodeError:
        problem = f"not UTF-8 text: {path}; save it as UTF-8"
    except OSError as error:
        problem = f"cannot be read: {path} ({error.strerror})"
    raise InvalidSetting(f"{name}_FILE", problem)
