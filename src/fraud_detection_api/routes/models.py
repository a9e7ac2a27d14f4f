"""The registry: versions, cards, promotion."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request

from fraud_detection_api.routes.access import container_of, require_role
from fraud_detection_api.schemas.models import ModelCard, ModelList, Promoted, PromoteRequest, model_card, model_summary

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


@router.post("/{version}/promote", summary="Make a version champion", dependencies=[Depends(require_role("admin"))])
def post_promote(request: Request, version: str, how: Annotated[PromoteRequest | None, Body()] = None) -> Promoted:
    """Verify a version, make it champion and serve it. Other processes on the registry follow within seconds.

    409 where its bundle is damaged or it follows another contract than the champion.
    """
    container = container_of(request)
    allow_contract_change = how is not None and how.allow_contract_change
    champion = container.models.promote(version, allow_contract_change=allow_contract_change)
    container.champion.refresh()
    return Promoted(champion=champion)
