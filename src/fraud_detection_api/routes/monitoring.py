"""Monitoring: the champion's drift and performance, and champion against challenger."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from fraud_detection_api import errors
from fraud_detection_api.routes.protocol.dependencies import (
    Champion,
    provided,
    require_role,
    take_turn,
)
from fraud_detection_api.routes.protocol.parameters import only_own_parameters
from fraud_detection_api.routes.protocol.problems import (
    KEYED,
    NO_PARAMETERS,
    NO_STORE,
    Responses,
    invalid_request,
    problem,
)
from fraud_detection_api.schemas.monitoring import (
    ComparisonBody,
    ComparisonQuery,
    MonitoringBody,
    comparison_body,
    monitoring_body,
)
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.reporting.comparison import ComparisonService
from fraud_detection_api.services.reporting.monitoring import MonitoringService

router = APIRouter(
    tags=["monitoring"],
    dependencies=[
        Depends(require_role("monitor", "analyst", "auditor")),
        Depends(only_own_parameters),
        Depends(take_turn),
    ],
    responses={**KEYED, **NO_PARAMETERS},
)

_MONITORING_PROBLEMS: Responses = {
    **NO_STORE,
    **problem(
        503,
        "The decision store cannot be read now, or no model is in service.",
        errors.StoreUnavailable,
        errors.ModelNotReady,
    ),
}
_COMPARISON_PROBLEMS: Responses = {
    **problem(
        404,
        "There is no challenger, no such version, or this server has no decision store.",
        errors.NoChallenger,
        errors.NoChampion,
        errors.UnknownModel,
        errors.NoStore,
    ),
    **problem(409, "The challenger's bundle is damaged.", errors.CorruptBundle),
    **invalid_request("A parameter is invalid or unknown."),
    **problem(
        503,
        "The decision store or the registry cannot be read now, or no model is in service.",
        errors.StoreUnavailable,
        errors.RegistryUnavailable,
        errors.ModelNotReady,
    ),
}


@router.get(
    "/v1/monitoring",
    operation_id="get_monitoring",
    summary="Drift, and performance of matured decisions",
    responses=_MONITORING_PROBLEMS,
)
def get_monitoring(
    champion: Champion,
    monitoring: Annotated[MonitoringService, provided(MonitoringService)],
) -> MonitoringBody:
    """Drift of the records of the last hour, day and week from the training data, and performance of matured decisions.

    Performance is measured at most every five minutes.
    """
    return monitoring_body(monitoring.report(champion.require().champion))


@router.get(
    "/v1/models/compare",
    operation_id="compare_models",
    summary="Champion against challenger",
    responses=_COMPARISON_PROBLEMS,
)
def get_comparison(
    champion: Champion,
    models: Annotated[ModelService, provided(ModelService)],
    comparisons: Annotated[ComparisonService, provided(ComparisonService)],
    query: Annotated[ComparisonQuery, Query()],
) -> ComparisonBody:
    """Compare both models on the records that both scored: outcomes and costs, and on matured decisions also the ranking.

    `gate` says whether the challenger may be promoted, and gives the reasons against it.
    """
    other = models.load(query.challenger)
    return comparison_body(comparisons.compare(champion.require().champion, other))
