"""DecisionJournal in files of a folder: lines with a checksum each, appended, synced, and removed once they are stored.

A file belongs to the process that holds its lock, so that other processes can take the file of a killed one.
"""

import fcntl
import logging
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from threading import Lock
from uuid import uuid4

from pydantic_core import from_json, to_json

from fraud_detection_api.decision.stored import ROWS, StoredRequest
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.services.storage.decision_writer import Held, JournalBacklog
from fraud_detection_api.tables.whole_files import sync
from fraud_detection_api.telemetry import log_event

_SUFFIX, _DAMAGED, _UNNAMED = ".journal", ".damaged", "[0-9a-f]" * 32
_RECORDS_A_BATCH = 2_000
_CHECKSUM_DIGITS = 8
_PROBE = b" " * 4096
"""It has no line end: if this process is killed before it truncates the probe, the probe is not a line."""


class FileJournal:
    """A journal in `folder`, which the first write creates.

    A disk that hangs holds up the thread that writes. Others get StoreUnavailable after `patience_seconds`.
    """

    def __init__(self, folder: Path, *, patience_seconds: float = 2.0) -> None:
        self._folder, self._patience_seconds = folder, patience_seconds
        self._hold = Lock()
        self._file: int | None = None
        self._size = 0

    def check(self) -> None:
        with self._alone(), self._written(_PROBE) as file:
            os.ftruncate(file, self._size)

    def append(self, requests: Sequence[StoredRequest]) -> None:
        if not requests:
            return
        lines = b"".join(map(_line, requests))
        with self._alone(), self._written(lines):
            self._size += len(lines)

    @contextmanager
    def holding(self) -> Iterator[Held]:
        with self._failures("written"):
            held = _HeldFile(*self._begin())
        is_done = False
        try:
            with self._failures("written"):
                yield held
            is_done = True
        finally:
            if is_done or not held.is_complete:
                held.remove()
            held.close()

    def waiting(self) -> Iterator[Sequence[StoredRequest]]:
        with self._alone():
            self._release()
        with self._failures("read"):
            self._remove_unnamed()
            for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
                yield from self._batches(path)

    def put_aside(self, requests: Sequence[StoredRequest]) -> None:
        with self._failures("written"):
            file = os.open(self._folder / f"refused{_DAMAGED}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                _write_all(file, b"".join(map(_line, requests)))
                os.fsync(file)
            finally:
                os.close(file)

    def backlog(self) -> JournalBacklog:
        sizes: list[int] = []
        with self._failures("read"):
            for path in chain(self._folder.glob(f"*{_SUFFIX}"), self._folder.glob(_UNNAMED)):
                with suppress(FileNotFoundError):  # it was drained meanwhile
                    sizes.append(path.stat().st_size)
            return JournalBacklog(len(sizes), sum(sizes), len(list(self._folder.glob(f"*{_DAMAGED}"))))

    def close(self) -> None:
        with suppress(StoreUnavailable), self._alone():
            self._release()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._hold.acquire(timeout=self._patience_seconds):
            raise StoreUnavailable(f"the journal {self._folder} does not answer")
        try:
            yield
        finally:
            self._hold.release()

    def _batches(self, path: Path) -> Iterator[Sequence[StoredRequest]]:
        """A file's requests, then remove it; nothing if a living process writes to the file."""
        try:
            file = path.open("rb")
        except FileNotFoundError:  # another process has drained it
            return
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            damaged, batch, records = 0, [], 0
            for line in file:
                if not line.endswith(b"\n"):
                    break  # it was never reported as stored
                if (request := _request(line[:-1])) is None:
                    damaged += 1
                    continue
                batch.append(request)
                records += len(request.decisions)
                if records >= _RECORDS_A_BATCH:
                    yield batch
                    batch, records = [], 0
            if batch:
                yield batch
            self._remove(path, damaged)

    @staticmethod
    def _remove(path: Path, damaged: int) -> None:
        """Remove a file; rename it if it has damaged lines that a person has to look at."""
        if not damaged:
            path.unlink(missing_ok=True)
            return
        with suppress(FileNotFoundError):  # another process has renamed it
            path.replace(path.with_suffix(_DAMAGED))
            log_event("journal_damaged", level=logging.ERROR, file=path.name, lines=damaged)

    @contextmanager
    def _written(self, content: bytes) -> Iterator[int]:
        """The file with the content appended, on the disk; without the content if that or the block fails."""
        with self._failures("written"):
            if self._file is None:
                self._file, self._size = self._create(), 0
            try:
                _write_all(self._file, content)
                os.fsync(self._file)
                yield self._file
            except OSError:
                with suppress(OSError):  # a full disk; the content was never reported as stored
                    os.ftruncate(self._file, self._size)
                self._release()
                raise

    def _create(self) -> int:
        file, path = self._begin()
        _named(path)
        sync(self._folder)
        return file

    def _begin(self) -> tuple[int, Path]:
        """A file without the journal's suffix, which nobody drains. Locked: who drains removes what nobody locks."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / uuid4().hex
        with self._locked_folder():
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
        return file, path

    @contextmanager
    def _locked_folder(self) -> Iterator[None]:
        """While nobody else has it, each file that nobody locks was left by a process that is gone."""
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _remove_unnamed(self) -> None:
        """Remove what killed processes were writing: it was never reported as stored."""
        unnamed = list(self._folder.glob(_UNNAMED))
        if not unnamed:
            return
        with self._locked_folder():
            for path in unnamed:
                with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()

    def _release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    @contextmanager
    def _failures(self, verb: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise StoreUnavailable(f"the journal {self._folder} cannot be {verb}: {reason}") from error


class _HeldFile:
    """A file that gets its name when it is complete."""

    def __init__(self, file: int, path: Path) -> None:
        self._file, self._path, self.is_complete = file, path, False

    def add(self, request: StoredRequest) -> None:
        _write_all(self._file, _line(request))

    def complete(self) -> None:
        os.fsync(self._file)
        self._path, self.is_complete = _named(self._path), True
        sync(self._path.parent)

    def remove(self) -> None:
        with suppress(OSError):  # what is stored a second time changes nothing
            self._path.unlink()

    def close(self) -> None:
        os.close(self._file)


def _named(path: Path) -> Path:
    """The file of the journal that this one is from now on."""
    return path.rename(path.with_suffix(_SUFFIX))


def _line(request: StoredRequest) -> bytes:
    losses = [request.losses] if request.losses else []
    content = to_json([*(ROWS.values(row) for row in request.decisions), *losses])
    return b"%08x" % zlib.crc32(content) + content + b"\n"


def _request(line: bytes) -> StoredRequest | None:
    """What the line holds; None if it is damaged, or if a version with other rows wrote it."""
    content = line[_CHECKSUM_DIGITS:]
    if line[:_CHECKSUM_DIGITS] != b"%08x" % zlib.crc32(content):
        return None
    try:
        rows = from_json(content)
        losses = rows.pop() if rows and isinstance(rows[-1], dict) else None
        return StoredRequest([ROWS.row(values) for values in rows], losses=losses)
    except (TypeError, ValueError):
        return None


def _write_all(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]
