"""What monitoring says: the champion's drift and performance, and champion against challenger."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from fraud_detection_api.routes.access import container_of, require_role
from fraud_detection_api.schemas.monitoring import (
    ComparisonBody,
    ComparisonQuery,
    MonitoringBody,
    comparison_body,
    monitoring_body,
)
from fraud_detection_api.schemas.request import Parameters
from fraud_detection_api.services.models.champion import ServedModel

router = APIRouter(tags=["monitoring"], dependencies=[Depends(require_role("monitor", "analyst"))])


@router.get("/v1/monitoring", summary="Drift, and performance of matured decisions")
def get_monitoring(request: Request, _query: Annotated[Parameters, Query()]) -> MonitoringBody:
    """How far the records of the last hour, day and week are from the training data, and how good decisions were.

    Performance rests on decisions that are old enough for their labels to have come; it is measured every five minutes at
    most.
    """
    container = container_of(request)
    return monitoring_body(container.monitoring.report(container.champion.current()))


@router.get("/v1/models/compare", summary="Champion against challenger")
def get_comparison(request: Request, query: Annotated[ComparisonQuery, Query()]) -> ComparisonBody:
    """Both on the decisions that both made: outcomes, money, and, where the truth is known, who ranks better.

    `gate` says whether the challenger may be promoted, and what speaks against it.
    """
    container = container_of(request)
    other = ServedModel(*container.models.bundle(query.challenger))
    return comparison_body(container.comparisons.compare(container.champion.current(), other))
