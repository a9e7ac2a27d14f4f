"""The process that keeps decisions: `fraud serve` starts it before the workers, again if it dies, and ends it after them."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fraud_detection_api.processes.child_process import child_process

ADDRESS = "FRAUD_KEEPER"
_PAUSE_SECONDS = 0.2  # nothing is answered meanwhile


@contextmanager
def keeper_process() -> Iterator[None]:
    """Keep one running while the block does; its address is in this process's environment, for the workers.

    It ends once the last worker has gone; one that was not let finish may not have gone yet, and is not waited for.
    """
    folder = tempfile.mkdtemp(prefix="fraud-keeper-")  # nobody else may enter it
    os.environ[ADDRESS] = str(Path(folder) / "socket")

    def remove() -> None:
        shutil.rmtree(folder, ignore_errors=True)

    try:
        with child_process(
            "keeper",
            "fraud_detection_api.processes.decision_writer",
            [folder],
            pause_seconds=_PAUSE_SECONDS,
            afterwards=remove,
        ):
            yield
    finally:
        del os.environ[ADDRESS]
