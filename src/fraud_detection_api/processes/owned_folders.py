"""Temporary folders that tell whether whoever made them is still there: its lock ends with it, however it ends."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_LOCK = "owner.lock"


def make_owned(prefix: str) -> tuple[Path, int]:
    """A fresh folder that nobody else may enter, and the descriptor of its lock, to be closed when it is done with.

    What owners of before left that were killed is removed.
    """
    _remove_abandoned(prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    fresh = folder / "fresh"
    lock = os.open(fresh, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    fresh.rename(folder / _LOCK)  # only now: whoever finds a lock free removes all
    return folder, lock


def _remove_abandoned(prefix: str) -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{prefix}*/{_LOCK}"):
        try:
            if path.parent.is_symlink():
                continue
            lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:  # another user's, or somebody else has just removed it
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.parent, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)
