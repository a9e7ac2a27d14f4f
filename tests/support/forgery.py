"""Bundles as a forger would make them: other content, and a manifest that agrees with it."""

import hashlib
import json
from pathlib import Path

from fraud_detection_api.model.bundle import MANIFEST


def sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def resealed(files, **changed: bytes) -> dict[str, bytes]:
    """Files with others of the same name in place, and a manifest that agrees with them: a forger's work."""
    contents = {**files, **{name.replace("_", "."): content for name, content in changed.items()}}
    del contents[MANIFEST]
    digests = {name: sha256(content) for name, content in contents.items()}
    whole = sha256("".join(f"{name} {digests[name]}\n" for name in sorted(digests)).encode())
    return {**contents, MANIFEST: manifest_of(files, files=digests, digest=whole)}


def manifest_of(bundle_files, **changes: object) -> bytes:
    return json.dumps({**json.loads(bundle_files[MANIFEST]), **changes}).encode()


def flip_a_bit(registry: Path, version: str, name: str = "booster.ubj") -> Path:
    """Damage a file of a registered bundle, as a bad disk would; returns its path."""
    path = registry / "versions" / version / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    return path
