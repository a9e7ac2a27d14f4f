"""GET /metrics: what Prometheus reads."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from fraud_detection_api.metrics.exposition import OPENMETRICS, TEXT, exposition
from fraud_detection_api.metrics.sharing import SharedMetrics
from fraud_detection_api.routes.protocol.dependencies import provided, require_role
from fraud_detection_api.routes.protocol.problems import FORBIDDEN, KEYED

router = APIRouter(tags=["operation"])

_TEXT_CONTENT = {
    TEXT.partition(";")[0]: {
        "schema": {"type": "string"},
        "example": 'fraud_http_requests_total{route="/fraud_detection",method="POST",status="200"} 42.0\n',
    },
    OPENMETRICS.partition(";")[0]: {"schema": {"type": "string"}},
}


@router.get(
    "/metrics",
    summary="Metrics, for Prometheus",
    dependencies=[Depends(require_role("monitor"))],
    response_class=Response,
    responses={
        200: {"description": "The metrics of all processes of this server.", "content": _TEXT_CONTENT},
        **KEYED,
        **FORBIDDEN,
    },
)
async def get_metrics(request: Request, metrics: Annotated[SharedMetrics, provided(SharedMetrics)]) -> Response:
    """Counters, gauges and histograms of all processes of this server, as text; OpenMetrics if `Accept` asks for it.

    Every worker returns the same: sums over all workers, and the gauges of each.
    """
    # not in the threads of other routes, which may all wait for the store
    families = await asyncio.to_thread(metrics.families)
    content, media_type = exposition(families, request.headers.get("accept", ""))
    return Response(content, headers={"content-type": media_type})
