"""Builds what needs secrets: the callers' keys, and the keys that seal decisions and stand for entities."""

import hashlib
from pathlib import Path

from fraud_detection_api.errors import InvalidSetting
from fraud_detection_api.services.admission.api_keys import SHORTEST_KEY, ApiKeys
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.settings import Settings


def build_keys(settings: Settings) -> ApiKeys:
    """The callers' keys, from the setting or from its file. Raises InvalidSetting."""
    name, text = "FRAUD_API_KEYS", settings.api_keys
    if settings.api_keys_file is not None:
        if text:
            raise InvalidSetting(name, "set either FRAUD_API_KEYS or FRAUD_API_KEYS_FILE, not both")
        name, text = "FRAUD_API_KEYS_FILE", _read_secret(settings.api_keys_file, "FRAUD_API_KEYS_FILE")
        if not text.strip():
            raise InvalidSetting(name, "the file holds no key; a `role:key` a line")
    try:
        return ApiKeys.parse(text)
    except ValueError as error:
        raise InvalidSetting(name, str(error)) from None


def build_recorder(settings: Settings) -> Recorder:
    """What turns decisions into sealed rows. Raises InvalidSetting for a key that cannot be used."""
    seal = _secret(settings.seal_key, settings.seal_key_file, "FRAUD_SEAL_KEY")
    pseudonym = _secret(settings.pseudonym_key, settings.pseudonym_key_file, "FRAUD_PSEUDONYM_KEY")
    return Recorder(hashlib.sha512(seal).digest() if seal else b"", pseudonym or None)


def _secret(text: str, path: Path | None, name: str) -> bytes:
    """A key from its setting or its file; b"" where neither is set."""
    if path is not None:
        if text:
            raise InvalidSetting(name, f"set either {name} or {name}_FILE, not both")
        name, text = f"{name}_FILE", _read_secret(path, f"{name}_FILE").strip()
    elif not text:
        return b""
    if len(text) < SHORTEST_KEY:
        raise InvalidSetting(name, f"the key is shorter than {SHORTEST_KEY} characters; make a random one")
    return text.encode()


def _read_secret(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(name, f"cannot be read: {type(error).__name__}") from None
