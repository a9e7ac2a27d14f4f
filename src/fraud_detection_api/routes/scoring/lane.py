"""A scoring route's lane: plain requests go from their connection to the turn, and their answers back.

What a lane does not take, and all that is unusual, takes the other road: the application (`routes/protocol/context.py`,
`routes/scoring/route.py`). Both roads give the same answers, and log and count them alike.
"""

import time
from codecs import BOM_UTF8
from collections.abc import Callable
from dataclasses import dataclass
from http.client import responses

from starlette.responses import Response

from fraud_detection_api.errors import FraudError
from fraud_detection_api.metrics.requests import RequestMetrics
from fraud_detection_api.routes.protocol.body import Headers, is_large, media_problem
from fraud_detection_api.routes.protocol.browsers import Protection
from fraud_detection_api.routes.protocol.context import (
    REQUEST_ID_HEADER,
    TRACEPARENT,
    note_error,
    request_fields,
    request_id_of,
)
from fraud_detection_api.routes.protocol.deadlines import DEADLINE_HEADER
from fraud_detection_api.routes.scoring.answer import Answer
from fraud_detection_api.routes.scoring.idempotency import KEY_HEADER
from fraud_detection_api.routes.scoring.route import ScoringRoute
from fraud_detection_api.routes.scoring.turns import ScoringRequest
from fraud_detection_api.routes.wire.lane import Guest, Road, field_lines
from fraud_detection_api.routes.wire.reading import Head
from fraud_detection_api.services.admission.callers import ANYBODY, Caller
from fraud_detection_api.services.admission.drain import Drain
from fraud_detection_api.telemetry import log_often

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
        self.places = route.services.entrance.places
        self.fields = field_lines(context.protection.fields)

    def take(self, head: Head, body: bytes, road: Road) -> Guest | None:
        """The request, which waits for its answer; None where the application must answer it, and nothing is changed."""
        if head.is_plain is None:
            head.is_plain = self._is_plain(head.by_name)
        services = self._services
        deployment = services.champion.current
        if (
            not head.is_plain
            or deployment is None
            or self.context.drain.begun
            or len(body) > services.limits.body_bytes
            or body.startswith(BOM_UTF8)
            or is_large(body)
        ):
            return None
        try:
            caller = self._admitted(head.by_name)
        except FraudError:  # the application words it
            return None
        if caller is None:
            return None
        headers, began = head.by_name, time.perf_counter()
        request = ScoringRequest(deployment, request_id_of(headers), headers, head.fields, body, began, caller)
        waiting = _Waiting(self, request, road)
        self._route.turn.add(request, waiting)
        return waiting

    def _is_plain(self, headers: Headers) -> bool:
        """Whether the headers ask for nothing but an answer, and may ask for that."""
        if not UNUSUAL.isdisjoint(headers) or media_problem(headers.get(b"content-type", b"")) is not None:
            return False
        try:
            if self._guard is not None:
                self._guard.check("POST", self.path, headers)
        except FraudError:
            return False
        return True

    def _admitted(self, headers: Headers) -> Caller | None:
        """The caller, who has a place now; None where the application must look closer. Raises FraudError."""
        services, caller = self._services, ANYBODY
        if services.keys.callers:
            caller = services.keys.require("score", headers.get(b"authorization", b"").decode("latin-1"))
            if caller.limits.has_rates:
                return None
        if services.writer is not None:
            services.writer.require_room()
        self.places.take(caller)
        return caller


class _Waiting(Guest):
    """A request of a lane, which waits for its answer."""

    __slots__ = ("_lane", "_request")

    def __init__(self, lane: ScoringLane, request: ScoringRequest, road: Road) -> None:
        super().__init__(road)
        self._lane, self._request = lane, request

    def done(self) -> bool:
        """Never before its answer: whoever hung up gets none, but the work is as good as done."""
        return False

    def set_result(self, answer: Answer, /) -> None:
        """Write the answer."""
        origin = answer.origin
        self._finish(200, _OK, origin.lines, answer.body, answer.size, origin.version)

    def set_exception(self, error: Exception, /) -> None:
        """Write the problem."""
        lane, request_id = self._lane, self._request.request_id
        note_error(error, request_id)
        response = lane.context.answer_to(error, request_id, self._request.headers)
        status, headers = response.status_code, response.raw_headers
        lines = field_lines(field for field in headers if field[0] not in _OF_THE_CONNECTION)
        close = any(field[0] == b"connection" for field in headers)
        status_line = b"HTTP/1.1 %d %b\r\n" % (status, responses[status].encode())
        self._finish(status, status_line, lines, bytes(response.body), None, None, close=close)

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
        lane.places.give_back(request.caller)
        lines = b"%b%b%b: %b\r\n" % (lines, lane.fields, REQUEST_ID_HEADER, request_id.encode())
        self.answer(status_line, lines, body, close=close or context.drain.begun)
        seconds = time.perf_counter() - request.began
        context.metrics.answered(lane.path, "POST", status, seconds)
        log_often("request", request_fields, request_id, "POST", lane.path, status, seconds, records, version)


_OF_THE_CONNECTION = frozenset({b"connection", b"content-length"})
