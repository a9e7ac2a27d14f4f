"""What surrounds every request: its id, its log line, and the last net under errors. Plain ASGI."""

import re
import time
from collections.abc import Awaitable, Callable, Iterable
from random import Random

from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fraud_detection_api.errors import FraudError
from fraud_detection_api.metrics.requests import RequestMetrics
from fraud_detection_api.telemetry import log_failure, log_often

REQUEST_ID = "X-Request-ID"
_REQUEST_ID_HEADER = REQUEST_ID.lower().encode()
_RANDOM = Random()  # noqa: S311 an id is no secret, and asking the system for one takes longer than all else here
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

AnswerTo = Callable[[Exception, str], Callable[[Scope, Receive, Send], Awaitable[None]]]
"""The answer to an error, for the request's id."""


class RequestContext:
    """Middleware: echoes or makes X-Request-ID, logs and counts each request, answers errors that nobody else did."""

    def __init__(self, app: ASGIApp, answer_to: AnswerTo, metrics: RequestMetrics) -> None:
        self._app, self._answer_to, self._metrics = app, answer_to, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = request_id = _request_id(scope["headers"])
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (_REQUEST_ID_HEADER, request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:  # noqa: BLE001 the last net: whatever it was, the caller gets an answer without a trace
            if not isinstance(error, FraudError):
                log_failure("unexpected_error", error, request_id=request_id)
            if not status:
                await self._answer_to(error, request_id)(scope, receive, send_with_id)
        finally:
            seconds, route = time.perf_counter() - started, _template(scope)
            self._metrics.answered(route, scope["method"], status, seconds)
            _log_request(scope, route, status, seconds)


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    for name, content in headers:
        if name == _REQUEST_ID_HEADER:
            sent = content.decode("latin-1")
            return sent if _ACCEPTED_ID.fullmatch(sent) else _new_id()
    return _new_id()


def _new_id() -> str:
    return f"{_RANDOM.getrandbits(128):032x}"


def _log_request(scope: Scope, route: str, status: int, seconds: float) -> None:
    state = scope["state"]
    log_often(
        "request",
        request_id=state["request_id"],
        method=scope["method"],
        route=route,
        status=status,
        duration_ms=round(seconds * 1000, 3),
        records=state.get("records"),
        model_version=state.get("model_version"),
    )


def _template(scope: Scope) -> str:
    """The path that the route was declared with: the request's own is the caller's text."""
    route = scope.get("route") or _plain_route(scope)
    return getattr(route, "path", "unmatched")


def _plain_route(scope: Scope) -> BaseRoute | None:
    """The route of Starlette's own that answered, such as `/docs`, which notes its endpoint and not itself."""
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return None
    return next((route for route in scope["app"].routes if _endpoint(route) is endpoint), None)


def _endpoint(route: BaseRoute) -> object:
    match route:
        case Route():
            return route.endpoint
        case Mount():
            return route.app
    return None
