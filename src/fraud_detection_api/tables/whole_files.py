"""Files that are written completely or not at all."""

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from fraud_detection_api.errors import FilesUnavailable, InvalidDataset

_NAME_KEPT = 40  # characters of the name that the hidden file repeats; a longer name may exceed the file system's limit


_LEFT_BEHIND = re.compile(rf"\..{{0,{_NAME_KEPT}}}\.[0-9a-f]{{32}}(\.[a-z]+)?")


def left_behind(name: str) -> bool:
    """Whether a file of that name is half of one whose writer was killed, or is being written.

    >>> left_behind(".scored.0123456789abcdef0123456789abcdef.csv"), left_behind(".hidden.csv")
    (True, False)
    """
    return _LEFT_BEHIND.fullmatch(name) is not None


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """A hidden file to write to, which takes the name of `target` at the end. After a failure it is removed.

    Raises FilesUnavailable where the disk is full or broken, InvalidDataset where the file cannot be written.
    """
    waiting = target.parent / f".{target.stem[:_NAME_KEPT]}.{uuid4().hex}{target.suffix}"
    try:
        with writing(target):
            require_file(target)
            yield waiting
            sync(waiting)
            waiting.replace(target)
    finally:
        with suppress(OSError):  # the error that is being raised is the one to report
            waiting.unlink(missing_ok=True)


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn errors of writing `target` into those of `unwritable`."""
    try:
        yield
    except _errors_of_writing() as error:
        raise unwritable(target, error) from error


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


# what the next file would meet as well: the disk is full, broken, or gone
_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE, errno.ENODEV}


def unwritable(path: Path, error: Exception) -> FilesUnavailable | InvalidDataset:
    """The error for a file that cannot be written: FilesUnavailable where that is the disk's fault, else InvalidDataset.

    A library's message is left out, because it may quote data.
    """
    quoted = re.search(r"\(os error (\d+)\)", str(error))  # Polars' own errors carry no `strerror`
    number = int(quoted[1]) if quoted else getattr(error, "errno", None)
    reason = os.strerror(int(quoted[1])) if quoted else getattr(error, "strerror", None) or type(error).__name__
    if number in _DISK_ERRORS:
        return FilesUnavailable(str(path), f"cannot be written: {reason}")
    reason = "no such folder" if isinstance(error, FileNotFoundError) else reason
    return InvalidDataset(str(path), [f"cannot be written: {reason}"])


def _errors_of_writing() -> tuple[type[Exception], ...]:
    """The system's errors, and those of Polars if it is loaded, which it is not in serving."""
    polars = sys.modules.get("polars")
    return (OSError,) if polars is None else (OSError, polars.exceptions.PolarsError)
