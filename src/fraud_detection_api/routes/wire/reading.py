"""The bytes that come on a connection, taken apart into heads and bodies (RFC 9112), away from any socket."""

import re
import urllib.parse
from functools import lru_cache
from typing import NamedTuple

import httptools

from fraud_detection_api.routes.wire.chunks import ChunkedBody
from fraud_detection_api.routes.wire.refusal import Refused, head_too_large, malformed

HEAD_BYTES = 32 * 1024
HEAD_FIELDS = 100
REMEMBERED_BYTES = 1024

_END = b"\r\n\r\n"
_OF_THE_CONNECTION = frozenset({b"content-length", b"transfer-encoding", b"connection", b"expect"})
_SENT_ONCE = frozenset({b"host", b"authorization", b"content-type", b"origin", b"sec-fetch-site"})
"""Fields that decide who asks, and for what. A proxy may count the second one where this server counts the first."""

_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|(?:[\w\-.~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?")
_LINE_BYTES = len(" ") + len(" HTTP/1.1")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SLASH_OF_SOME = re.compile(rb"\\|%2f|%5c", re.IGNORECASE)
"""What some readers of a path take for a slash, and others do not: a proxy that filters by path must not be one of those."""


class Target(NamedTuple):
    """What a request asks for. `authority` is the server that it names, None where it names none."""

    path: str
    raw_path: bytes
    query: bytes
    authority: bytes | None


class Head:
    """A request's head. The parser fills it in; `RequestReader` checks it."""

    __slots__ = (
        *("by_name", "expects_continue", "fields", "host", "is_chunked", "is_complete", "is_plain", "length", "method"),
        *("persists", "url", "version"),
    )

    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []
        self.by_name: dict[bytes, bytes] = {}  # the first of each name
        self.url = b""
        self.method = self.version = ""
        self.host: bytes | None = None
        self.length = 0
        self.is_chunked = self.expects_continue = self.is_complete = False
        self.persists = True
        self.is_plain: bool | None = None  # as the lane of its path finds, which asks once: the head may come again

    def on_url(self, part: bytes) -> None:
        """Part of the request's target."""
        self.url += part

    def on_header(self, name: bytes, content: bytes) -> None:
        """A field, in the order in which they came."""
        name = name.lower()
        self.fields.append((name, content))
        if name in _OF_THE_CONNECTION:
            self._note(name, content)

    def on_headers_complete(self) -> None:
        """The empty line after the fields."""
        self.is_complete = True

    def _note(self, name: bytes, content: bytes) -> None:
        match name:
            case b"content-length":
                self.length = int(content)  # the parser takes digits alone, and no second length
            case b"transfer-encoding":
                if content.strip(b" \t").lower() != b"chunked":
                    raise malformed("the only transfer encoding is `chunked`")
                self.is_chunked = True
            case b"connection":
                self.persists &= b"close" not in [option.strip() for option in content.lower().split(b",")]
            case b"expect":
                self.expects_continue = content.lower() == b"100-continue"

    def target(self) -> Target:
        """Raises Refused."""
        target = _target(self.url)
        if target.authority is not None and target.authority != (self.host or b"").lower():
            raise malformed("the request's target names another server than its Host header")
        return target


@lru_cache(maxsize=64)
def _target(url: bytes) -> Target:
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        raise malformed("the request's target cannot be read") from None
    if b"#" in url:
        raise malformed("the request's target has a fragment")
    raw_path: bytes = parsed.path or b"/"
    if _SLASH_OF_SOME.search(raw_path):
        raise malformed("the request's path has a backslash, or a slash or backslash that is encoded")
    path = urllib.parse.unquote(raw_path.decode("ascii"))
    if _CONTROL.search(path):
        raise malformed("the request's path has a control character")
    authority = None if parsed.schema is None else re.split(rb"[/?]", url.partition(b"://")[2])[0].lower()
    return Target(path, raw_path, parsed.query or b"", authority)


def _require_sent_once(names: list[bytes]) -> None:
    if twice := next((name for name in names if name in _SENT_ONCE and names.count(name) > 1), None):
        raise malformed(f"the header {twice.decode()} was sent more than once")


@lru_cache(maxsize=64)
def _is_host(host: bytes) -> bool:
    return _HOST.fullmatch(host) is not None


class RequestReader:
    """Takes requests from the bytes of a connection, one after another: a head, its body, and then the next head.

    Nothing beyond the request in hand is looked at: where a request ends is known before the next one is read. A request
    that has arrived whole is `head()` and one `body()`.
    """

    __slots__ = ("_begun", "_came", "_chunks", "_last", "_left", "_parsed")

    def __init__(self) -> None:
        self._came = bytearray()
        self._begun: tuple[Head, httptools.HttpRequestParser] | None = None  # a head that is incomplete
        self._last: tuple[bytes, Head] | None = None  # clients send the same head again and again
        self._parsed = 0  # bytes of it
        self._left = 0  # bytes of the body in hand
        self._chunks: ChunkedBody | None = None

    def feed(self, data: bytes) -> None:
        """Add what came."""
        self._came += data

    @property
    def waiting_bytes(self) -> int:
        """How much has come and is not taken."""
        return len(self._came)

    @property
    def body_ended(self) -> bool:
        """Whether the body in hand is taken, to its end."""
        return not self._left and (self._chunks is None or self._chunks.ended)

    @property
    def body_left(self) -> int | None:
        """Bytes of the body in hand that are not taken; None where nobody knows."""
        return self._left if self._chunks is None else None

    @property
    def is_interrupted(self) -> bool:
        """Whether `body()` stopped before the end of what has come, so that others get a turn."""
        return self._chunks is not None and self._chunks.interrupted

    def same_again(self, data: bytes) -> tuple[Head, bytes] | None:
        """Head and body, where `data` is the whole of the next request, and has the head of the last one; else None.

        Nothing is taken in; `feed` does that. The body in hand has ended.
        """
        if self._last is None or self._came or not data.startswith(self._last[0]):
            return None
        sent, head = self._last
        return (head, data[len(sent) :]) if len(data) == len(sent) + head.length and not head.is_chunked else None

    def head(self) -> Head | None:
        """The next request's head, None while it is incomplete. The body before it has ended. Raises Refused."""
        came = self._came
        if self._begun is None and came.startswith((b"\r", b"\n")):  # RFC 9112, 2.2: empty lines before a request
            del came[: len(came) - len(came.lstrip(b"\r\n"))]
        if not came:
            return None
        if self._last is not None and self._begun is None and came.startswith(self._last[0]):
            return self._taken(*self._last)
        end = came.find(_END, max(0, self._parsed - len(_END)))
        head, parser = self._begun or _new_head()
        arrived = len(came) if end < 0 else end + len(_END)
        if arrived > HEAD_BYTES:
            raise head_too_large(f"the request's head is larger than {HEAD_BYTES} bytes")
        try:
            parser.feed_data(came[self._parsed : arrived])
        except httptools.HttpParserUpgrade:
            pass  # ignored (RFC 9110, 7.8): Java's client and `curl --http2` send it with their first request
        except httptools.HttpParserError as error:
            raise _cause(error) from None
        if len(head.fields) > HEAD_FIELDS:
            raise head_too_large(f"the request's head has more than {HEAD_FIELDS} fields")
        if end < 0:
            self._begun, self._parsed = (head, parser), arrived
            return None
        self._complete(head, parser, came.find(b"\r\n"))
        self._last = (bytes(came[:arrived]), head) if arrived <= REMEMBERED_BYTES else None
        return self._taken(came[:arrived], head)

    def _taken(self, sent: bytes | bytearray, head: Head) -> Head:
        del self._came[: len(sent)]
        self._begun, self._parsed = None, 0
        self._left, self._chunks = head.length, ChunkedBody() if head.is_chunked else None
        return head

    def _complete(self, head: Head, parser: httptools.HttpRequestParser, line_end: int) -> None:
        head.method, head.version = parser.get_method().decode("ascii"), "1.1"
        version = self._came[line_end - 8 : line_end]
        if line_end != len(head.method) + len(head.url) + _LINE_BYTES:
            raise malformed("the request line must be a method, a target and a version, with one space between them")
        head.by_name = dict(reversed(head.fields))
        if len(head.by_name) < len(head.fields):
            _require_sent_once([name for name, _ in head.fields])
        head.host = head.by_name.get(b"host")
        if version != b"HTTP/1.1":
            if version != b"HTTP/1.0":
                raise malformed("the version of HTTP is not 1.1 or 1.0")
            if head.is_chunked:
                raise malformed("HTTP/1.0 has no transfer encoding")
            head.version, head.persists, head.expects_continue = "1.0", False, False
        elif head.host is None:
            raise malformed("a request has one Host header")
        if head.host is not None and not _is_host(head.host):
            raise malformed("the Host header is no host and port")
        if not head.is_complete:
            raise malformed()

    def whole_body(self, most_bytes: int) -> bytes | None:
        """The body in hand, which is not taken by this; None where it has not all come, or is in chunks, or too large."""
        if self._chunks is not None or self._left > min(len(self._came), most_bytes):
            return None
        return bytes(self._came[: self._left])

    def drop_body(self) -> None:
        """Drop a body that has come whole."""
        del self._came[: self._left]
        self._left = 0

    def body(self) -> bytes:
        """What has come of the body in hand, and is not taken yet. Raises Refused."""
        if self._chunks is not None:
            return b"" if self._chunks.ended else self._chunks.take(self._came)
        if self._left == len(self._came):
            piece, self._came = bytes(self._came), bytearray()
        else:
            piece = bytes(self._came[: self._left])
            del self._came[: len(piece)]
        self._left -= len(piece)
        return piece


def _new_head() -> tuple[Head, httptools.HttpRequestParser]:
    head = Head()
    return head, httptools.HttpRequestParser(head)


def _cause(error: httptools.HttpParserError) -> BaseException:
    """What a callback raised, or the refusal of what the parser does not take."""
    return error.__context__ if isinstance(error.__context__, Refused) else malformed()
