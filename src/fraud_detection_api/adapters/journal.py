"""DecisionJournal in files of a folder: lines with a checksum each, appended, synced, and removed once they are elsewhere.

A file belongs to the process that holds its lock, so that one which was killed leaves its file to the others.
"""

import fcntl
import logging
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from uuid import uuid4

from pydantic_core import from_json, to_json

from fraud_detection_api.decision.kept import KeptRequest, row_from_json
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.telemetry import log_event

_SUFFIX, _DAMAGED = ".journal", ".damaged"
_REQUESTS_A_PIECE = 500
_CHECKSUM_DIGITS = 8


class FileJournal:
    """A journal in `folder`, which is made on the first write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hold = Lock()
        self._file: int | None = None
        self._size = 0

    def append(self, requests: Sequence[KeptRequest]) -> None:
        if not requests:
            return
        lines = b"".join(map(_line, requests))
        with self._hold, self._failures("written"):
            if self._file is None:
                self._file, self._size = self._begun(), 0
            try:
                _write_all(self._file, lines)
                os.fsync(self._file)
            except OSError:
                with suppress(OSError):  # of a full disk; what is cut off here was promised to nobody
                    os.ftruncate(self._file, self._size)
                self._let_go()
                raise
            self._size += len(lines)

    def waiting(self) -> Iterator[Sequence[KeptRequest]]:
        with self._hold:
            self._let_go()
        with self._failures("read"):
            for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
                yield from self._taken(path)

    def close(self) -> None:
        with self._hold:
            self._let_go()

    def _taken(self, path: Path) -> Iterator[Sequence[KeptRequest]]:
        """A file's requests, then no file; nothing where a process that lives writes to it."""
        try:
            file = path.open("rb")
        except FileNotFoundError:  # another process was quicker
            return
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            lines = file.read().split(b"\n")[:-1]  # what follows the last end of a line was promised to nobody
            sound = [line for line in lines if _is_sound(line)]
            for first in range(0, len(sound), _REQUESTS_A_PIECE):
                yield [_request(line) for line in sound[first : first + _REQUESTS_A_PIECE]]
            if len(sound) == len(lines):
                path.unlink(missing_ok=True)
            else:
                path.replace(path.with_suffix(_DAMAGED))
                log_event("journal_damaged", level=logging.ERROR, file=path.name, lines=len(lines) - len(sound))

    def _begun(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{uuid4().hex}{_SUFFIX}"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return file

    def _let_go(self) -> None:
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


def _line(request: KeptRequest) -> bytes:
    content = to_json([(*row[:-1], row.seal.hex()) for row in request.decisions])
    return b"%08x" % zlib.crc32(content) + content + b"\n"


def _is_sound(line: bytes) -> bool:
    return line[:_CHECKSUM_DIGITS] == b"%08x" % zlib.crc32(line[_CHECKSUM_DIGITS:])


def _request(line: bytes) -> KeptRequest:
    return KeptRequest([row_from_json(row) for row in from_json(line[_CHECKSUM_DIGITS:])])


def _write_all(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]
