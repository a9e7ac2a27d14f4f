"""Sends a large answer so that it is not finished before its caller has read nearly all of it."""

from starlette.types import Send

PIECE_BYTES = 256 * 1024


async def send_in_pieces(body: bytes, send: Send) -> None:
    """Send the body of an answer that has begun, each piece once the one before has left."""
    sent = 0
    while len(body) - sent > PIECE_BYTES:
        await send({"type": "http.response.body", "body": body[sent : sent + PIECE_BYTES], "more_body": True})
        sent += PIECE_BYTES
    await send({"type": "http.response.body", "body": body[sent:]})
