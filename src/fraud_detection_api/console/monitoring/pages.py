"""The page Monitoring."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from fraud_detection_api.console.access import MONITORING
from fraud_detection_api.console.frame import MONITORING_PAGE, render
from fraud_detection_api.console.monitoring.view import MonitoringReader
from fraud_detection_api.console.route import ConsoleRoute
from fraud_detection_api.routes.protocol.dependencies import provided

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)


@router.get(MONITORING)
def get_monitoring(request: Request, reader: Annotated[MonitoringReader, provided(MonitoringReader)]) -> Response:
    """How the champion does."""
    query = request.query_params
    view = reader.view(query.get("window", ""), patiently="wait" in query)
    return render(MONITORING_PAGE, request.state.visitor, view)
