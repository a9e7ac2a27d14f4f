"""The routes of the queue: its list, the next case, and saved filters."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from fraud_detection_api.console.access import FILTERS, NEXT_CASE, QUEUE
from fraud_detection_api.console.frame import QUEUE_PAGE, render
from fraud_detection_api.console.people import name_of, reviewer_of
from fraud_detection_api.console.reviews.queries import query_of, query_text
from fraud_detection_api.console.reviews.queue_view import QueueReader
from fraud_detection_api.console.route import ConsoleRoute, redirect
from fraud_detection_api.routes.protocol.dependencies import Champion, provided
from fraud_detection_api.services.reviewing.review_store import Reviewer
from fraud_detection_api.services.reviewing.reviewing import QueueQuery, ReviewService

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)


@router.get(QUEUE)
def get_queue(request: Request, reader: Annotated[QueueReader, provided(QueueReader)], champion: Champion) -> Response:
    """The cases that wait, as the address asks for them."""
    visitor = request.state.visitor
    contract = None if champion.current is None else champion.current.contract
    view = reader.view(request.query_params, name_of(visitor), reviewer_of(visitor), contract)
    return render(QUEUE_PAGE, visitor, view)


@router.post(NEXT_CASE)
def post_next_case(request: Request, reviews: Annotated[ReviewService, provided(ReviewService)]) -> Response:
    """Lease the next case that is free and show it; the list again, if there is none."""
    visitor = request.state.visitor
    reviewer, query = reviewer_of(visitor), query_of(request.query_params)
    assert reviewer is not None, "the table of access lets only reviewers in"
    return redirect(visitor.prefix + next_address(reviews, reviewer, query))


@router.post(FILTERS)
def post_filter(request: Request, reviews: Annotated[ReviewService, provided(ReviewService)]) -> Response:
    """Save the query of the address under a name, or remove the one that has it."""
    visitor, form = request.state.visitor, request.state.form
    query = query_of(request.query_params)
    if "remove" in form:
        reviews.remove_filter(name_of(visitor), form["remove"])
    else:
        reviews.save_filter(name_of(visitor), form.get("name", ""), query_text(query))
    return redirect(visitor.prefix + queue_address(query))


def queue_address(query: QueueQuery, *, done: str = "") -> str:
    """The list's address, below the server's prefix."""
    fields = [*([query_text(query)] if query_text(query) else []), *([f"done={done}"] if done else [])]
    return f"{QUEUE}?{'&'.join(fields)}" if fields else QUEUE


def case_address(decision_id: str, query: QueueQuery, *, done: str = "") -> str:
    """The address of a case, which goes on with that query."""
    return queue_address(query, done=done).replace(QUEUE, f"{QUEUE}/{decision_id}", 1)


def next_address(reviews: ReviewService, reviewer: Reviewer, query: QueueQuery, *, done: str = "") -> str:
    """The address of the next case, which is leased; that of the list, if no case is free."""
    taken = reviews.take_next(reviewer, query)
    return queue_address(query, done=done) if taken is None else case_address(taken, query, done=done)
