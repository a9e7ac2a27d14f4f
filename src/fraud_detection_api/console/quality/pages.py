"""The routes of quality: its page, and what reviewers are checked by."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from fraud_detection_api.console.access import GOLDEN, QUALITY
from fraud_detection_api.console.frame import QUALITY_PAGE, render
from fraud_detection_api.console.people import name_of
from fraud_detection_api.console.quality.view import QualityReader
from fraud_detection_api.console.reviews.queries import query_of
from fraud_detection_api.console.reviews.queue import case_address
from fraud_detection_api.console.route import ConsoleRoute, redirect
from fraud_detection_api.routes.protocol.dependencies import Champion, provided
from fraud_detection_api.services.deciding.decisions import stored_loss
from fraud_detection_api.services.reviewing.quality import QualityService
from fraud_detection_api.services.reviewing.reviewing import ReviewService

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)


@router.get(QUALITY)
def get_quality(request: Request, reader: Annotated[QualityReader, provided(QualityReader)]) -> Response:
    """How reliable reviews are."""
    visitor = request.state.visitor
    view = reader.view(request.query_params.get("days", ""), may_change=visitor.may_use("POST", GOLDEN))
    return render(QUALITY_PAGE, visitor, view)


@router.post(GOLDEN)
def post_golden(
    request: Request,
    decision_id: str,
    quality: Annotated[QualityService, provided(QualityService)],
    reviews: Annotated[ReviewService, provided(ReviewService)],
    champion: Champion,
) -> Response:
    """Check reviewers by a decision, or stop that."""
    visitor, deployment = request.state.visitor, champion.current
    if "stop" in request.state.form:
        quality.remove_golden(decision_id, name_of(visitor))
    else:
        loss = None if deployment is None else stored_loss(deployment.champion, reviews.decision(decision_id))
        quality.add_golden(decision_id, name_of(visitor), loss=loss)
    return redirect(visitor.prefix + case_address(decision_id, query_of(request.query_params)))
