"""The bytes of a request, within limits of type, size and time."""

import asyncio
from collections.abc import Mapping

from starlette.types import Receive, Scope

from fraud_detection_api.errors import BodyTooLarge, BodyTooSlow, MalformedBody, UnsupportedMedia

Headers = Mapping[bytes, bytes]


def headers_of(scope: Scope) -> Headers:
    """Headers by lower-case name; of one that occurs more than once, the first counts."""
    return dict(reversed(scope["headers"]))


def has_body(headers: Headers) -> bool:
    """Whether the headers announce a body."""
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"


async def read_json_body(headers: Headers, receive: Receive, *, limit_bytes: int, timeout_seconds: float) -> bytes:
    """The whole body.

    Raises UnsupportedMedia unless it is uncompressed application/json, BodyTooLarge, BodyTooSlow,
    MalformedBody where the caller hung up.
    """
    _require_json(headers)
    stated = headers.get(b"content-length", b"")
    if stated.isdigit() and int(stated) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _read(receive, limit_bytes)
    except TimeoutError:
        raise BodyTooSlow(timeout_seconds) from None


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
    media_type, _, parameters = headers.get(b"content-type", b"").decode("latin-1").partition(";")
    if media_type.strip().lower() != "application/json":
        raise UnsupportedMedia("send the records as JSON, with the header Content-Type: application/json")
    for parameter in parameters.split(";"):
        name, _, charset = parameter.strip().partition("=")
        if name.lower() == "charset" and charset.strip('"').lower() not in ("utf-8", "utf8"):
            raise UnsupportedMedia("JSON is UTF-8; send no other charset")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMedia("compressed bodies are not read; send no Content-Encoding")
