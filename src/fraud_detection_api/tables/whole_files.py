"""Files that are written completely or not at all."""

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from fraud_detection_api.errors import InvalidDataset

_NAME_KEPT = 40  # characters of the name that the hidden file repeats; a longer name may exceed the file system's limit


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """A hidden file to write to, which takes the name of `target` at the end. After a failure it is removed.

    Raises InvalidDataset where it cannot be written.
    """
    waiting = target.parent / f".{target.stem[:_NAME_KEPT]}.{uuid4().hex}{target.suffix}"
    try:
        require_file(target)
        yield waiting
        sync(waiting)
        waiting.replace(target)
    except _errors_of_writing() as error:
        raise unwritable(target, error) from error
    finally:
        with suppress(OSError):  # the error that is being raised is the one to report
            waiting.unlink(missing_ok=True)


def require_file(path: Path) -> None:
    """Raise OSError where the path exists and is no file: a new file would take the place of a device such as /dev/null."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EISDIR if path.is_dir() else errno.EINVAL, "it is not a file")


def sync(path: Path) -> None:
    """Put what was written to a file, or renamed in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unwritable(path: Path, error: Exception) -> InvalidDataset:
    """The error for a file that cannot be written. A library's message is left out, because it may quote data."""
    number = re.search(r"\(os error (\d+)\)", str(error))  # Polars' own errors carry no `strerror`
    reason = os.strerror(int(number[1])) if number else getattr(error, "strerror", None) or type(error).__name__
    reason = "no such folder" if isinstance(error, FileNotFoundError) else reason
    return InvalidDataset(str(path), [f"cannot be written: {reason}"])


def _errors_of_writing() -> tuple[type[Exception], ...]:
    """The system's errors, and those of Polars if it is loaded, which it is not in serving."""
    polars = sys.modules.get("polars")
    return (OSError,) if polars is None else (OSError, polars.exceptions.PolarsError)
