"""Temporary folders, which outlive neither the process that made them nor, for long, one that was killed.

The owner holds a lock in its folder. The lock ends with the owner, however that ends: a free lock marks an abandoned folder.
"""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fraud_detection_api.errors import InvalidSetting
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
    _require_meant_folder()
    _remove_abandoned(prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    fresh = folder / "fresh"
    lock = os.open(fresh, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    fresh.rename(folder / _LOCK)  # only now: a folder whose lock is free is removed
    return folder, lock


def _require_meant_folder() -> None:
    """Raise InvalidSetting where Python takes another folder than the one that TMPDIR names: it may be full soon."""
    wanted = os.environ.get("TMPDIR")
    if wanted and not (Path(wanted).is_dir() and Path(wanted).samefile(tempfile.gettempdir())):
        raise InvalidSetting("TMPDIR", "is not a folder that can be written to")


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


FOLDER = "FRAUD_METRICS_FOLDER"
_OF_A_SLOT = re.compile(r"(worker|keeper|history|observer)(-\d+)?\.(json|new|lock)")


@contextmanager
def metrics_folder(named: Path | None) -> Iterator[None]:
    """An empty folder while the block runs. `named` is the setting's; without one, a folder is made and later removed.

    The processes find the made folder in this process's environment. Raises InvalidSetting where the named folder cannot
    be made or emptied.
    """
    if named is not None:
        _empty(named)
        yield
        return
    with server_folder("metrics") as folder:
        os.environ[FOLDER] = str(folder)
        try:
            yield
        finally:
            del os.environ[FOLDER]


def _empty(folder: Path) -> None:
    """Remove the files of an earlier server, whose counts would be added to this server's."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if _OF_A_SLOT.fullmatch(path.name):
                path.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidSetting(FOLDER, f"the folder cannot be made or emptied: {error.strerror}") from error
