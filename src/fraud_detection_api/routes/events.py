"""POST /v1/events: record events that need no decision, for the history of their entities."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool

from fraud_detection_api import errors
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.event import GivenEvent
from fraud_detection_api.decision.timeliness import Front, front_of, untimely
from fraud_detection_api.metrics.requests import EventMetrics
from fraud_detection_api.routes.protocol.body import RequestLimits, records_in
from fraud_detection_api.routes.protocol.dependencies import Champion, admitted_body, provided, require_role, service_of
from fraud_detection_api.routes.protocol.parameters import only_own_parameters
from fraud_detection_api.routes.protocol.problems import BODY, KEYED, NO_STORE, Responses, problem
from fraud_detection_api.routes.scoring.asked import HISTORY_SECONDS
from fraud_detection_api.schemas.events import EventsRecorded, parse_events
from fraud_detection_api.services.admission.rates import Rates
from fraud_detection_api.services.entities.asking import EntityHistory, Seen
from fraud_detection_api.services.history.events import EventService
from fraud_detection_api.services.history.events import EventsRecorded as Recorded

PATH = "/v1/events"

router = APIRouter(prefix=PATH, tags=["decisions"])

_REQUEST: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/EventsRequest"}}

_PROBLEMS: Responses = {
    **BODY,
    **KEYED,
    **NO_STORE,
    **problem(409, "The contract of the model in service has no history features.", errors.NoHistory),
    **problem(413, "The body or the number of events is above the limit.", errors.TooManyEvents, errors.BodyTooLarge),
    **problem(
        422,
        "Events are invalid, or a parameter was sent (`invalid_request`); `errors` lists what is wrong.",
        errors.InvalidEvents,
        field=errors.FieldProblem("/events/0/record/amount", "must be at least 0"),
    ),
    **problem(
        503,
        "The decision store cannot be written to now, or no model is loaded. With `commit_in_doubt` the events may be "
        "recorded; sending them again changes nothing.",
        errors.StoreUnavailable,
        errors.CommitInDoubt,
        errors.ModelNotReady,
    ),
}


class EventRecording:
    """Records events, and counts those that are untimely, where the history says how far it is."""

    def __init__(self, events: EventService, history: EntityHistory | None, metrics: EventMetrics) -> None:
        self._events, self._history, self._metrics = events, history, metrics

    async def record(self, contract: Contract, given: Sequence[GivenEvent]) -> Recorded:
        """As EventService does."""
        front = await self._front(contract)
        done = await run_in_threadpool(self._events.record, contract, given)
        if front is not None:
            self._metrics.untimely(untimely(front, (event.record for event in done.recorded), datetime.now(UTC)))
        return done

    async def _front(self, contract: Contract) -> Front | None:
        if self._history is None or not contract.history:
            return None
        answered: asyncio.Future[Seen | None] = asyncio.get_running_loop().create_future()
        self._history.ask(contract, [], answered.set_result, seconds=HISTORY_SECONDS)
        seen = await answered
        return None if seen is None else front_of(contract, seen.newest)


async def _body(request: Request) -> AsyncIterator[bytes]:
    async with admitted_body(request, service_of(request, RequestLimits)) as body:
        # an event and its record are two objects
        service_of(request, Rates).spend(request.state.caller, records=records_in(body) // 2)
        yield body


@router.post(
    "",
    operation_id="record_events",
    summary="Record events without a decision",
    dependencies=[Depends(require_role("score", "analyst")), Depends(only_own_parameters)],
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": _REQUEST}}},
    responses=_PROBLEMS,
)
async def post_events(
    recording: Annotated[EventRecording, provided(EventRecording)],
    limits: Annotated[RequestLimits, provided(RequestLimits)],
    champion: Champion,
    body: Annotated[bytes, Depends(_body)],
) -> EventsRecorded:
    """Record what entities did where no decision is needed, such as a login. History features count it from then on.

    Events are stored before the answer. An event is recorded once under its `event_id`: sent again, it changes nothing,
    whatever its record is. One invalid field refuses the whole request.
    """
    deployment = champion.require()
    given = await run_in_threadpool(parse_events, body, deployment.parser.contract, limit=limits.records)
    recorded, repeated = await recording.record(deployment.contract, given)
    return EventsRecorded(recorded=len(recorded), repeated=repeated)
