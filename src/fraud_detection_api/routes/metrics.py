"""GET /metrics: what Prometheus reads."""

import asyncio
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from fraud_detection_api.metrics.exposition import OPENMETRICS, TEXT, exposition, wants_openmetrics
from fraud_detection_api.metrics.sharing import SharedMetrics
from fraud_detection_api.routes.protocol.dependencies import provided, require_role
from fraud_detection_api.routes.protocol.pages import Shared
from fraud_detection_api.routes.protocol.problems import KEYED

router = APIRouter(tags=["operation"])

PAUSE_SECONDS = 0.1
"""The files of all processes are read and merged at most so often, in a thread, however many ask."""


class Expositions:
    """The metrics as text, in both formats, made together for all who ask at the same time."""

    def __init__(self, metrics: SharedMetrics) -> None:
        self._metrics = metrics
        self._texts = {
            media_type: Shared(partial(asyncio.to_thread, self._text, media_type), pause_seconds=PAUSE_SECONDS)
            for media_type in (TEXT, OPENMETRICS)
        }

    async def get(self, accept: str) -> tuple[bytes, str]:
        """The text and its media type, for that header Accept."""
        return await self._texts[OPENMETRICS if wants_openmetrics(accept) else TEXT].get()

    def _text(self, media_type: str) -> tuple[bytes, str]:
        return exposition(self._metrics.families(), media_type)


_TEXT_CONTENT = {
    TEXT.partition(";")[0]: {
        "schema": {"type": "string"},
        "example": 'fraud_http_requests_total{route="/fraud_detection",method="POST",status="200"} 42.0\n',
    },
    OPENMETRICS.partition(";")[0]: {"schema": {"type": "string"}},
}


@router.get(
    "/metrics",
    operation_id="get_metrics",
    summary="Metrics, for Prometheus",
    dependencies=[Depends(require_role("monitor", "auditor"))],
    response_class=Response,
    responses={
        200: {"description": "The metrics of all processes of this server.", "content": _TEXT_CONTENT},
        **KEYED,
    },
)
async def get_metrics(request: Request, expositions: Annotated[Expositions, provided(Expositions)]) -> Response:
    """Counters, gauges and histograms of all processes of this server, as text; OpenMetrics if `Accept` asks for it.

    Every worker returns the same: sums over all workers, and the gauges of each.
    """
    content, media_type = await expositions.get(request.headers.get("accept", ""))
    return Response(content, headers={"content-type": media_type})
