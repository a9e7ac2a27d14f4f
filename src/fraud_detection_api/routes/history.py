"""Decisions that were made: one, or a page of them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from fraud_detection_api.routes.access import container_of, require_role
from fraud_detection_api.schemas.history import DecisionPage, DecisionQuery, KeptDecisionBody, kept_decision_body
from fraud_detection_api.schemas.labels import DecisionLabels, decision_labels
from fraud_detection_api.schemas.replay import VerdictBody, verdict_body

router = APIRouter(prefix="/v1/decisions", tags=["decisions"], dependencies=[Depends(require_role("analyst"))])


@router.get("", summary="Decisions, the newest first")
def get_decisions(request: Request, query: Annotated[DecisionQuery, Query()]) -> DecisionPage:
    """Kept decisions, by entity, outcome and time, a page at a time.

    Follow `next_cursor` with the same filters. Decisions that are made meanwhile do not move those on the pages.
    """
    page = container_of(request).history.page(query.filters(), limit=query.limit, cursor=query.cursor)
    return DecisionPage.model_construct(
        decisions=[kept_decision_body(found) for found in page.decisions], next_cursor=page.next_cursor
    )


@router.get("/{decision_id}", summary="A decision")
def get_decision(request: Request, decision_id: str) -> KeptDecisionBody:
    """The decision as it was answered, the record that it is about, and whether anybody changed the row since."""
    return kept_decision_body(container_of(request).history.find(decision_id))


@router.get("/{decision_id}/labels", summary="What turned out to be true of a decision")
def get_labels(request: Request, decision_id: str) -> DecisionLabels:
    """All labels of the decision, those that were superseded too, as they were recorded."""
    return decision_labels(decision_id, container_of(request).labels.history(decision_id))


@router.post("/{decision_id}/replay", summary="Would the same be decided again?")
def post_replay(request: Request, decision_id: str) -> VerdictBody:
    """Decide once more, from the kept record and with the very model of then, and compare every bit.

    Nothing is changed or kept. Without an intact seal, or without that model, the answer says so.
    """
    return verdict_body(container_of(request).replays.replay(decision_id))
