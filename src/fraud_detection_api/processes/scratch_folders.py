"""Temporary folders that outlive neither the process that made them nor, for long, one that was killed.

The owner holds a lock in its folder. The lock ends with the owner, however that ends: a free lock marks an abandoned folder.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fraud_detection_api.processes.sigterm import tidied

_LOCK = "owner.lock"


@contextmanager
def scratch_folder(purpose: str) -> Iterator[Path]:
    """A folder for the time of the block, for the user alone. Abandoned folders of the same purpose are removed."""
    folder, lock = _make(f"fraud-{purpose}-")
    try:
        yield folder
    finally:
        _remove(folder)
        os.close(lock)


@contextmanager
def server_folder(purpose: str) -> Iterator[Path]:
    """A scratch folder for a server: it is removed also when SIGTERM ends the process."""
    with scratch_folder(purpose) as folder, tidied(lambda: _remove(folder)):
        yield folder


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _make(prefix: str) -> tuple[Path, int]:
    """A fresh folder, and the descriptor of its lock."""
    _remove_abandoned(prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    fresh = folder / "fresh"
    lock = os.open(fresh, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    fresh.rename(folder / _LOCK)  # only now: a folder whose lock is free is removed
    return folder, lock


def _remove_abandoned(prefix: str) -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{prefix}*/{_LOCK}"):
        try:
            if path.parent.is_symlink():
                continue
            lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:  # it belongs to another user, or another process has just removed it
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(path.parent)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)
