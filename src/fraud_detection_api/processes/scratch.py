"""A folder for files that must not outlive a command: they hold customers' records."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fraud_detection_api.processes.owned_folders import make_owned


@contextmanager
def scratch_folder(purpose: str) -> Iterator[Path]:
    """A folder while the block runs, that nobody else may enter. What earlier ones left that were killed is removed."""
    folder, lock = make_owned(f"fraud-{purpose}-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
