"""Builds what needs secrets: the callers' keys, and the keys that seal decisions and stand for entities."""

import hashlib
from functools import partial
from pathlib import Path
from stat import S_ISREG

from fraud_detection_api.errors import InvalidSetting
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.admission.api_keys import ApiKeys
from fraud_detection_api.services.admission.callers import Caller
from fraud_detection_api.services.admission.key_entries import SHORTEST_KEY, parse_keys
from fraud_detection_api.services.admission.key_reload import KeyReload, loads_counted
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.settings import Settings


def build_keys(settings: Settings) -> ApiKeys:
    """The callers' keys, from the setting or from its file. Raises InvalidSetting."""
    return ApiKeys(_callers(settings))


def build_key_reload(settings: Settings, keys: ApiKeys, tallies: Tallies) -> KeyReload | None:
    """What keeps the keys at what their file says; None where they have no file."""
    loads_counted(tallies)  # Prometheus has to see the zeros
    path = settings.api_keys_file
    if path is None:
        return None
    return KeyReload(keys, stamp=partial(_stamp, path), read=partial(_callers, settings), tallies=tallies)


def _stamp(path: Path) -> object:
    """What differs between versions of a file; Kubernetes replaces a link on the way to it."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def _callers(settings: Settings) -> list[Caller]:
    name, text = _secret(settings.api_keys, settings.api_keys_file, "FRAUD_API_KEYS")
    try:
        callers = parse_keys(text)
    except ValueError as error:
        raise InvalidSetting(name, str(error)) from None
    if settings.api_keys_file is not None and not callers:
        raise InvalidSetting(name, "the file holds no key; a `role:key` a line, or TOML")
    return callers


def build_recorder(settings: Settings) -> Recorder:
    """What turns decisions into sealed rows. Raises InvalidSetting for a key that cannot be used."""
    seal = _key(settings.seal_key, settings.seal_key_file, "FRAUD_SEAL_KEY")
    pseudonym = _key(settings.pseudonym_key, settings.pseudonym_key_file, "FRAUD_PSEUDONYM_KEY")
    return Recorder(hashlib.sha512(seal).digest() if seal else b"", pseudonym or None)


def client_secret(settings: Settings) -> str:
    """What this server proves itself with at the provider of identities; empty where it has none. Raises InvalidSetting."""
    return _secret(settings.oidc_client_secret, settings.oidc_client_secret_file, "FRAUD_OIDC_CLIENT_SECRET")[1].strip()


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
    problem = f"not a regular file: {path}"  # a pipe may never end
    try:
        if S_ISREG(path.stat().st_mode):
            return f"{name}_FILE", path.read_text(encoding="utf-8-sig")  # Windows puts a mark before the text
    except FileNotFoundError:
        problem = f"no such file: {path}; create it, or correct the path"
    except UnicodeDecodeError:
        problem = f"not UTF-8 text: {path}; save it as UTF-8"
    except OSError as error:
        problem = f"cannot be read: {path} ({error.strerror})"
    raise InvalidSetting(f"{name}_FILE", problem)
