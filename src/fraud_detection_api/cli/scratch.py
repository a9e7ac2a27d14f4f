"""A folder for files that must not outlive a command: they hold customers' records."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def scratch_folder(purpose: str, owner: str) -> Iterator[Path]:
    """A folder while the block runs, that nobody else may enter. What an earlier holder left that was killed is removed.

    Only one process at a time may hold one for that purpose and owner, which is a text such as the address of a store.
    """
    prefix = f"fraud-{purpose}-{hashlib.sha256(owner.encode()).hexdigest()[:12]}-"
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with suppress(OSError):  # somebody else's, or gone
            if left.lstat().st_uid == os.getuid() and not left.is_symlink():
                shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=prefix) as folder:
        yield Path(folder)
