"""POST /v1/events: record events that need no decision, for the history of their entities."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from fraud_detection_api import errors
from fraud_detection_api.routes.protocol.body import RequestLimits, records_in
from fraud_detection_api.routes.protocol.dependencies import Champion, admitted_body, provided, require_role, service_of
from fraud_detection_api.routes.protocol.parameters import only_own_parameters
from fraud_detection_api.routes.protocol.problems import BODY, KEYED, NO_STORE, Responses, problem
from fraud_detection_api.schemas.events import EventsRecorded, parse_events
from fraud_detection_api.services.admission.rates import Rates
from fraud_detection_api.services.history.events import EventService

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
def post_events(
    events: Annotated[EventService, provided(EventService)],
    limits: Annotated[RequestLimits, provided(RequestLimits)],
    champion: Champion,
    body: Annotated[bytes, Depends(_body)],
) -> EventsRecorded:
    """Record what entities did where no decision is needed, such as a login. History features count it from then on.

    Events are stored before the answer. An event is recorded once under its `event_id`: sent again, it changes nothing,
    whatever its record is. One invalid field refuses the whole request.
    """
    deployment = champion.require()
    given = parse_events(body, deployment.parser.contract, limit=limits.records)
    recorded, repeated = events.record(deployment.contract, given)
    return EventsRecorded(recorded=recorded, repeated=repeated)
