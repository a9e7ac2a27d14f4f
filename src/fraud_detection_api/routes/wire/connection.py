"""A connection: one small state machine between a socket and the requests on it (ADR 0029)."""

import asyncio
import logging
from enum import Enum
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr
from uvicorn.server import ServerState

from fraud_detection_api.routes.protocol.context import new_request_id
from fraud_detection_api.routes.wire.doors import Admission, Door, counted_as
from fraud_detection_api.routes.wire.exchange import Exchange
from fraud_detection_api.routes.wire.lane import LANES, Guest, Lane, Lanes, field_lines
from fraud_detection_api.routes.wire.reading import Head, RequestReader
from fraud_detection_api.routes.wire.refusal import Refused, answer_to, failed, head_too_slow, too_many_connections
from fraud_detection_api.routes.wire.watch import NEVER, Watch
from fraud_detection_api.telemetry import log_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Scope

WATCH = "connections"
"""The name under which the application's lifespan hands the watch to the server."""

HEALTH_PATHS = frozenset({"/ping", "/livez", "/readyz", "/metrics"})
READ_AHEAD_BYTES = 64 * 1024
LANE_BYTES = 64 * 1024
"""Bodies of lanes are smaller: such a body has often come with its head."""

WRITE_BYTES = 64 * 1024
"""How much of an answer a caller takes at least, each time that `Patience.write` has passed."""

_ASGI = {"version": "3.0", "spec_version": "2.3"}


class Phase(Enum):
    """What a connection waits for."""

    IDLE = "the first byte of a request"
    HEAD = "the rest of a head"
    ANSWER = "the application's answer"
    BODY = "the rest of a body that nobody reads"
    LEAVING = "the caller, who takes the last bytes; what it sends is dropped"


class HttpProtocol(asyncio.Protocol):
    """A connection that uvicorn's server made. One request at a time: those sent ahead wait as bytes.

    A request to the path of a lane is answered there if the lane takes it, else by the application.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self._app: ASGIApp = config.loaded_app
        self._config, self._server = config, server_state
        self._watch: Watch = app_state[WATCH]
        self._lanes: Lanes = app_state.get(LANES, {})
        self._state = {name: content for name, content in app_state.items() if name not in {WATCH, LANES}}
        self.loop = _loop or asyncio.get_running_loop()
        self.transport: asyncio.Transport = None  # type: ignore[assignment]
        self.reader = RequestReader()
        self.phase = Phase.IDLE
        self.deadline = self.write_deadline = NEVER
        self._idle_since = NEVER  # meaningful in the phase IDLE
        self._exchange: Exchange | Guest | None = None
        self._lane: Lane | None = None  # of the last request's head
        self._gone: Callable[[], None] | None = None  # tells the door that counts this connection
        self._admission = Admission.OPEN
        self._writable: asyncio.Event | None = None  # where the transport has too much to write
        self._unsent = 0
        self._headers: list[tuple[bytes, bytes]] | None = None
        self._lines = b""
        self._is_reading = True

    # --- what the transport calls ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A caller has connected."""
        self.transport = transport
        self._server.connections.add(self)  # type: ignore[arg-type]
        self._watch.add(self)
        client, local = get_remote_addr(transport), get_local_addr(transport)
        self._address = counted_as(client[0]) if client else ""
        self._door = door = self._watch.door_of(local[1] if local else None)
        now = self.loop.time()
        self._admission = door.admit(self._address, now)
        self._scope = {
            "type": "http",
            "asgi": _ASGI,
            "scheme": "http",
            "server": local,
            "client": client,
            "root_path": self._config.root_path,
        }
        self._is_health_only = door.health_only
        if self._admission is Admission.REFUSED:
            self._turn_away(door)
            return
        self._gone, self.deadline = partial(door.leave, self._address), now + self._watch.patience.head

    def connection_lost(self, _error: Exception | None) -> None:
        """The connection is gone, whoever closed it."""
        self._server.connections.discard(self)
        self._watch.remove(self)
        if self._gone is not None:
            self._gone()
        if self._exchange is not None:
            self._exchange.leave()
        self.resume_writing()
        self.phase, self.deadline = Phase.LEAVING, NEVER

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self.phase is Phase.LEAVING or (self.phase is Phase.IDLE and self._is_taken_again(data)):
            return
        self.reader.feed(data)
        if self.phase is not Phase.ANSWER:
            self._proceed()
            return
        if self._is_reading and self.reader.waiting_bytes > READ_AHEAD_BYTES:
            self._is_reading = False
            self.transport.pause_reading()
        if self._exchange is not None:
            self._exchange.wake()

    def pause_writing(self) -> None:
        """The caller takes the answer more slowly than it is written."""
        self._writable = self._writable or asyncio.Event()
        self._await_writing(self.loop.time())

    def resume_writing(self) -> None:
        """It has taken most of it."""
        self.write_deadline = NEVER
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    # --- what the server and the watch call -----------------------------------------------------------------------------

    def shutdown(self) -> None:
        """Finish what is in hand, and close."""
        if self._exchange is None:
            self._close()
        else:
            self._exchange.keep_alive = False

    def is_in_the_way(self, now: float) -> bool:
        """Whether it waits for another request, and others may need its place."""
        return (
            self.phase is Phase.IDLE
            and self._idle_since + self._watch.patience.crowded <= now
            and self._door.is_crowded(self._address)
        )

    def expire(self, now: float) -> None:
        """A deadline has passed."""
        if self.write_deadline <= now or self.phase is Phase.LEAVING:
            self._expire_writing(now)
        elif self.phase is Phase.HEAD:
            self.refuse(head_too_slow(self._watch.patience.head))
        elif self.phase is Phase.BODY:
            self.transport.abort()
        else:
            self._close()

    # --- what an exchange calls -----------------------------------------------------------------------------------------

    @property
    def is_writable(self) -> bool:
        """Whether the transport takes more now."""
        return self._writable is None

    async def until_writable(self) -> None:
        """Wait for the caller to take what was written, or to go."""
        if self._writable is not None:
            await self._writable.wait()

    def write(self, data: bytes) -> None:
        """Write, unless the connection is gone."""
        if self.phase is not Phase.LEAVING and not self.transport.is_closing():
            self.transport.write(data)

    def server_lines(self) -> bytes:
        """The header lines that the server adds to each answer: its date. It makes another list of them each second."""
        headers = self._server.default_headers
        if headers is not self._headers:
            self._headers, self._lines = headers, field_lines(headers)
        return self._lines

    def read_on(self) -> None:
        """Take in more bytes, unless so many wait already that the caller must wait for its answer first."""
        if self.reader.waiting_bytes <= READ_AHEAD_BYTES:
            self._resume_reading()

    def _resume_reading(self) -> None:
        if not self._is_reading and not self.transport.is_closing():
            self._is_reading = True
            self.transport.resume_reading()

    def answered(self, exchange: Exchange | Guest) -> None:
        """The answer is written, to its end."""
        self._server.total_requests += 1
        self._exchange = None
        if self.phase is Phase.LEAVING:
            return
        if not exchange.keep_alive:
            self._leave()
            return
        self._resume_reading()
        self._await_request()
        if self.reader.waiting_bytes:
            self._proceed()

    def fail(self, *, begun: bool) -> None:
        """The application has failed. Where its answer has `begun`, the caller must see that it is cut."""
        if begun:
            self.transport.abort()
        else:
            self.refuse(failed())

    def refuse(self, refused: Refused) -> None:
        """Answer with a problem and close: where the next request begins is unknown, or there must be none."""
        request_id = new_request_id()
        if refused.status < HTTPStatus.INTERNAL_SERVER_ERROR:  # others are logged where they arise
            log_event("malformed_request", level=logging.WARNING, request_id=request_id, code=refused.code)
        if self._exchange is not None:
            self._exchange.leave()
            self._exchange = None
        self.write(answer_to(refused, request_id))
        self._leave()

    # --- steps ----------------------------------------------------------------------------------------------------------

    def _proceed(self) -> None:
        """Handle what has come, up to a request that must be waited for."""
        try:
            while self.phase is not Phase.ANSWER and self._has_no_body_left():
                head = self.reader.head()
                if head is None:
                    self._await_head()
                    return
                self._begin(head)
        except Refused as refused:
            self.refuse(refused)

    def _has_no_body_left(self) -> bool:
        """Drop what has come of a body that nobody read; whether that was all of it."""
        if self.phase is Phase.BODY:
            self.reader.body()
            if self.reader.body_ended:
                self._await_request()
        return self.phase is not Phase.BODY

    def _await_request(self) -> None:
        now = self.loop.time()
        if self.reader.body_ended:
            self.phase, self.deadline, self._idle_since = Phase.IDLE, now + self._watch.patience.idle, now
        else:
            self.phase, self.deadline = Phase.BODY, now + self._watch.patience.body

    def _await_head(self) -> None:
        if self.phase is Phase.IDLE and self.reader.waiting_bytes:
            self.phase, self.deadline = Phase.HEAD, self.loop.time() + self._watch.patience.head

    def _begin(self, head: Head) -> None:
        """Have a request answered, whose body may still be coming."""
        target = head.target()
        if self._admission is Admission.HEALTH_ONLY and target.path not in HEALTH_PATHS:
            raise too_many_connections()
        exists = not self._is_health_only or target.path in HEALTH_PATHS
        keep_alive = head.persists and self._admission is Admission.OPEN
        is_usual = head.method == "POST" and not head.expects_continue and not target.query
        can_take = keep_alive and exists and is_usual
        self._lane = self._lanes.get(target.path) if can_take else None
        if self._is_taken(head, self.reader.whole_body(LANE_BYTES)):
            self.reader.drop_body()
            return
        scope: Scope = {
            **self._scope,
            "http_version": head.version,
            "method": head.method,
            "path": self._config.root_path + target.path if exists else "",
            "raw_path": target.raw_path,
            "query_string": target.query,
            "headers": [*head.fields],  # the head may come again, and the list is the application's
            "state": self._state.copy(),
        }
        self.phase, self.deadline = Phase.ANSWER, NEVER
        exchange = self._exchange = Exchange(self, head, keep_alive=keep_alive)
        exchange.start(self._app, scope, self._server.tasks)

    def _turn_away(self, door: Door) -> None:
        """Refuse this connection. Closing it at once resets it where the caller has sent something, and loses the answer."""
        self.write(answer_to(too_many_connections(), new_request_id()))
        if door.let_linger():
            self._gone = door.lingered
            self._leave()
        else:
            self._close()

    def _is_taken_again(self, data: bytes) -> bool:
        """Whether `data` is a whole request with the head of the last one, and the lane takes it as it took that."""
        again = None if self._lane is None else self.reader.same_again(data)
        return again is not None and self._is_taken(*again)

    def _is_taken(self, head: Head, body: bytes | None) -> bool:
        """Whether there is a lane, and it takes the request, whose `body` is None where it has not come whole."""
        if self._lane is None or body is None or self._writable is not None:
            return False
        guest = self._lane.take(head, body, self)
        if guest is None:
            return False
        self._exchange, self.phase, self.deadline = guest, Phase.ANSWER, NEVER
        return True

    def _leave(self) -> None:
        """Close once the caller has the answer. If it still sends, closing at once could cost it the answer."""
        if self.transport.is_closing():
            return
        if self.reader.body_ended and not self.reader.waiting_bytes and self.phase is Phase.ANSWER:
            self._close()
            return
        now = self.loop.time()
        self.transport.write_eof()
        self._resume_reading()
        self.phase = Phase.LEAVING
        self._await_writing(now)
        self.deadline = self.write_deadline if self._unsent else now + self._watch.patience.leave

    def _close(self) -> None:
        """Close once all is written."""
        self.transport.close()
        self.phase = Phase.LEAVING
        self._await_writing(self.loop.time())
        self.deadline = self.write_deadline

    def _await_writing(self, now: float) -> None:
        self._unsent = self.transport.get_write_buffer_size()
        self.write_deadline = now + self._watch.patience.write

    def _expire_writing(self, now: float) -> None:
        """Give a caller up who takes nothing, or next to nothing, of an answer."""
        unsent = self.transport.get_write_buffer_size()
        if not unsent or unsent > self._unsent - WRITE_BYTES:
            self.transport.abort()
            return
        self._await_writing(now)
        if self.phase is Phase.LEAVING:
            self.deadline = self.write_deadline
