"""A body in chunks (RFC 9112, 7.1), taken apart. Trailers are dropped: no field that comes after a body may authorise it."""

import re

from fraud_detection_api.routes.wire.refusal import head_too_large, malformed

LONGEST_LINE = 256
"""Bytes of the line before a chunk, with its extensions, which nobody uses."""

MOST_TRAILER_BYTES = 8 * 1024
CHUNKS_A_STEP = 1_000
"""Chunks that are read in one step: a body of tiny ones would hold up the event loop for a tenth of a second."""

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n")


class ChunkedBody:
    """The state of a body between two steps."""

    def __init__(self) -> None:
        self._left = 0  # of the chunk, with the line end that follows it
        self._trailer_bytes = -1  # before the trailers
        self.ended = self.interrupted = False

    def take(self, came: bytearray) -> bytes:
        """Remove what can be read now, and return the content in it. Raises Refused."""
        pieces: list[bytes] = []
        at = 0
        self.interrupted = True  # where nothing else ends the step
        for _ in range(CHUNKS_A_STEP):
            before = at
            at = self._trailers(came, at) if self._trailer_bytes >= 0 else self._chunk(came, at, pieces)
            if at == before or self.ended:
                self.interrupted = False
                break
        del came[:at]
        return b"".join(pieces)

    def _chunk(self, came: bytearray, at: int, pieces: list[bytes]) -> int:
        """Read the line before a chunk, or as much of the chunk as has come; returns where the rest begins."""
        if not self._left:
            line = _SIZE_LINE.match(came, at)
            if line is None:
                _require_more(came, at, LONGEST_LINE)
                return at
            if line.end() - at > LONGEST_LINE:
                raise malformed("the line before a chunk is too long")
            size = int(line[1], 16)
            self._left = size + 2
            if not size:
                self._trailer_bytes = self._left = 0
                return line.end()
            at = line.end()
        content = min(self._left - 2, len(came) - at)
        if content > 0:
            pieces.append(bytes(came[at : at + content]))
            at, self._left = at + content, self._left - content
        if self._left <= 2 and len(came) - at >= 2:
            if came[at : at + 2] != b"\r\n":
                raise malformed("a chunk is longer than it says")
            at, self._left = at + 2, 0
        return at

    def _trailers(self, came: bytearray, at: int) -> int:
        if came.startswith(b"\r\n", at):
            self.ended = True
            return at + 2
        line = _TRAILER.match(came, at)
        if line is None:
            _require_more(came, at, MOST_TRAILER_BYTES)
            return at
        self._trailer_bytes += line.end() - at
        if self._trailer_bytes > MOST_TRAILER_BYTES:
            raise head_too_large(f"the trailers are larger than {MOST_TRAILER_BYTES} bytes")
        return line.end()


def _require_more(came: bytearray, at: int, longest: int) -> None:
    """A line that cannot be read: it may be incomplete. Raises Refused where it is complete, or too long."""
    if came.find(b"\n", at) >= 0 or len(came) - at > longest:
        raise malformed("a chunk is malformed")
