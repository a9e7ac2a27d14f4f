"""Copies of the log's signed roots outside of the store: in a file, or sent to a web address."""

import errno
import os
import stat
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.client import HTTPException
from io import RawIOBase
from pathlib import Path

from pydantic_core import to_json

from fraud_detection_api.decision.log import SignedRoot, signed_root
from fraud_detection_api.errors import InvalidEvidence

WEB_SECONDS = 5.0


class RootFile:
    """A file with a JSON object a line, which is only appended to."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, roots: Sequence[SignedRoot]) -> None:
        """Append roots, durably, all or none as far as the disk allows. Raises InvalidEvidence; waits for no pipe."""
        lines = b"".join(to_json(root.as_json()) + b"\n" for root in roots)
        try:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
            with os.fdopen(os.open(self._path, flags, 0o644), "ab+", buffering=0) as file:
                _append(file, lines)
        except OSError as error:
            raise InvalidEvidence(f"{self._path} cannot be written: {error.strerror}") from error

    def read(self) -> list[SignedRoot]:
        """The roots in the file. Raises InvalidEvidence."""
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError as error:
            raise InvalidEvidence(f"{self._path} cannot be read: {error.strerror}") from error
        roots = []
        for number, line in enumerate(lines, 1):
            try:
                roots.append(signed_root(line))
            except ValueError:
                raise InvalidEvidence(
                    f"{self._path}, line {number}: not a root that was exported; remove the line if a crash cut it off"
                ) from None
        return roots


def _append(file: RawIOBase, lines: bytes) -> None:
    """Append to an unbuffered file, after the end of a line that a crash cut off. Raises OSError, with nothing appended."""
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise OSError(errno.EINVAL, "it is not a file")
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - 1, 0))
    lines = b"\n" * (file.read(1) not in {b"", b"\n"}) + lines
    try:
        _write_all(file, lines)
        os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            os.ftruncate(file.fileno(), size)
        raise


def _write_all(file: RawIOBase, content: bytes) -> None:
    """Write to an unbuffered file, which writes a part if the disk is nearly full. Raises OSError."""
    if file.write(content) != len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def posted_to(url: str) -> Callable[[SignedRoot], None]:
    """Sends a root as JSON by POST. The call raises InvalidEvidence where the address does not answer 2xx.

    Each step may take 5 s, so that an address that answers in small pieces holds its caller for longer.
    """

    def post(root: SignedRoot) -> None:
        try:
            request = urllib.request.Request(  # noqa: S310 the setting allows http and https alone
                url, to_json(root.as_json()), {"Content-Type": "application/json"}, method="POST"
            )
            with urllib.request.urlopen(request, timeout=WEB_SECONDS):  # noqa: S310
                pass
        except (OSError, ValueError, HTTPException) as error:
            reason = f"status {error.code}" if isinstance(error, urllib.error.HTTPError) else type(error).__name__
            raise InvalidEvidence(f"a root could not be sent to FRAUD_LOG_ROOTS: {reason}") from error

    return post
