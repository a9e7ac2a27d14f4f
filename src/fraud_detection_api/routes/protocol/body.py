"""A request's headers, and the bytes of its body, within limits on type, size, time and memory."""

import asyncio
from codecs import BOM_UTF8
from collections.abc import Awaitable, Coroutine, Generator, Mapping
from functools import lru_cache
from types import coroutine
from typing import Any, NamedTuple

from starlette.types import Message, Receive, Scope

from fraud_detection_api.errors import BodyTooLarge, BodyTooSlow, MalformedBody, UnsupportedMedia
from fraud_detection_api.schemas.records.parser import LARGE_BODY_BYTES, SMALL_BODY_BYTES
from fraud_detection_api.services.admission.callers import Caller
from fraud_detection_api.services.admission.shares import Shares

Headers = Mapping[bytes, bytes]
_Body = tuple[bytes, int]

MANY_RECORDS = 50
"""Records that are decided, with reasons, in two or three milliseconds."""

UNCOUNTED_BYTES = 64 * 1024
"""A body below this that came at once is not counted: the number of requests in progress bounds them well enough."""


LONG_RECORD_BYTES = 200
"""Most records are shorter. A body of other things takes as long as one of so many records."""


class RequestLimits(NamedTuple):
    """How large a request may be, and how long its body may take to arrive."""

    body_bytes: int
    body_seconds: float
    records: int


def headers_of(scope: Scope) -> Headers:
    """Headers by lower-case name. Where a header occurs more than once, the first counts."""
    return dict(reversed(scope["headers"]))


def has_body(headers: Headers) -> bool:
    """Whether the headers announce a body."""
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"


async def read_json_body(
    headers: Headers, receive: Receive, limits: RequestLimits, bodies: Shares, caller: Caller
) -> _Body:
    """The whole body, without a mark that it is UTF-8, and how much of the caller's share of `bodies` is to be given back.

    Raises UnsupportedMedia, and as `read_body`.
    """
    if (problem := media_problem(headers.get(b"content-type", b""))) is not None:
        raise UnsupportedMedia(problem)
    body, held = await read_body(headers, receive, limits, bodies, caller)
    return body.removeprefix(BOM_UTF8), held


async def read_body(headers: Headers, receive: Receive, limits: RequestLimits, bodies: Shares, caller: Caller) -> _Body:
    """The whole body, of any type, and how much of the caller's share of `bodies` is to be given back.

    Raises UnsupportedMedia where it is compressed, BodyTooLarge, BodyTooSlow, Overloaded where bodies take too much memory,
    and MalformedBody where the caller hung up. Nothing is held then.
    """
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMedia("compressed bodies are not read; send no Content-Encoding")
    length = headers.get(b"content-length", b"")
    stated = int(length) if length.isdigit() else 0
    if stated > limits.body_bytes:
        raise BodyTooLarge(limits.body_bytes)
    reading = _read(receive, limits.body_bytes, stated, bodies, caller)
    try:
        waiting_for = reading.send(None)
    except StopIteration as whole:  # nearly every body arrives with its headers, and needs no clock
        body, held = whole.value
    else:
        body, held = await _in_time(_resumed(reading, waiting_for), limits.body_seconds)
    return body, held


def is_large(body: bytes) -> bool:
    """Whether the work that a body asks for takes milliseconds, so that it must wait for its turn beside small requests."""
    if len(body) < SMALL_BODY_BYTES:  # nearly all; nothing is counted
        return False
    return len(body) >= LARGE_BODY_BYTES or records_in(body) > MANY_RECORDS


def records_in(body: bytes) -> int:
    """How many records there are in a body that is not parsed yet: nearly its number of objects."""
    return body.count(b"{") or 1


def cost_of(body: bytes) -> float:
    """The work that a large body is, in records: nearly their number, and not less than its size."""
    return max(records_in(body), len(body) / LONG_RECORD_BYTES)


async def hung_up(receive: Receive) -> None:
    """Wait until the caller closes the connection; the body has been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _in_time(reading: Awaitable[_Body], timeout_seconds: float) -> _Body:
    try:
        async with asyncio.timeout(timeout_seconds):
            return await reading
    except TimeoutError:
        raise BodyTooSlow(timeout_seconds) from None


@coroutine
def _resumed(reading: Coroutine[Any, Any, _Body], waiting_for: object) -> Generator[Any, Any, _Body]:
    """Continue a coroutine that stopped to wait."""
    try:
        yield waiting_for
    except BaseException as stopped:
        reading.throw(stopped)
        raise
    return (yield from reading.__await__())


def _piece(message: Message, size: int, limit_bytes: int) -> tuple[bytes, bool]:
    """A piece of a body after so many bytes, and whether there are more."""
    if message["type"] == "http.disconnect":
        raise MalformedBody("the connection closed before the body was complete")
    chunk = message.get("body", b"")
    if size + len(chunk) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    return chunk, message.get("more_body", False)


async def _read(receive: Receive, limit_bytes: int, stated: int, bodies: Shares, caller: Caller) -> _Body:
    """Read the body, and hold its stated length from the first piece on: a body that is begun is not refused half-way."""
    chunks: list[bytes] = []
    size, held, more = 0, 0, True
    try:
        while more:
            chunk, more = _piece(await receive(), size, limit_bytes)
            size += len(chunk)
            if not more and not chunks and size < UNCOUNTED_BYTES:
                return chunk, 0
            if (needed := max(size, stated)) > held:
                bodies.take(caller, needed - held)
                held = needed
            chunks.append(chunk)
    except BaseException:
        if held:
            bodies.give_back(caller, held)
        raise
    return b"".join(chunks), held


@lru_cache(maxsize=64)
def media_problem(content_type: bytes) -> str | None:
    """What is wrong with a header Content-Type of a JSON body, None if nothing is."""
    media_type, _, parameters = content_type.decode("latin-1").partition(";")
    if media_type.strip().lower() != "application/json":
        return "send JSON, with the header Content-Type: application/json"
    for parameter in parameters.split(";"):
        name, _, charset = parameter.strip().partition("=")
        if name.lower() == "charset" and charset.strip('"').lower() not in ("utf-8", "utf8"):
            return "JSON is UTF-8; send no other charset"
    return None
