"""A request's trace: which one it belongs to, and what is told of it once it is answered."""

import time

from starlette.types import Scope

from fraud_detection_api.services.tracing.spans import AnsweredRequest, StagesTaken, Trace
from fraud_detection_api.services.tracing.tracer import RequestTracer
from fraud_detection_api.trace_context import TraceParent, parse_tracestate

TRACEPARENT, TRACESTATE = b"traceparent", b"tracestate"


def begun(tracer: RequestTracer | None, caller: TraceParent | None, scope: Scope) -> Trace | None:
    """The trace of a request that has come in, None where it belongs to none. Without a tracer nothing is recorded."""
    if tracer is None:
        return None if caller is None else Trace(caller.trace_id)
    trace = tracer.begin(caller, scope["path"])
    if trace is None or trace.span_id is None or caller is None:
        return trace
    states = [content for name, content in scope["headers"] if name == TRACESTATE]
    return trace._replace(tracestate=parse_tracestate(states)) if states else trace


def trace_ids(trace: Trace | None) -> dict[str, str]:
    """The trace's ids, as the log has them."""
    if trace is None:
        return {}
    return {"trace_id": trace.trace_id} | ({} if trace.span_id is None else {"span_id": trace.span_id})


def answered_request(
    scope: Scope, trace: Trace, route: str, end: tuple[int, str | None], period: tuple[float, float]
) -> AnsweredRequest:
    """The request for its trace: `end` is its status and kind of error, `period` is on the clock of `perf_counter`."""
    state, (status, fault), (began, ended) = scope["state"], end, period
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
        fault=fault,
        records=state.get("records"),
        model_version=state.get("model_version"),
        began=began,
        ended=ended,
        ended_at=time.time_ns(),
        stages=None if watch is None else StagesTaken(watch.stages, watch.lapped),
    )
