"""The ceiling: an ASGI application that reads the body and answers, on uvicorn as the product sets it: HOST PORT."""

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

BODY = b"[0.5]"
HEADERS = [(b"content-length", str(len(BODY)).encode()), (b"content-type", b"application/json")]


async def answer(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """The same few bytes for every request."""
    assert scope["type"] == "http"
    while (await receive()).get("more_body", False):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


def main(host: str, port: int) -> None:
    """Serve with the settings of `fraud serve`."""
    uvicorn.run(
        answer,
        host=host,
        port=port,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
