"""The pages: a decision, the search, and the search's export."""

from typing import Annotated, NamedTuple
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from fraud_detection_api.console.access import ACCESS, AUDIT, CASE, DECISION, DECISIONS, DECISIONS_CSV
from fraud_detection_api.console.decisions.asked import asked_of
from fraud_detection_api.console.decisions.export import Exporter
from fraud_detection_api.console.decisions.search import SearchReader
from fraud_detection_api.console.decisions.view import DecisionReader, DecisionView
from fraud_detection_api.console.frame import DECISIONS_PAGE, HEADERS, Page, render
from fraud_detection_api.console.people import name_of, reviewer_of
from fraud_detection_api.console.route import ConsoleRoute, redirect
from fraud_detection_api.console.visitors import Console, Visitor
from fraud_detection_api.decision.identifiers import as_answered
from fraud_detection_api.routes.protocol.dependencies import provided, service_of
from fraud_detection_api.services.accounts.account_store import Deed
from fraud_detection_api.services.reviewing.reviewing import ReviewService

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

DECISION_PAGE = Page("decision.html", "decision", DECISIONS)


class ShownDecision(NamedTuple):
    """A decision, and what else its visitor may open."""

    decision: DecisionView
    may_review: bool
    may_see_trail: bool


@router.get(DECISIONS)
def get_decisions(request: Request, reader: Annotated[SearchReader, provided(SearchReader)]) -> Response:
    """The search; an id leads to its decision."""
    visitor, parameters = request.state.visitor, request.query_params
    if wanted := parameters.get("id", "").strip():
        return redirect(f"{visitor.prefix}{DECISIONS}/{quote(as_answered(wanted), safe='')}")
    view = reader.view(asked_of(parameters, contract=reader.contract), parameters.get("cursor", ""))
    return render(DECISIONS_PAGE, visitor, view, status=400 if view.problems or view.problem else 200)


@router.get(DECISIONS_CSV)
def get_export(
    request: Request,
    exporter: Annotated[Exporter, provided(Exporter)],
    reader: Annotated[SearchReader, provided(SearchReader)],
) -> Response:
    """What the search finds, as a file."""
    asked = asked_of(request.query_params, contract=reader.contract)
    if asked.problems:
        return redirect(f"{request.state.visitor.prefix}{DECISIONS}?{asked.address}")
    exported = exporter.export(asked, request.query_params.get("cursor", ""), reader.contract)
    note(request, "exported", f"{exported.rows} decisions: {asked.about}")
    disposition = {"Content-Disposition": 'attachment; filename="decisions.csv"'}
    return Response(exported.content, media_type="text/csv; charset=utf-8", headers=HEADERS | disposition)


@router.get(DECISION)
def get_decision(
    request: Request,
    decision_id: str,
    reader: Annotated[DecisionReader, provided(DecisionReader)],
    reviews: Annotated[ReviewService, provided(ReviewService)],
) -> Response:
    """A decision; that somebody saw it is in the trail before they do. Who has to judge it sees no label of it."""
    decision_id = as_answered(decision_id)
    reviewer = reviewer_of(request.state.visitor)
    is_blind = reviewer is not None and reviews.has_check(decision_id, reviewer)
    view = reader.view(decision_id, replay="replay" in request.query_params, is_blind=is_blind)
    note(request, "viewed_decision", decision_id)
    visitor: Visitor = request.state.visitor
    shown = ShownDecision(view, visitor.may(ACCESS["POST", CASE]), visitor.may(ACCESS["GET", AUDIT]))
    return render(DECISION_PAGE, visitor, shown)


def note(request: Request, what: Deed, about: str) -> None:
    """Write into the trail what the visitor does."""
    visitor: Visitor = request.state.visitor
    people = service_of(request, Console).people
    assert people is not None, "without a store there is another page"
    people.trail.note(name_of(visitor), what, about)
