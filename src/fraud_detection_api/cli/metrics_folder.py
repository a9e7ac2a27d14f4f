"""The folder in which the processes of a server share their metrics: `fraud serve` makes it, and leaves nothing behind."""

import fcntl
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fraud_detection_api.errors import InvalidSetting

FOLDER = "FRAUD_METRICS_FOLDER"
_PREFIX, _LOCK = "fraud-metrics-", "server.lock"
_OF_A_SLOT = re.compile(r"(worker|keeper|observer)(-\d+)?\.(json|new|lock)")


@contextmanager
def metrics_folder(named: Path | None) -> Iterator[None]:
    """An empty folder while the block runs, told to the processes by this one's environment; `named` is the setting's.

    Raises InvalidSetting where the named one cannot be made or emptied.
    """
    if named is not None:
        _empty(named)
        yield
        return
    _remove_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))  # nobody else may enter it
    lock = _locked(folder)

    def end(number: int, _frame: object) -> None:
        """The server has stopped, and uvicorn sends the signal that stopped it once more, to end the process."""
        shutil.rmtree(folder, ignore_errors=True)
        signal.signal(number, before)
        signal.raise_signal(number)

    os.environ[FOLDER] = str(folder)
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        del os.environ[FOLDER]
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _empty(folder: Path) -> None:
    """What an earlier server counted is over: a sum that it began would be taken for this one's."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if _OF_A_SLOT.fullmatch(path.name):
                path.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidSetting(FOLDER, f"the folder cannot be made or emptied: {error.strerror}") from error


def _locked(folder: Path) -> int:
    """The lock that says that a server lives; it gets its name once it is held, for whoever finds it free removes all."""
    fresh = folder / "fresh"
    lock = os.open(fresh, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    fresh.rename(folder / _LOCK)
    return lock


def _remove_abandoned() -> None:
    """Folders of servers that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        try:
            lock = os.open(path, os.O_RDWR)
        except OSError:  # another user's, or another server has just removed it
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.parent, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)
