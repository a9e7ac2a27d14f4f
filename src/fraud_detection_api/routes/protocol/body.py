"""A request's headers, and the bytes of its body, within limits on type, size and time."""

import asyncio
from collections.abc import Awaitable, Coroutine, Generator, Mapping
from functools import lru_cache
from types import coroutine
from typing import Any, NamedTuple

from starlette.types import Receive, Scope

from fraud_detection_api.errors import BodyTooLarge, BodyTooSlow, MalformedBody, UnsupportedMedia

Headers = Mapping[bytes, bytes]


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


async def read_json_body(headers: Headers, receive: Receive, limits: RequestLimits) -> bytes:
    """The whole body. Raises UnsupportedMedia, BodyTooLarge, BodyTooSlow, and MalformedBody where the caller hung up."""
    _require_json(headers)
    stated = headers.get(b"content-length", b"")
    if stated.isdigit() and int(stated) > limits.body_bytes:
        raise BodyTooLarge(limits.body_bytes)
    reading = _read(receive, limits.body_bytes)
    try:
        waiting_for = reading.send(None)
    except StopIteration as whole:  # nearly every body arrives with its headers, and needs no clock
        body: bytes = whole.value
        return body
    return await _in_time(_resumed(reading, waiting_for), limits.body_seconds)


async def _in_time(reading: Awaitable[bytes], timeout_seconds: float) -> bytes:
    try:
        async with asyncio.timeout(timeout_seconds):
            return await reading
    except TimeoutError:
        raise BodyTooSlow(timeout_seconds) from None


@coroutine
def _resumed(reading: Coroutine[Any, Any, bytes], waiting_for: object) -> Generator[Any, Any, bytes]:
    """Continue a coroutine that stopped to wait."""
    try:
        yield waiting_for
    except BaseException as stopped:
        reading.throw(stopped)
        raise
    return (yield from reading.__await__())


async def _read(receive: Receive, limit_bytes: int) -> bytes:
    chunks, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise MalformedBody("the connection closed before the body was complete")
        chunk, more = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        if size > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


def _require_json(headers: Headers) -> None:
    if (problem := _media_problem(headers.get(b"content-type", b""))) is not None:
        raise UnsupportedMedia(problem)
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMedia("compressed bodies are not read; send no Content-Encoding")


@lru_cache(maxsize=64)
def _media_problem(content_type: bytes) -> str | None:
    media_type, _, parameters = content_type.decode("latin-1").partition(";")
    if media_type.strip().lower() != "application/json":
        return "send JSON, with the header Content-Type: application/json"
    for parameter in parameters.split(";"):
        name, _, charset = parameter.strip().partition("=")
        if name.lower() == "charset" and charset.strip('"').lower() not in ("utf-8", "utf8"):
            return "JSON is UTF-8; send no other charset"
    return None
