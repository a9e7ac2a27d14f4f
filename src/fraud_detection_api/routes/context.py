"""What surrounds every request: its id, its log line, and the last net under unexpected errors. Plain ASGI."""

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fraud_detection_api.telemetry import log_event, log_failure

REQUEST_ID = "X-Request-ID"
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

UnexpectedError = Callable[[str], Callable[[Scope, Receive, Send], Awaitable[None]]]


class RequestContext:
    """Middleware: echoes or makes X-Request-ID, logs one line a request, answers errors that nobody expected."""

    def __init__(self, app: ASGIApp, unexpected_error: UnexpectedError) -> None:
        self._app = app
        self._unexpected_error = unexpected_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = request_id = _request_id(Headers(scope=scope).get(REQUEST_ID))
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:  # noqa: BLE001 the last net: whatever it was, the caller gets an answer without a trace
            log_failure("unexpected_error", error, request_id=request_id)
            if not status:
                await self._unexpected_error(request_id)(scope, receive, send_with_id)
        finally:
            _log_request(scope, state, status, time.perf_counter() - started)


def _request_id(sent: str | None) -> str:
    return sent if sent is not None and _ACCEPTED_ID.fullmatch(sent) else uuid4().hex


def _log_request(scope: Scope, state: dict[str, Any], status: int, seconds: float) -> None:
    route = scope.get("route")
    log_event(
        "request",
        request_id=state["request_id"],
        method=scope["method"],
        # the template, not the path: paths are the caller's own text
        route=getattr(route, "path", "unmatched"),
        status=status,
        duration_ms=round(seconds * 1000, 3),
        records=state.get("records"),
        model_version=state.get("model_version"),
    )
