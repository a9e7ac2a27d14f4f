"""The registry: versions and cards."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from fraud_detection_api import errors
from fraud_detection_api.routes.protocol.dependencies import provided, require_role, take_turn
from fraud_detection_api.routes.protocol.listed import listed_answer
from fraud_detection_api.routes.protocol.parameters import only_own_parameters
from fraud_detection_api.routes.protocol.problems import KEYED, NO_PARAMETERS, REGISTRY_UNAVAILABLE, problem
from fraud_detection_api.schemas.models import ModelCard, ModelList, model_card, model_summary
from fraud_detection_api.services.models.registered import ModelService

router = APIRouter(
    prefix="/v1/models",
    tags=["models"],
    dependencies=[
        Depends(require_role("score", "analyst", "auditor")),
        Depends(only_own_parameters),
        Depends(take_turn),
    ],
    responses={**KEYED, **NO_PARAMETERS, **REGISTRY_UNAVAILABLE},
)

_Models = Annotated[ModelService, provided(ModelService)]


@router.get("", operation_id="list_models", summary="All versions, newest first", response_model=ModelList)
def get_models(models: _Models) -> Response:
    """Every version of the registry, with its aliases and its test metrics."""
    found = ModelList(models=[model_summary(description) for description in models.describe_all()])
    return listed_answer(found, "models")


@router.get(
    "/{version}",
    operation_id="get_model",
    summary="A version's model card",
    responses=problem(
        404, "The registry has no such version.", errors.UnknownModel, errors.NoChampion, errors.NoChallenger
    ),
)
def get_model(models: _Models, version: str) -> ModelCard:
    """The data, split, settings, metrics with intervals, and software of one version."""
    return model_card(models.describe(version))
