"""Spans of an answered request: one for the request itself, and one for each stage of scoring."""

from collections.abc import Iterator, Mapping
from random import Random
from typing import NamedTuple

from fraud_detection_api.trace_context import Span, TraceParent

UNMATCHED = "unmatched"
"""The route of a path that matches no route."""

_METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"])
_OTHER_METHOD = "_OTHER"
_NANOSECONDS = 1_000_000_000


class Trace(NamedTuple):
    """Identifies a request in traces and logs. `span_id` is this server's, None if nothing is recorded."""

    trace_id: str
    span_id: str | None = None
    caller: TraceParent | None = None
    tracestate: str = ""


class StagesTaken(NamedTuple):
    """Seconds of consecutive stages, and when the last one ended, on the clock of `perf_counter`."""

    seconds: Mapping[str, float]
    ended: float


class AnsweredRequest(NamedTuple):
    """A request as a trace reports it. `route` is its template; `status` is 0 if there was no answer.

    `began` and `ended` are on the clock of `perf_counter`, `ended_at` is the time of `ended` in nanoseconds since 1970;
    `error` names the type of the error that ended the request.
    """

    trace: Trace
    request_id: str
    method: str
    route: str
    path: str
    scheme: str
    http_version: str
    status: int
    error: str | None
    records: int | None
    model_version: str | None
    began: float
    ended: float
    ended_at: int
    stages: StagesTaken | None


def spans_of(request: AnsweredRequest, random: Random) -> Iterator[Span]:
    """The request's span, then one for each stage, in no particular order; `random` draws the ids of the stages' spans.

    Names and attributes follow OpenTelemetry's semantic conventions for HTTP servers; others begin with `fraud.`. The only
    text from the caller is the request id: a path is reported only if it is the route itself.
    """
    trace = request.trace
    assert trace.span_id is not None, "a trace that is not recorded has no spans"
    start = request.ended_at - _nanoseconds(request.ended - request.began)
    method = request.method if request.method in _METHODS else _OTHER_METHOD
    shown = "HTTP" if method == _OTHER_METHOD else method
    yield Span(
        trace_id=trace.trace_id,
        span_id=trace.span_id,
        parent_id=None if trace.caller is None else trace.caller.span_id,
        tracestate=trace.tracestate,
        name=shown if request.route == UNMATCHED else f"{shown} {request.route}",
        start=start,
        end=request.ended_at,
        attributes=_attributes(request, method),
        from_caller=trace.caller is not None,
        failed=request.status >= 500,
    )
    if request.stages is not None:
        end = request.ended_at - _nanoseconds(request.ended - request.stages.ended)
        # stages follow one another without a gap, so each begins when the one before it ends
        for stage, seconds in reversed(list(request.stages.seconds.items())):
            begin = max(start, end - _nanoseconds(seconds))
            span_id = new_span_id(random)
            yield Span(trace.trace_id, span_id, trace.span_id, trace.tracestate, stage, begin, end, {})
            end = begin


def new_span_id(random: Random) -> str:
    """A span's id: 16 digits, not all of them zero."""
    return f"{random.getrandbits(64) or 1:016x}"


def _attributes(request: AnsweredRequest, method: str) -> dict[str, str | int]:
    attributes = {
        "http.request.method": method,
        "http.route": None if request.route == UNMATCHED else request.route,
        "url.path": request.path if request.path == request.route else None,
        "url.scheme": request.scheme,
        "network.protocol.version": request.http_version,
        "http.response.status_code": request.status or None,
        "error.type": (request.error or str(request.status)) if request.status >= 500 else None,
        "fraud.request_id": request.request_id,
        "fraud.records": request.records,
        "fraud.model.version": request.model_version,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _nanoseconds(seconds: float) -> int:
    return round(seconds * _NANOSECONDS)
