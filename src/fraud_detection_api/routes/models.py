"""The registry: versions, cards, promotion."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from fraud_detection_api.routes.access import container_of, require_role
from fraud_detection_api.routes.body import has_body, headers_of, read_json_body
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


async def _promote_request(request: Request) -> PromoteRequest:
    """How to promote, from the body; by default where there is none. Read here, after the key was checked."""
    headers = headers_of(request.scope)
    if not has_body(headers):
        return PromoteRequest()
    settings = container_of(request).settings
    body = await read_json_body(
        headers, request.receive, limit_bytes=settings.max_body_bytes, timeout_seconds=settings.body_timeout_seconds
    )
    try:
        return PromoteRequest.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from None


_HOW = {"schema": PromoteRequest.model_json_schema(), "example": {"allow_contract_change": False}}


@router.post(
    "/{version}/promote",
    summary="Make a version champion",
    dependencies=[Depends(require_role("admin"))],
    openapi_extra={"requestBody": {"required": False, "content": {"application/json": _HOW}}},
)
def post_promote(request: Request, version: str, how: Annotated[PromoteRequest, Depends(_promote_request)]) -> Promoted:
    """Verify a version, make it champion and serve it. Other processes on the registry follow within seconds.

    409 where its bundle is damaged or it follows another contract than the champion.
    """
    container = container_of(request)
    champion = container.models.promote(version, allow_contract_change=how.allow_contract_change)
    container.champion.refresh()
    return Promoted(champion=champion)
