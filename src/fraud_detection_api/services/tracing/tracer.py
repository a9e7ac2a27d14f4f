"""Samples requests and exports their traces: a bounded queue, and one thread beside the event loop."""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from threading import Event, Thread
from typing import Protocol

from fraud_detection_api.errors import TracesNotDelivered
from fraud_detection_api.services.tracing.spans import AnsweredRequest, Trace, new_span_id, spans_of
from fraud_detection_api.telemetry import log_event, log_failure
from fraud_detection_api.trace_context import Span, TraceParent


class SpanExporter(Protocol):
    """Delivers spans to a collector. Only one thread may use it, except for `close`."""

    def export(self, spans: Sequence[Span]) -> None:
        """Deliver spans, which may take seconds. Raises TracesNotDelivered, and the spans are lost."""

    def close(self) -> None:
        """Release connections, and end a delivery that is being retried."""


QUEUE = 500
EVERY_SECONDS = 1.0
"""Exports at most QUEUE requests in EVERY_SECONDS: each takes a quarter of a millisecond away from scoring."""

FLUSH_SECONDS = 3.0
CALM_SECONDS = 60.0
"""Losses are logged when they begin, and again when there were none for so long."""

NOT_BEGUN = frozenset(["/ping", "/livez", "/readyz", "/metrics"])
"""Paths that machines request every few seconds: such a request joins its caller's trace, but starts none."""

_LOW_64_BITS = (1 << 64) - 1


class RequestTracer:
    """Decides which requests are recorded, and exports them. Only the event loop may call methods but `start` and `close`.

    A caller's decision takes precedence. Of the other requests it records the share `ratio`, chosen by the trace's id as in
    OpenTelemetry's TraceIdRatioBased. `clock` is in seconds; it serves to log losses.
    """

    def __init__(
        self,
        exporter: SpanExporter,
        *,
        ratio: float,
        random: Random | None = None,
        clock: Callable[[], float] = time.monotonic,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self._exporter, self._bound, self._every_seconds = exporter, round(ratio * 2**64), every_seconds
        self._random = random or Random()  # noqa: S311 ids are not secret
        self._waiting = deque[AnsweredRequest]()
        self._overflowed = 0
        self._losses = _Losses(clock)
        self._closing = Event()
        # a daemon: a hanging collector must not keep the process alive
        self._thread = Thread(target=self._run, name="traces", daemon=True)

    def begin(self, caller: TraceParent | None, path: str) -> Trace | None:
        """The trace of a request, with a span id if it is recorded; None if it belongs to no trace."""
        if caller is not None:
            return Trace(caller.trace_id, new_span_id(self._random) if caller.sampled else None, caller)
        trace_id = self._random.getrandbits(128)
        if trace_id & _LOW_64_BITS >= self._bound or not trace_id or path in NOT_BEGUN:
            return None
        return Trace(f"{trace_id:032x}", new_span_id(self._random))

    def record(self, request: AnsweredRequest) -> None:
        """Queue the request for export. Never blocks or raises; if the queue is full, the request is lost and counted."""
        if len(self._waiting) >= QUEUE:
            self._overflowed += 1
        else:
            self._waiting.append(request)

    def start(self) -> None:
        """Start exporting."""
        self._thread.start()

    def close(self) -> None:
        """Export what waits, within FLUSH_SECONDS, and end; if the collector is unavailable, end at once."""
        self._closing.set()
        if not self._losses.undelivered:
            self._thread.join(FLUSH_SECONDS)
        self._exporter.close()
        self._thread.join(1.0)

    def _run(self) -> None:
        while not self._closing.wait(self._every_seconds):
            self._export()
        self._export()

    def _export(self) -> None:
        requests = [self._waiting.popleft() for _ in range(len(self._waiting))]
        error, lost = None, 0
        if requests:
            try:
                self._exporter.export([span for request in requests for span in spans_of(request, self._random)])
            except TracesNotDelivered as failure:
                error, lost = str(failure), len(requests)
            except Exception as failure:  # noqa: BLE001 no failure of the tracing library may end the thread
                log_failure("traces_failed", failure)
                error, lost = type(failure).__name__, len(requests)
            self._losses.delivered(error, lost)
        self._losses.report(self._overflowed)


class _Losses:
    """Logs when requests start to be lost from traces, and when that ends; not each loss in between."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._error: str | None = None
        self._lost = self._overflowed = self._reported = 0
        self._last: float | None = None

    @property
    def undelivered(self) -> bool:
        """Whether the last delivery failed."""
        return self._error is not None

    def delivered(self, error: str | None, lost: int) -> None:
        """Note the end of a delivery; `error` says why it failed."""
        self._error, self._lost = error, self._lost + lost

    def report(self, overflowed: int) -> None:
        """Log what changed; `overflowed` requests found the queue full so far."""
        lost = self._lost + overflowed
        if lost > self._reported:
            if self._last is None:
                full = "more requests than can be exported; lower FRAUD_TRACES_RATIO"
                log_event(
                    "traces_lost", level=logging.WARNING, fault=self._error or full, requests=lost - self._reported
                )
            self._last, self._reported = self._clock(), lost
        elif self._last is not None and self._clock() - self._last >= CALM_SECONDS:
            log_event("traces_whole_again", requests_lost=lost)
            self._last = None
