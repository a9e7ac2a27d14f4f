"""The folder in which the processes of a server share their metrics."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fraud_detection_api.errors import InvalidSetting
from fraud_detection_api.processes.scratch_folders import server_folder

FOLDER = "FRAUD_METRICS_FOLDER"
_OF_A_SLOT = re.compile(r"(worker|keeper|observer)(-\d+)?\.(json|new|lock)")


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
