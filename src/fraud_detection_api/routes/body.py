"""The bytes of a request, within limits of type, size and time."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from fraud_detection_api.errors import BodyTooLarge, BodyTooSlow, MalformedBody, UnsupportedMedia


def has_body(request: Request) -> bool:
    """Whether the request's headers announce a body."""
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


async def read_json_body(request: Request, *, limit_bytes: int, timeout_seconds: float) -> bytes:
    """The whole body.

    Raises UnsupportedMedia unless it is uncompressed application/json, BodyTooLarge, BodyTooSlow,
    MalformedBody where the caller hung up.
    """
    _require_json(request)
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _read(request, limit_bytes)
    except TimeoutError:
        raise BodyTooSlow(timeout_seconds) from None
    except ClientDisconnect:
        raise MalformedBody("the connection closed before the body was complete") from None


async def _read(request: Request, limit_bytes: int) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


def _require_json(request: Request) -> None:
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    if media_type.strip().lower() != "application/json":
        raise UnsupportedMedia("send the records as JSON, with the header Content-Type: application/json")
    for parameter in parameters.split(";"):
        name, _, charset = parameter.strip().partition("=")
        if name.lower() == "charset" and charset.strip('"').lower() not in ("utf-8", "utf8"):
            raise UnsupportedMedia("JSON is UTF-8; send no other charset")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMedia("compressed bodies are not read; send no Content-Encoding")
