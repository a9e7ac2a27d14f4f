"""POST /v1/labels: record whether decisions and events were about fraud."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from fraud_detection_api import errors
from fraud_detection_api.contract.declaration import Identifier
from fraud_detection_api.contract.times import epoch_milliseconds
from fraud_detection_api.decision.label import EntityAt, EventNamed, Finding
from fraud_detection_api.routes.protocol.body import RequestLimits
from fraud_detection_api.routes.protocol.dependencies import Champion, admitted_body, provided, require_role, service_of
from fraud_detection_api.routes.protocol.parameters import only_own_parameters
from fraud_detection_api.routes.protocol.problems import (
    BODY,
    KEYED,
    NO_STORE,
    Responses,
    problem,
)
from fraud_detection_api.schemas.labels import (
    LabelOfDecision,
    LabelOfEvent,
    LabelsRecorded,
    SomeLabel,
    labels_recorded,
    parse_labels,
)
from fraud_detection_api.services.labels.recording import LabelService

router = APIRouter(prefix="/v1/labels", tags=["labels"])

_REQUEST: dict[str, Any] = {
    "schema": {"$ref": "#/components/schemas/LabelsRequest"},
    "example": {
        "labels": [
            {"decision_id": "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "is_fraud": True, "source": "chargeback"},
            {
                "entity_id": 345435,
                "decided_at": "2026-11-22T10:00:00Z",
                "is_fraud": False,
                "source": "customer",
                "effective_at": "2026-11-24T08:30:00Z",
                "note": "called, and knew of the purchase",
            },
            {"event_id": "payment-7730", "is_fraud": True, "source": "chargeback"},
        ]
    },
}

_PROBLEMS: Responses = {
    **BODY,
    **KEYED,
    **NO_STORE,
    **problem(413, "The body or the number of labels is above the limit.", errors.TooManyLabels, errors.BodyTooLarge),
    **problem(
        422,
        "Labels are invalid, or a parameter was sent (`invalid_request`); `errors` lists what is wrong.",
        errors.InvalidLabels,
        field=errors.FieldProblem("/labels/0/source", "must be one of chargeback, analyst, customer, …"),
    ),
    **problem(
        503,
        "The decision store cannot be written to now. With `commit_in_doubt` the labels may be recorded; sending them again "
        "changes nothing.",
        errors.StoreUnavailable,
        errors.CommitInDoubt,
    ),
}


async def _body(request: Request) -> AsyncIterator[bytes]:
    async with admitted_body(request, service_of(request, RequestLimits)) as body:
        yield body


@router.post(
    "",
    operation_id="record_labels",
    summary="Record labels of decisions and events",
    dependencies=[Depends(require_role("analyst")), Depends(only_own_parameters)],
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": _REQUEST}}},
    responses=_PROBLEMS,
)
def post_labels(
    request: Request,
    labels: Annotated[LabelService, provided(LabelService)],
    limits: Annotated[RequestLimits, provided(RequestLimits)],
    champion: Champion,
    body: Annotated[bytes, Depends(_body)],
) -> LabelsRecorded:
    """Record labels of decisions by their id, of an entity's last decision by a time, or of events by your own id.

    Labels are added, never changed: the label that became known last is in force. A label that is sent again changes
    nothing. Labels whose decisions or events are not stored are listed under `unknown`, and the others are recorded. One
    invalid field refuses the whole request. The name of the caller's key is stored as the label's `reviewer`.
    """
    given = parse_labels(body, limit=limits.records, latest=labels.latest())
    served, reviewer = champion.current, request.state.caller.reviewer
    identifier = None if served is None else served.contract.identifier
    findings = [_finding(label, labels, identifier, reviewer) for label in given]
    return labels_recorded(labels.record(findings))


def _finding(given: SomeLabel, labels: LabelService, identifier: Identifier | None, reviewer: str | None) -> Finding:
    about: str | EntityAt | EventNamed
    if isinstance(given, LabelOfDecision):
        about = given.decision_id
    elif isinstance(given, LabelOfEvent):
        about = EventNamed(given.event_id)
    else:
        entity_id = given.entity_id if identifier is None else identifier.as_declared(given.entity_id)
        about = labels.entity_at(entity_id, epoch_milliseconds(given.decided_at))
    effective_at = None if given.effective_at is None else epoch_milliseconds(given.effective_at)
    return Finding(about, given.is_fraud, given.source, effective_at, given.note, reviewer)
