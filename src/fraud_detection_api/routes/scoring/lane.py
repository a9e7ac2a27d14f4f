"""A scoring route's lane: plain requests go from their connection to the turn, and their answers back.

What a lane does not take, and all that is unusual, takes the other road: the application (`routes/protocol/context.py`,
`routes/scoring/route.py`). Both roads give the same answers, and log and count them alike.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import responses

from starlette.responses import Response

from fraud_detection_api.errors import FraudError
from fraud_detection_api.metrics.requests import RequestMetrics
from fraud_detection_api.routes.protocol.body import Headers, is_large, media_problem
from fraud_detection_api.routes.protocol.browsers import Protection
from fraud_detection_api.routes.protocol.context import REQUEST_ID_HEADER, TRACEPARENT, request_fields, request_id_of
from fraud_detection_api.routes.protocol.deadlines import DEADLINE_HEADER
from fraud_detection_api.routes.scoring.idempotency import KEY_HEADER
from fraud_detection_api.routes.scoring.route import ScoringRoute, answer_headers
from fraud_detection_api.routes.scoring.turns import Answer, ScoringRequest
from fraud_detection_api.routes.wire.lane import Guest
from fraud_detection_api.routes.wire.reading import Head
from fraud_detection_api.services.admission.callers import ANYBODY, Caller
from fraud_detection_api.services.admission.drain import Drain
from fraud_detection_api.telemetry import Stopwatch, log_failure, log_often

UNUSUAL = frozenset({KEY_HEADER, TRACEPARENT, DEADLINE_HEADER, b"content-encoding"})
"""Headers that ask for more than an answer."""

_OK = b"HTTP/1.1 200 OK\r\n"


@dataclass(frozen=True, slots=True)
class LaneContext:
    """What the application knows of its requests, for lanes."""

    protection: Protection
    drain: Drain
    metrics: RequestMetrics
    answer_to: Callable[[Exception, str, Headers], Response]


class ScoringLane:
    """The lane of a route."""

    def __init__(self, route: ScoringRoute, context: LaneContext) -> None:
        self.path, self._route, self.context = route.path, route, context
        self._services, self._guard = route.services, context.protection.guard
        self.fields = b"".join([b"%b: %b\r\n" % field for field in context.protection.fields])

    def take(self, head: Head, body: bytes, guest: Guest) -> bool:
        """Whether it takes the request; the application then knows nothing of it."""
        headers = head.by_name
        deployment = self._services.champion.current
        if deployment is None or self.context.drain.begun or not self._is_plain(headers, body):
            return False
        try:
            caller = self._admitted(headers)
        except FraudError:  # the application words it
            return False
        if caller is None:
            return False
        request_id, watch = request_id_of(headers), Stopwatch()
        request = ScoringRequest(deployment, request_id, headers, head.fields, body, watch, caller)
        self._route.turn.add(request, _Waiting(self, request, guest))
        return True

    def _admitted(self, headers: Headers) -> Caller | None:
        """The caller, who has a place now; None where the application must look closer. Raises FraudError."""
        services = self._services
        if self._guard is not None:
            self._guard.check("POST", self.path, headers)
        caller = ANYBODY
        if services.keys.callers:
            caller = services.keys.require("score", headers.get(b"authorization", b"").decode("latin-1"))
        if caller.limits.has_rates:
            return None
        if services.writer is not None:
            services.writer.require_room()
        services.entrance.places.take(caller)
        return caller

    def _is_plain(self, headers: Headers, body: bytes) -> bool:
        return (
            UNUSUAL.isdisjoint(headers)
            and media_problem(headers.get(b"content-type", b"")) is None
            and len(body) <= self._services.limits.body_bytes
            and not is_large(body)
        )

    def leave(self, caller: Caller) -> None:
        """Give the caller's place back."""
        self._services.entrance.places.give_back(caller)


class _Waiting:
    """A request of a lane, which waits for its answer."""

    __slots__ = ("_guest", "_lane", "_request")

    def __init__(self, lane: ScoringLane, request: ScoringRequest, guest: Guest) -> None:
        self._lane, self._request, self._guest = lane, request, guest

    def done(self) -> bool:
        """Never before its answer: whoever hung up gets none, but the work is as good as done."""
        return False

    def set_result(self, answer: Answer, /) -> None:
        """Write the answer."""
        lane, version = self._lane, self._request.deployment.champion.version
        lines = b"".join([b"%b: %b\r\n" % field for field in answer_headers(answer, version)])
        self._finish(200, _OK, lines + lane.fields, answer.body, answer.size, version)

    def set_exception(self, error: Exception, /) -> None:
        """Write the problem."""
        lane, request_id = self._lane, self._request.request_id
        if not isinstance(error, FraudError):
            log_failure("unexpected_error", error, request_id=request_id)
        error.__traceback__ = error.__cause__ = error.__context__ = None  # as in RequestBoundary
        response = lane.context.answer_to(error, request_id, self._request.headers)
        status, headers = response.status_code, response.raw_headers
        lines = b"".join([b"%b: %b\r\n" % field for field in headers if field[0] not in _OF_THE_CONNECTION])
        close = any(field[0] == b"connection" for field in headers)
        status_line = b"HTTP/1.1 %d %b\r\n" % (status, responses[status].encode())
        self._finish(status, status_line, lines + lane.fields, bytes(response.body), None, None, close=close)

    def _finish(  # noqa: PLR0913 what is written, and what is logged
        self,
        status: int,
        status_line: bytes,
        lines: bytes,
        body: bytes,
        records: int | None,
        version: str | None,
        *,
        close: bool = False,
    ) -> None:
        lane, request = self._lane, self._request
        context, request_id = lane.context, request.request_id
        lane.leave(request.caller)
        lines += b"%b: %b\r\n" % (REQUEST_ID_HEADER, request_id.encode())
        self._guest.answer(status_line, lines, body, close=close or context.drain.begun)
        seconds = time.perf_counter() - request.watch.began
        context.metrics.answered(lane.path, "POST", status, seconds)
        state = {"request_id": request_id, "records": records, "model_version": version}
        log_often("request", request_fields, state, "POST", lane.path, status, seconds, None)


_OF_THE_CONNECTION = frozenset({b"connection", b"content-length"})
