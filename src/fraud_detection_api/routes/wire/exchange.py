"""One request and its answer, as ASGI applications see them."""

import asyncio
from collections.abc import Iterable
from enum import Enum
from http import HTTPStatus
from http.client import responses
from typing import Protocol

from starlette.types import ASGIApp, Message, Scope

from fraud_detection_api.routes.wire.reading import Head, RequestReader
from fraud_detection_api.routes.wire.refusal import Refused
from fraud_detection_api.telemetry import log_failure

JOINED_BYTES = 64 * 1024
"""A body up to this size is written together with its head; a larger one is not worth the copy."""

DISCARDED_BYTES = 256 * 1024
"""At most so much of a body that nobody read is read and dropped, so that the connection can go on."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


_STATUS_LINES = {status: f"HTTP/1.1 {status} {responses.get(status, '')}\r\n".encode() for status in range(200, 600)}


class _Answer(Enum):
    """How far the answer is."""

    AWAITED = 1
    BEGUN = 2
    COMPLETE = 3


class Wire(Protocol):
    """What an exchange needs of its connection."""

    loop: asyncio.AbstractEventLoop
    reader: RequestReader

    @property
    def is_writable(self) -> bool:
        """Whether the transport takes more now."""

    async def until_writable(self) -> None:
        """Wait for the caller to take what was written, or to go."""

    def write(self, data: bytes) -> None:
        """Write, unless the connection is gone."""

    def read_on(self) -> None:
        """Take in more bytes, unless enough wait already."""

    def server_lines(self) -> bytes:
        """The header lines that the server adds to each answer."""

    def answered(self, exchange: "Exchange") -> None:
        """The answer is written, to its end."""

    def refuse(self, refused: Refused) -> None:
        """Answer with a problem and close."""

    def fail(self, *, begun: bool) -> None:
        """The application has failed, before or after its answer had `begun`."""


class Exchange:
    """A request that is answered by an application. The connection tells it what comes, and that its caller has gone."""

    __slots__ = (
        *("_answer", "_body_left", "_connection", "_expects_continue", "_gave_body", "_head", "_is_head", "_waiter"),
        *("gone", "keep_alive"),
    )

    def __init__(self, connection: Wire, head: Head, *, keep_alive: bool) -> None:
        self._connection, self._is_head = connection, head.method == "HEAD"
        self._expects_continue = head.expects_continue
        self._gave_body = False
        self._waiter: asyncio.Future[None] | None = None
        self._answer = _Answer.AWAITED
        self._head = b""  # of the answer, until there is something of its body
        self._body_left: int | None = None  # of the answer; None in chunks
        self.keep_alive = keep_alive
        self.gone = False

    def start(self, app: ASGIApp, scope: Scope, tasks: "set[asyncio.Task[None]]") -> None:
        """Have the request answered by a task, which is among `tasks` until it ends. Its errors are answered too."""
        task = self._connection.loop.create_task(self._run(app, scope))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _run(self, app: ASGIApp, scope: Scope) -> None:
        error: BaseException | None = None
        try:
            await app(scope, self.receive, self.send)
        except BaseException as raised:  # noqa: BLE001 a task that the server cancels leaves no caller without an answer
            error = raised
        if self._answer is not _Answer.COMPLETE and not self.gone:
            log_failure("unexpected_error", error or RuntimeError("the answer is incomplete"))
            self._connection.fail(begun=self._answer is _Answer.BEGUN)

    def wake(self) -> None:
        """Something of the body came, the answer is complete, or the caller has gone."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def leave(self) -> None:
        """The caller has gone."""
        self.gone = True
        self.wake()

    async def receive(self) -> Message:
        """The next part of the body; `http.disconnect` once the caller has gone, or the answer is complete."""
        if self._expects_continue:
            self._expects_continue = False
            self._connection.write(_CONTINUE)
        while not self.gone and self._answer is not _Answer.COMPLETE:
            if not self._gave_body and (message := await self._next_part()) is not None:
                return message
            self._connection.read_on()
            self._waiter = self._connection.loop.create_future()
            await self._waiter
        return {"type": "http.disconnect"}

    async def _next_part(self) -> Message | None:
        reader = self._connection.reader
        try:
            part = reader.body()
            while reader.is_interrupted:
                await asyncio.sleep(0)
                part += reader.body()
        except Refused as refused:
            self._connection.refuse(refused)
            return {"type": "http.disconnect"}
        self._gave_body = reader.body_ended
        if not part and not self._gave_body:
            return None
        return {"type": "http.request", "body": part, "more_body": not self._gave_body}

    async def send(self, message: Message) -> None:
        """Write a part of the answer. What is sent to a caller who has gone is dropped."""
        if not self._connection.is_writable:
            await self._connection.until_writable()
        if self.gone:
            return
        kind = message["type"]
        if self._answer is _Answer.AWAITED and kind == "http.response.start":
            self._begin(message["status"], message.get("headers", ()))
        elif self._answer is _Answer.BEGUN and kind == "http.response.body":
            self._write(message.get("body", b""), is_last=not message.get("more_body", False))
        else:
            raise RuntimeError(f"{kind} while the answer is {self._answer.name}")

    def _begin(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._answer = _Answer.BEGUN
        self.keep_alive &= self._is_discardable()
        self._expects_continue = False
        lines, closes = [_STATUS_LINES[status], self._connection.server_lines()], False
        count = 2 + lines[1].count(b"\n")
        length: int | None = None
        for field in headers:  # ASGI has their names in lower case
            if field[0] == b"content-length":
                length = int(field[1])
            elif field[0] == b"connection":
                closes = b"close" in field[1].lower()
            lines.append(b"%b: %b\r\n" % tuple(field))
            count += 1
        self.keep_alive &= not closes
        if not self.keep_alive and not closes:
            lines.append(b"connection: close\r\n")
            count += 1
        if self._is_head or status in _WITHOUT_BODY:
            self._is_head, length = True, 0
        elif length is None:
            lines.append(b"transfer-encoding: chunked\r\n")
            count += 1
        self._body_left = length
        lines.append(b"\r\n")
        self._head = b"".join(lines)
        if self._head.count(b"\n") != count or self._head.count(b"\r") != count:
            self._answer = _Answer.AWAITED
            raise RuntimeError("a header of the answer has a line break")

    def _is_discardable(self) -> bool:
        """Whether the connection can go on after the answer, although the request's body may not be read."""
        reader = self._connection.reader
        if reader.body_ended:
            return True
        # a caller who was not told to continue may send the body, or the next request
        return not self._expects_continue and reader.body_left is not None and reader.body_left <= DISCARDED_BYTES

    def _write(self, body: bytes, *, is_last: bool) -> None:
        head, self._head = self._head, b""
        if self._is_head:
            body = b""
        elif self._body_left is None:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if is_last:
                body += b"0\r\n\r\n"
        else:
            self._body_left -= len(body)
            if self._body_left < 0 or (is_last and self._body_left):
                raise RuntimeError("the answer's body has another length than its head says")
        if head and len(body) <= JOINED_BYTES:
            self._connection.write(head + body)
        else:
            for part in filter(None, (head, body)):
                self._connection.write(part)
        if is_last:
            self._answer = _Answer.COMPLETE
            self.wake()
            self._connection.answered(self)
