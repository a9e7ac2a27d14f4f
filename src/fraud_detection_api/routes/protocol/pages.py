"""Open pages, which anybody may ask for as often as they like: each is bytes that are made once, not for each request."""

import asyncio
import mimetypes
from collections.abc import Awaitable, Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

T = TypeVar("T")


PIECE_BYTES, PAUSE_SECONDS = 64 * 1024, 0.001
"""A page leaves at 64 MB/s at most: one that leaves as fast as it can holds up scoring while anybody asks for it."""


class _InPieces(Response):
    """A response that pauses between the pieces of its body, while others get their turn."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = bytes(self.body)
        for start in range(0, len(body), PIECE_BYTES):
            await send({"type": "http.response.body", "body": body[start : start + PIECE_BYTES], "more_body": True})
            await asyncio.sleep(PAUSE_SECONDS)
        await send({"type": "http.response.body"})


class Page(NamedTuple):
    """A page as it is sent, with the tag by which callers ask whether theirs is still the same."""

    body: bytes
    media_type: str
    tag: str
    caching: str = "no-cache"

    def answer(self, request: Request) -> Response:
        """The page, or 304 where the caller has it."""
        headers = {"ETag": self.tag, "Cache-Control": self.caching}
        known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
        if self.tag in known or "*" in known:
            return Response(status_code=304, headers=headers)
        return _InPieces(self.body, media_type=self.media_type, headers=headers)


def page(body: bytes, media_type: str, *, caching: str = "no-cache") -> Page:
    """A page of these bytes."""
    return Page(body, media_type, f'"{sha256(body).hexdigest()[:32]}"', caching)


class Assets:
    """The files of a folder that have one of these names, as an application. Each is read once."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self._folder, self.names = folder, frozenset(names)
        self._read: dict[str, Page] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, name = Request(scope), scope["path"].rpartition("/")[2]
        if scope["path"] != f"{scope['root_path']}/{name}" or name not in self.names:
            raise HTTPException(404)
        if scope["method"] != "GET":
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        await self._page(name).answer(request)(scope, receive, send)

    def _page(self, name: str) -> Page:
        if name not in self._read:
            media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
            self._read[name] = page((self._folder / name).read_bytes(), media_type)
        return self._read[name]


class Shared(Generic[T]):
    """Something that takes time to make, for all who ask at the same time.

    Nobody gets what was begun before they asked. It is made once at a time, and begun at most every `pause_seconds`.
    """

    def __init__(self, make: Callable[[], Awaitable[T]], *, pause_seconds: float) -> None:
        self._make, self._pause_seconds = make, pause_seconds
        self._next: asyncio.Task[T] | None = None
        self._current: asyncio.Task[T] | None = None
        self._begun = float("-inf")

    async def get(self) -> T:
        """Raises what making it raises."""
        if self._next is None:
            self._next = asyncio.create_task(self._made(self._current))
        return await asyncio.shield(self._next)

    async def _made(self, before: "asyncio.Task[T] | None") -> T:
        loop = asyncio.get_running_loop()
        if before is not None and not before.done():
            await asyncio.wait([before])
        await asyncio.sleep(self._begun + self._pause_seconds - loop.time())
        self._begun = loop.time()
        self._current, self._next = self._next, None
        return await self._make()
