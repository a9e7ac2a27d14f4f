"""The page of the audit trail."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from fraud_detection_api.console.access import AUDIT
from fraud_detection_api.console.audit.view import TrailReader
from fraud_detection_api.console.frame import AUDIT_PAGE, render
from fraud_detection_api.console.route import ConsoleRoute
from fraud_detection_api.routes.protocol.dependencies import provided

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)


@router.get(AUDIT)
def get_audit(request: Request, reader: Annotated[TrailReader, provided(TrailReader)]) -> Response:
    """Who did what, about whom or what, and when."""
    return render(AUDIT_PAGE, request.state.visitor, reader.view(request.query_params))
