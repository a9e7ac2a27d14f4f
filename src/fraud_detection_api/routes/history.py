"""Stored decisions: one, or a page of them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from fraud_detection_api import errors
from fraud_detection_api.routes.protocol import problems
from fraud_detection_api.routes.protocol.body import headers_of
from fraud_detection_api.routes.protocol.browsers import BrowserGuard
from fraud_detection_api.routes.protocol.dependencies import (
    provided,
    require_role,
    service_of,
    take_turn,
)
from fraud_detection_api.routes.protocol.listed import listed_answer
from fraud_detection_api.routes.protocol.parameters import only_own_parameters
from fraud_detection_api.schemas.history import (
    DecisionPage,
    DecisionQuery,
    KeptDecisionBody,
    VerdictBody,
    kept_decision_body,
    verdict_body,
)
from fraud_detection_api.schemas.labels import DecisionLabels, decision_labels
from fraud_detection_api.schemas.request import DecisionId
from fraud_detection_api.services.history.lookup import History
from fraud_detection_api.services.history.replay import ReplayService
from fraud_detection_api.services.labels.recording import LabelService

router = APIRouter(
    prefix="/v1/decisions",
    tags=["decisions"],
    dependencies=[Depends(require_role("analyst", "auditor")), Depends(only_own_parameters), Depends(take_turn)],
    responses={**problems.KEYED, **problems.NO_PARAMETERS, **problems.STORE_UNAVAILABLE},
)

_History = Annotated[History, provided(History)]
_UNKNOWN = problems.problem(
    404, "No such decision is stored, or this server has no decision store.", errors.UnknownDecision, errors.NoStore
)
_INVALID = problems.invalid_request(
    "A parameter is invalid or unknown, or the cursor belongs to other filters.", errors.InvalidCursor
)


@router.get(
    "",
    operation_id="list_decisions",
    summary="Decisions, the newest first",
    response_model=DecisionPage,
    responses={**problems.NO_STORE, **_INVALID},
)
def get_decisions(history: _History, query: Annotated[DecisionQuery, Query()]) -> Response:
    """Stored decisions by entity, outcome and time, a page at a time.

    Follow `next_cursor` with the same filters. Decisions that are made in the meantime do not shift the pages.
    """
    page = history.page(query.filters(), limit=query.limit, cursor=query.cursor)
    bodies = [kept_decision_body(found) for found in page.decisions]
    return listed_answer(DecisionPage.model_construct(decisions=bodies, next_cursor=page.next_cursor), "decisions")


@router.get("/{decision_id}", operation_id="get_decision", summary="A decision", responses=_UNKNOWN)
def get_decision(history: _History, decision_id: DecisionId) -> KeptDecisionBody:
    """The decision as it was answered, its record, and whether the stored row was changed since."""
    return kept_decision_body(history.find(decision_id))


@router.get(
    "/{decision_id}/labels",
    operation_id="list_labels",
    summary="The labels of a decision",
    response_model=DecisionLabels,
    responses=_UNKNOWN,
)
def get_labels(labels: Annotated[LabelService, provided(LabelService)], decision_id: DecisionId) -> Response:
    """Every label of the decision as it was recorded, superseded ones included."""
    return listed_answer(decision_labels(decision_id, labels.history(decision_id)), "labels")


async def _require_preflight(request: Request) -> None:
    service_of(request, BrowserGuard).require_preflight(headers_of(request.scope))


@router.post(
    "/{decision_id}/replay",
    operation_id="replay_decision",
    summary="Replay a decision",
    dependencies=[Depends(_require_preflight)],
    responses={
        **problems.problem(
            415, "Without keys, the request needs `Content-Type: application/json`.", errors.UnsupportedMedia
        ),
        **_UNKNOWN,
        **problems.problem(
            503,
            "The decision store or the registry cannot be read now.",
            errors.StoreUnavailable,
            errors.RegistryUnavailable,
        ),
    },
)
def post_replay(replays: Annotated[ReplayService, provided(ReplayService)], decision_id: DecisionId) -> VerdictBody:
    """Decide again, from the stored record and with the model that decided, and compare every bit.

    Nothing is changed or stored. `status` says if the seal is broken or the model is not available.
    """
    return verdict_body(replays.replay(decision_id))
