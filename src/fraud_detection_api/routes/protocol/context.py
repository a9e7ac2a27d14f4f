"""The application as a server calls it; ids, trace, log line, count and error answers of each request. Plain ASGI."""

import re
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import cached_property
from random import Random

from fastapi import FastAPI
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fraud_detection_api.errors import FraudError
from fraud_detection_api.metrics.requests import RequestMetrics
from fraud_detection_api.routes.protocol.body import Headers, headers_of
from fraud_detection_api.routes.protocol.browsers import UNPROTECTED, Protection
from fraud_detection_api.routes.protocol.security_headers import secured
from fraud_detection_api.services.admission.drain import Drain
from fraud_detection_api.services.tracing.spans import UNMATCHED, AnsweredRequest, StagesTaken, Trace
from fraud_detection_api.services.tracing.tracer import RequestTracer
from fraud_detection_api.telemetry import log_failure, log_often
from fraud_detection_api.trace_context import TraceParent, parse_traceparent, parse_tracestate

REQUEST_ID = "X-Request-ID"
TRACEPARENT, TRACESTATE = b"traceparent", b"tracestate"
REQUEST_ID_HEADER = REQUEST_ID.lower().encode()
_CLOSE = (b"connection", b"close")
_RANDOM = Random()  # noqa: S311 an id is no secret, and the system's random numbers take longer than all else here
IDS_TOGETHER = 256
"""So many ids are drawn at a time."""

_IDS: list[str] = []
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

AnswerTo = Callable[[Exception, str, Headers], Callable[[Scope, Receive, Send], Awaitable[None]]]
"""Makes the answer to an error, for the request's id and its headers, which say who asks."""


class Application(FastAPI):
    """FastAPI, but scoring requests bypass all that it puts around a route, which takes longer than scoring."""

    def add_scoring(self, path: str, route: ASGIApp, in_context: ASGIApp) -> None:
        """Answer POST requests at the path with `in_context`; FastAPI knows the route for its table, and for 405."""
        self.router.routes.append(Route(path, route, methods=["POST"]))
        self._scoring[path] = in_context

    @cached_property
    def _scoring(self) -> dict[str, ASGIApp]:
        return {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and (short := self._scoring.get(scope["path"])):
            await short(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class RequestBoundary:
    """Middleware: echoes or makes X-Request-ID, logs and counts each request, answers errors that nothing else caught.

    Every answer gets security headers, and requests that a web page tricked a browser into are refused (`protection`).

    The log line names the trace of the caller's `traceparent`. With a `tracer`, a request without a trace may begin one, and
    the tracer records the request once it is answered.
    """

    def __init__(
        self,
        app: ASGIApp,
        answer_to: AnswerTo,
        metrics: RequestMetrics,
        drain: Drain,
        tracer: RequestTracer | None = None,
        protection: Protection = UNPROTECTED,
    ) -> None:
        self._app, self._answer_to, self._metrics, self._drain, self._tracer = app, answer_to, metrics, drain, tracer
        self._guard, self._fields = protection

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["headers"] = headers_of(scope)
        request_id, caller = _identify(state["headers"], scope["headers"])
        state["request_id"] = request_id
        trace = _begun(self._tracer, caller, scope)
        started = time.perf_counter()
        status, failure, method = 0, None, scope["method"]
        if method == "HEAD":  # every route that answers GET answers it alike; the connection sends no body
            scope["method"] = "GET"

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), (REQUEST_ID_HEADER, request_id.encode())]
                message["headers"] = [*headers, *self._fields] if self._fields else secured(headers)
                if self._drain.begun:  # or callers would keep their connections until the process is gone
                    message["headers"].append(_CLOSE)
            await send(message)

        try:
            if self._guard is not None:
                self._guard.check(method, scope["path"], state["headers"])
            await self._app(scope, receive, send_with_id)
        except Exception as error:  # noqa: BLE001 whatever it was, the caller gets an answer without a stack trace
            failure = type(error).__name__
            note_error(error, request_id, trace)
            if not status:
                await self._answer_to(error, request_id, state["headers"])(scope, receive, send_with_id)
        finally:
            ended, route, scope["method"] = time.perf_counter(), _template(scope), method
            self._metrics.answered(route, method, status, ended - started)
            of_answer = state.get("records"), state.get("model_version")
            log_often(
                "request",
                request_fields,
                request_id,
                method,
                route,
                status,
                ended - started,
                *of_answer,
                trace,
            )
            if self._tracer is not None and trace is not None and trace.span_id is not None:
                self._tracer.record(_answered_request(scope, trace, route, (status, failure), (started, ended)))


def note_error(error: Exception, request_id: str, trace: Trace | None = None) -> None:
    """Log an error that nobody expected. It loses its frames."""
    if not isinstance(error, FraudError):
        log_failure("unexpected_error", error, request_id=request_id, **_trace_ids(trace))
    # the frames hold the body, and futures in them hold the error: all would stay until the collector runs
    error.__traceback__ = error.__cause__ = error.__context__ = None


def _identify(headers: Headers, sent: Iterable[tuple[bytes, bytes]]) -> tuple[str, TraceParent | None]:
    """The request's id, and the caller's span; malformed headers are ignored, and a span that is named twice."""
    parent = headers.get(TRACEPARENT)
    if parent is not None and sum(name == TRACEPARENT for name, _ in sent) > 1:
        parent = b""
    return request_id_of(headers), None if parent is None else parse_traceparent(parent)


def request_id_of(headers: Headers) -> str:
    """The id that a caller gave its request, or a new one."""
    header = headers.get(REQUEST_ID_HEADER)
    if header is None:
        return new_request_id()
    sent = header.decode("latin-1")
    return sent if _ACCEPTED_ID.fullmatch(sent) else new_request_id()


def new_request_id() -> str:
    """An id for a request that came without one."""
    try:
        return _IDS.pop()
    except IndexError:
        digits = _RANDOM.randbytes(16 * IDS_TOGETHER).hex()
        _IDS.extend([digits[first : first + 32] for first in range(0, len(digits), 32)])
        return new_request_id()


def request_fields(  # noqa: PLR0913, PLR0917 one for each field
    request_id: str,
    method: str,
    route: str,
    status: int,
    seconds: float,
    records: int | None,
    version: str | None,
    trace: Trace | None = None,
) -> dict[str, object]:
    """The fields of a request's log line."""
    fields: dict[str, object] = {
        "request_id": request_id,
        "method": method,
        "route": route,
        "status": status,
        "duration_ms": round(seconds * 1000, 3),
        "records": records,
        "model_version": version,
    }
    return fields if trace is None else fields | _trace_ids(trace)


def _template(scope: Scope) -> str:
    """The path that the route was declared with; the request's own path is the caller's text."""
    route = scope.get("route") or _plain_route(scope)
    return getattr(route, "path", UNMATCHED)


def _plain_route(scope: Scope) -> BaseRoute | None:
    """The route that answered where it is Starlette's own, such as `/docs`, which stores its endpoint instead of itself."""
    endpoint = scope.get("endpoint")
    routes = scope["app"].routes if endpoint is not None else ()
    return next(
        (each for each in routes if endpoint in (getattr(each, "endpoint", None), getattr(each, "app", None))), None
    )


def _begun(tracer: RequestTracer | None, caller: TraceParent | None, scope: Scope) -> Trace | None:
    """The trace that a new request belongs to, None where it belongs to none. Without a tracer, nothing is recorded."""
    if tracer is None:
        return None if caller is None else Trace(caller.trace_id)
    trace = tracer.begin(caller, scope["path"])
    if trace is None or trace.span_id is None or caller is None:
        return trace
    states = [content for name, content in scope["headers"] if name == TRACESTATE]
    return trace._replace(tracestate=parse_tracestate(states)) if states else trace


def _trace_ids(trace: Trace | None) -> dict[str, str]:
    """The trace's ids, as fields of a log line."""
    if trace is None:
        return {}
    return {"trace_id": trace.trace_id} | ({} if trace.span_id is None else {"span_id": trace.span_id})


def _answered_request(
    scope: Scope, trace: Trace, route: str, end: tuple[int, str | None], period: tuple[float, float]
) -> AnsweredRequest:
    """The request as its trace records it: `end` is its status and kind of error, `period` is of `perf_counter`."""
    state, (status, failure), (began, ended) = scope["state"], end, period
    watch = state.get("watch")
    return AnsweredRequest(
        trace=trace,
        request_id=state["request_id"],
        method=scope["method"],
        route=route,
        path=scope["path"],
        scheme=scope.get("scheme", "http"),
        http_version=scope["http_version"],
        status=status,
        error=failure,
        records=state.get("records"),
        model_version=state.get("model_version"),
        began=began,
        ended=ended,
        ended_at=time.time_ns(),
        stages=None if watch is None else StagesTaken(watch.stages, watch.lapped),
    )
