"""Files that are written whole or not at all."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from fraud_detection_api.errors import InvalidDataset

_NAME_KEPT = 40  # of a file's name in the hidden one beside it, which must not become too long for the file system


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """A hidden file beside `target` to write to, which takes its name at the end; after any failure it is removed.

    Raises InvalidDataset where it cannot be written.
    """
    waiting = target.with_name(f".{target.stem[:_NAME_KEPT]}.{uuid4().hex}{target.suffix}")
    try:
        yield waiting
        _sync(waiting)
        waiting.replace(target)
    except _errors_of_writing() as error:
        raise unwritable(target, error) from error
    finally:
        with suppress(OSError):  # where nothing can be written there is nothing to remove, and the reason is on its way
            waiting.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def unwritable(path: Path, error: Exception) -> InvalidDataset:
    """What is told of a file that cannot be written, by the system's error number alone: a message may quote data."""
    number = re.search(r"\(os error (\d+)\)", str(error))  # Polars' own errors carry no `strerror`
    reason = os.strerror(int(number[1])) if number else getattr(error, "strerror", None) or type(error).__name__
    reason = "no such folder" if isinstance(error, FileNotFoundError) else reason
    return InvalidDataset(str(path), [f"cannot be written: {reason}"])


def _errors_of_writing() -> tuple[type[Exception], ...]:
    """The system's errors, and those of Polars where a caller has loaded it: serving does without."""
    polars = sys.modules.get("polars")
    return (OSError,) if polars is None else (OSError, polars.exceptions.PolarsError)
