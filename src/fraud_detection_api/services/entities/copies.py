"""Copies of a history in files, so that a server need not fold all events again when it starts.

A file is a line of JSON, the arrays that the line lists one after another, and a seal of all that. A copy that cannot be
used, for whatever reason, is as good as none: the store has all that it says.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.decision.row_format import seal

_FORMAT = 1
_SEALED = b"\1"


class Copy(NamedTuple):
    """`about` says what the arrays are of."""

    about: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


def write_copy(copy: Copy, path: Path, key: bytes) -> None:
    """Write a copy, whole or not at all, sealed by `key`. Raises OSError."""
    listed = [[name, array.dtype.str, array.shape] for name, array in copy.arrays.items()]
    head = json.dumps({"format": _FORMAT, "about": copy.about, "arrays": listed}).encode() + b"\n"
    waiting = path.with_name(f"{path.name}.new")
    descriptor = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it names entities
    with os.fdopen(descriptor, "wb") as file:
        file.write(head)
        for array in copy.arrays.values():
            file.write(_bytes(array))
        file.write(_seal(head, copy.arrays.values(), key))
        file.flush()
        os.fsync(file.fileno())
    waiting.rename(path)


def read_copy(path: Path, key: bytes) -> Copy | None:
    """The copy in a file; None where there is none, or where somebody without the key may have changed it."""
    try:
        with path.open("rb") as file:
            head = file.readline()
            described = json.loads(head)
            if described["format"] != _FORMAT:
                return None
            arrays = {}
            for name, dtype, shape in described["arrays"]:
                arrays[name] = array = np.empty(shape, dtype=np.dtype(dtype))
                if file.readinto(_bytes(array)) != array.nbytes:
                    return None
            found = file.read()
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return Copy(described["about"], arrays) if found == _seal(head, arrays.values(), key) else None


def _seal(head: bytes, arrays: Iterable[NDArray[Any]], key: bytes) -> bytes:
    digest = hashlib.blake2b(head)
    for array in arrays:
        digest.update(_bytes(array))
    return seal(_SEALED, digest.digest(), key)


def _bytes(array: NDArray[Any]) -> memoryview:
    """The bytes of an array, which are not copied."""
    return array.reshape(-1).view(np.uint8).data
