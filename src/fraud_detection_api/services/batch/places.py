"""Where the files of a large table lie: the port, and a folder on a disk."""

import fcntl
import os
import re
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

import polars as pl

from fraud_detection_api.errors import FilesUnavailable, InvalidDataset
from fraud_detection_api.tables.whole_files import left_behind, unwritable, writing, written_whole

EVERYTHING = "**"
"""The pattern that matches every file at any depth."""

_WILDCARD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a place: its path there, with `/`, its size in bytes, and its version, which changes with its content."""

    name: str
    size: int
    version: str


class Place(Protocol):
    """A folder of files, on a disk or in object storage. Picklable, so that another process can work on it.

    `str(place)` names it in messages, without credentials. Every method raises FilesUnavailable for what stops all work on
    the place: it does not answer, denies access, or is full.
    """

    def parts(self, pattern: str = EVERYTHING) -> list[Part]:
        """The files that match the pattern, by name; none where there is no such folder.

        `**` stands for any number of folders, `*`, `?` and `[…]` for characters of one name. Names that begin with `.` or
        `_`, of files and of folders, are left out.
        """
        ...

    def fetched(self, name: str) -> AbstractContextManager[Path]:
        """A local file with what the part holds, to be read within the block. Raises InvalidDataset where it is gone."""
        ...

    def written(self, name: str) -> AbstractContextManager[Path]:
        """A local file to write to, which appears in the place under the name at the end of the block.

        It appears whole, or not at all after an error in the block. Raises InvalidDataset where that name cannot be written.
        """
        ...

    def read(self, name: str) -> bytes | None:
        """What a small file holds; None where there is none."""
        ...

    def claimed(self) -> AbstractContextManager[None]:
        """Keeps other runs from writing to the place, where that can be known, and removes what a killed one left.

        Raises InvalidDataset where another run writes there.
        """
        ...

    def constants(self, name: str, held: Collection[str]) -> dict[str, pl.Expr]:
        """The columns that the part stands for beyond those that its file holds, each one value for all of its rows.

        A Delta table has them: values of a partition, and nulls where a column is younger than the file.
        """
        ...


def split_glob(text: str) -> tuple[str, str]:
    """The folder without wildcards, and the pattern of the files in it.

    >>> split_glob("data/2024/*.parquet")
    ('data/2024', '*.parquet')
    >>> split_glob("s3://bucket/day=*/*.csv")
    ('s3://bucket', 'day=*/*.csv')
    >>> split_glob("data/2024")
    ('data/2024', '**')
    """
    wildcard = _WILDCARD.search(text)
    if wildcard is None:
        return text, EVERYTHING
    folder, slash, _ = text[: wildcard.start()].rpartition("/")
    return folder or slash or ".", text[len(folder) + len(slash) :]


def is_glob(pattern: str) -> bool:
    """Whether the pattern may match more than the file of that name."""
    return _WILDCARD.search(pattern) is not None


def chosen(name: str, pattern: str) -> bool:
    """Whether a part of that name matches the pattern and is not hidden.

    >>> chosen("day=1/a.csv", "**/*.csv"), chosen("day=1/a.csv", "*.csv"), chosen("_delta_log/0.json", "**")
    (True, False, False)
    """
    return not any(_is_hidden(each) for each in name.split("/")) and matches(name, pattern)


def matches(name: str, pattern: str) -> bool:
    """Whether a part of that name matches the pattern."""
    return _matches(name.split("/"), pattern.split("/"))


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "_"))


def _matches(names: list[str], patterns: list[str]) -> bool:
    if not patterns or not names:
        return names == patterns
    if patterns[0] == EVERYTHING:
        rest = patterns[1:]
        return not rest or any(_matches(names[skipped:], rest) for skipped in range(len(names)))
    return fnmatchcase(names[0], patterns[0]) and _matches(names[1:], patterns[1:])


@dataclass(frozen=True, slots=True)
class DiskFolder:
    """A folder on a disk of this machine, or on one that all machines mount."""

    root: Path

    def __str__(self) -> str:
        return str(self.root)

    def parts(self, pattern: str = EVERYTHING) -> list[Part]:
        try:
            names = [name for name in self._names() if chosen(name, pattern)]
            found = [Part(name, status.st_size, _version(status)) for name in names if (status := self._status(name))]
        except OSError as error:
            raise FilesUnavailable(str(self.root), f"cannot be listed: {error.strerror}") from error
        return sorted(found, key=lambda part: part.name)

    def _names(self) -> Iterator[str]:
        if not self.root.is_dir():
            return
        for folder, folders, files in os.walk(self.root, onerror=_raised):
            folders[:] = [name for name in folders if not _is_hidden(name)]
            for name in files:
                yield Path(folder, name).relative_to(self.root).as_posix()

    def _status(self, name: str) -> os.stat_result | None:
        """None for a file that has just been removed, and for what is no file."""
        path = self.root / name
        try:
            return path.stat() if path.is_file() else None
        except FileNotFoundError:
            return None

    @contextmanager
    def fetched(self, name: str) -> Iterator[Path]:
        path = self.root / name
        if not path.is_file():
            raise InvalidDataset(str(path), ["no such file"])
        yield path

    @contextmanager
    def written(self, name: str) -> Iterator[Path]:
        path = self.root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(path, error) from error
        with written_whole(path) as waiting:
            yield waiting

    def read(self, name: str) -> bytes | None:
        path = self.root / name
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise FilesUnavailable(str(path), f"cannot be read: {error.strerror}") from error

    @contextmanager
    def claimed(self) -> Iterator[None]:
        with writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        folder = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._tidy()  # after a run that was killed
            yield
            self._tidy()  # after processes of this run that were killed
        except BlockingIOError:
            raise InvalidDataset(str(self.root), ["is being written by another run; wait for its end"]) from None
        finally:
            os.close(folder)  # which ends the claim, as the end of the process would

    def _tidy(self) -> None:
        """Remove half-written files."""
        for path in self.root.rglob(".*"):
            if left_behind(path.name):
                path.unlink(missing_ok=True)

    def constants(self, name: str, held: Collection[str]) -> dict[str, pl.Expr]:  # noqa: ARG002 a file is what it holds
        return {}


def _raised(error: OSError) -> None:
    raise error


def _version(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns}-{status.st_size}"
