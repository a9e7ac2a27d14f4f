"""The routes of a case: its page, a verdict, and an appeal."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request, Response

from fraud_detection_api.console.access import APPEAL, CASE
from fraud_detection_api.console.frame import CASE_LOST_PAGE, CASE_PAGE, render
from fraud_detection_api.console.people import name_of, reviewer_of
from fraud_detection_api.console.reviews.case_view import CaseReader
from fraud_detection_api.console.reviews.queries import done_of, query_of, query_text
from fraud_detection_api.console.reviews.queue import case_address, next_address, queue_address
from fraud_detection_api.console.route import ConsoleRoute, redirect
from fraud_detection_api.console.visitors import Visitor
from fraud_detection_api.console.words import say
from fraud_detection_api.errors import MalformedBody
from fraud_detection_api.routes.protocol.dependencies import Champion, provided
from fraud_detection_api.services.deciding.decisions import stored_loss
from fraud_detection_api.services.reviewing.refusals import (
    CaseClosed,
    CaseEscalated,
    CaseTaken,
    NotAppealable,
    UnfitNote,
)
from fraud_detection_api.services.reviewing.review_store import VERDICTS, Reviewer, VerdictKind
from fraud_detection_api.services.reviewing.reviewing import QueueQuery, ReviewService

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

Reviews = Annotated[ReviewService, provided(ReviewService)]


@dataclass(frozen=True, slots=True)
class LostCase:
    """Why nothing was recorded, and the note that would be lost."""

    detail: str
    decision_id: str
    note: str
    query: str


@router.get(CASE)
def get_case(request: Request, decision_id: str, reader: Annotated[CaseReader, provided(CaseReader)]) -> Response:
    """The case of a decision. To open it leases it, unless somebody else has it."""
    visitor, asked = request.state.visitor, request.query_params
    query = query_text(query_of(asked))
    view = reader.open(decision_id.lower(), name_of(visitor), reviewer_of(visitor), query, done=done_of(asked))
    return render(CASE_PAGE, visitor, view)


@router.post(CASE)
def post_verdict(request: Request, decision_id: str, reviews: Reviews) -> Response:
    """Record what the reviewer says about a case, and go on."""
    visitor, form, query = request.state.visitor, request.state.form, query_of(request.query_params)
    verdict, note = _verdict(form.get("verdict", "")), form.get("note", "")
    reviewer = _reviewer(visitor)
    try:
        reviews.act(decision_id, verdict, reviewer, note)
    except (CaseClosed, CaseTaken, CaseEscalated, UnfitNote) as error:
        return _lost(error, visitor, decision_id, note, query)
    if verdict == "note":
        return redirect(visitor.prefix + case_address(decision_id, query))
    if verdict == "release":
        return redirect(visitor.prefix + queue_address(query))
    return redirect(visitor.prefix + next_address(reviews, reviewer, query, done=verdict))


@router.post(APPEAL)
def post_appeal(request: Request, decision_id: str, reviews: Reviews, champion: Champion) -> Response:
    """Put a decision into the queue for another look, and show its case."""
    visitor, note, query = request.state.visitor, request.state.form.get("note", ""), query_of(request.query_params)
    deployment = champion.current
    row = reviews.decision(decision_id)
    loss = None if deployment is None else stored_loss(deployment.champion, row)
    try:
        reviews.appeal(decision_id, _reviewer(visitor), note, loss=loss)
    except (NotAppealable, UnfitNote) as error:
        return _lost(error, visitor, decision_id, note, query)
    return redirect(visitor.prefix + case_address(decision_id, query))


def _verdict(text: str) -> VerdictKind:
    """The verdict of that name. Raises MalformedBody."""
    for each in VERDICTS:
        if each == text and each != "appeal":
            return each
    raise MalformedBody(say("case.no_verdict"))


def _reviewer(visitor: Visitor) -> Reviewer:
    reviewer = reviewer_of(visitor)
    assert reviewer is not None, "the table of access lets only reviewers in"
    return reviewer


_STATUSES = {UnfitNote: 400, CaseEscalated: 403}


def _lost(error: Exception, visitor: Visitor, decision_id: str, note: str, query: QueueQuery) -> Response:
    view = LostCase(str(error), decision_id, note, query_text(query))
    return render(CASE_LOST_PAGE, visitor, view, status=_STATUSES.get(type(error), 409))
