"""The registry: versions and cards."""

from fastapi import APIRouter, Depends, Request

from fraud_detection_api.routes.access import container_of, require_role
from fraud_detection_api.schemas.models import ModelCard, ModelList, model_card, model_summary

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", summary="All versions, newest first", dependencies=[Depends(require_role("score"))])
def get_models(request: Request) -> ModelList:
    """Every version of the registry, with its aliases and its test metrics."""
    descriptions = container_of(request).models.describe_all()
    return ModelList(models=[model_summary(description) for description in descriptions])


@router.get("/{version}", summary="A version's model card", dependencies=[Depends(require_role("score"))])
def get_model(request: Request, version: str) -> ModelCard:
    """Data, split, settings, metrics with intervals and software of one version."""
    return model_card(container_of(request).models.describe(version))
