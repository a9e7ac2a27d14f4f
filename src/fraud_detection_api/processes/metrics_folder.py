"""The folder in which the processes of a server share their metrics: `fraud serve` makes it, and leaves nothing behind."""

import os
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fraud_detection_api.errors import InvalidSetting
from fraud_detection_api.processes.owned_folders import make_owned

FOLDER = "FRAUD_METRICS_FOLDER"
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
    folder, lock = make_owned("fraud-metrics-")

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
