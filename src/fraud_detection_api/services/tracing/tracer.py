"""Which requests are traced, and their way to the collector: a bounded queue, and one thread beside the event loop."""

import logging
import time
from collections import deque
from collections.abc import Callable
from random import Random
from threading import Event, Thread

from fraud_detection_api.errors import TracesNotDelivered
from fraud_detection_api.services.tracing.span_exporter import SpanExporter
from fraud_detection_api.services.tracing.spans import AnsweredRequest, Trace, new_span_id, spans_of
from fraud_detection_api.telemetry import log_event, log_failure
from fraud_detection_api.trace_context import TraceParent

QUEUE = 500
EVERY_SECONDS = 1.0
"""At most so many requests are exported in so many seconds: each takes a quarter of a millisecond from scoring."""

FLUSH_SECONDS = 3.0
CALM_SECONDS = 60.0
"""Losses are logged when they begin, and their end once there was none for so long."""

NOT_BEGUN = frozenset(["/ping", "/livez", "/readyz", "/metrics"])
"""Paths that machines ask for every few seconds: such a request is in a trace where its caller has one, and begins none."""

_LOW_64_BITS = (1 << 64) - 1


class RequestTracer:
    """Decides which requests are recorded, and has them exported. All but `start` and `close` is for the event loop.

    A caller's decision stands; of requests whose callers made none, the share `ratio`, chosen by the trace's id as
    OpenTelemetry's TraceIdRatioBased does. `clock` is in seconds and only for `calm_seconds`.
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
        self._random = random or Random()  # noqa: S311 ids are no secrets
        self._waiting = deque[AnsweredRequest]()
        self._overflowed = 0
        self._losses = _Losses(clock)
        self._closing = Event()
        self._thread = Thread(target=self._run, name="traces", daemon=True)  # a collector that hangs holds no process

    def begin(self, caller: TraceParent | None, path: str) -> Trace | None:
        """The trace of a request, with a span of ours where it is recorded; None where it belongs to none."""
        if caller is not None:
            return Trace(caller.trace_id, new_span_id(self._random) if caller.sampled else None, caller)
        trace_id = self._random.getrandbits(128)
        if trace_id & _LOW_64_BITS >= self._bound or not trace_id or path in NOT_BEGUN:
            return None
        return Trace(f"{trace_id:032x}", new_span_id(self._random))

    def record(self, request: AnsweredRequest) -> None:
        """Have it exported. Takes no time, and raises nothing: what there is no room for is lost, and counted."""
        if len(self._waiting) >= QUEUE:
            self._overflowed += 1
        else:
            self._waiting.append(request)

    def start(self) -> None:
        """Begin to export."""
        self._thread.start()

    def close(self) -> None:
        """Export what waits, within FLUSH_SECONDS, and end; where the collector is away, at once."""
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
        fault, lost = None, 0
        if requests:
            try:
                self._exporter.export([span for request in requests for span in spans_of(request, self._random)])
            except TracesNotDelivered as error:
                fault, lost = str(error), len(requests)
            except Exception as error:  # noqa: BLE001 the thread must go on, whatever a library of tracing thinks of
                log_failure("traces_failed", error)
                fault, lost = type(error).__name__, len(requests)
            self._losses.delivered(fault, lost)
        self._losses.tell(self._overflowed)


class _Losses:
    """Tells when requests begin to go missing from traces, and when that is over; not every time in between."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._fault: str | None = None
        self._lost = self._overflowed = self._told = 0
        self._last: float | None = None

    @property
    def undelivered(self) -> bool:
        """Whether the last delivery failed."""
        return self._fault is not None

    def delivered(self, fault: str | None, lost: int) -> None:
        """A delivery ended; `fault` says why it failed."""
        self._fault, self._lost = fault, self._lost + lost

    def tell(self, overflowed: int) -> None:
        """Log what changed; `overflowed` requests found no room so far."""
        lost = self._lost + overflowed
        if lost > self._told:
            if self._last is None:
                full = "more requests than are told of; lower FRAUD_TRACES_RATIO"
                log_event("traces_lost", level=logging.WARNING, fault=self._fault or full, requests=lost - self._told)
            self._last, self._told = self._clock(), lost
        elif self._last is not None and self._clock() - self._last >= CALM_SECONDS:
            log_event("traces_whole_again", requests_lost=lost)
            self._last = None
