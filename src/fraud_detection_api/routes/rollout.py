"""The registry: who is champion and who challenges it, changed and remembered."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from fraud_detection_api.routes.access import container_of, require_role
from fraud_detection_api.routes.body import has_body, headers_of, read_json_body
from fraud_detection_api.schemas.rollout import (
    ChallengerNow,
    ChampionNow,
    ChangesQuery,
    ModelHistory,
    PromoteRequest,
    RolloutRequest,
    alias_change,
)

router = APIRouter(prefix="/v1/models", tags=["models"])

MAX_BODY_BYTES = 16 * 1024
"""The longest reason fits, however it is escaped; unknown keys by the hundred thousand, each a problem to tell, do not."""

_Body = TypeVar("_Body", bound=BaseModel)
_ADMIN = [Depends(require_role("admin"))]


def _body_of(kind: type[_Body]) -> Callable[[Request], Awaitable[_Body]]:
    """Dependency that reads an optional body. It is read here, after the key was checked."""

    async def read(request: Request) -> _Body:
        headers = headers_of(request.scope)
        if not has_body(headers):
            return kind()
        settings = container_of(request).settings
        limit_bytes = min(settings.max_body_bytes, MAX_BODY_BYTES)
        body = await read_json_body(
            headers, request.receive, limit_bytes=limit_bytes, timeout_seconds=settings.body_timeout_seconds
        )
        try:
            return kind.model_validate_json(body)
        except ValidationError as error:
            faults = error.errors(include_url=False, include_input=False)
            raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from None

    return read


def _documented(kind: type[BaseModel], example: dict[str, object]) -> dict[str, object]:
    content = {"schema": kind.model_json_schema(), "example": example}
    return {"requestBody": {"required": False, "content": {"application/json": content}}}


_HOW = Annotated[PromoteRequest, Depends(_body_of(PromoteRequest))]
_WHY = Annotated[RolloutRequest, Depends(_body_of(RolloutRequest))]
_BECAUSE = _documented(RolloutRequest, {"reason": "it declines twice as many"})


def _caller(request: Request) -> str:
    """Who asks: the key's role and the beginning of its digest, never the key."""
    return container_of(request).keys.name_of(request.headers.get("authorization"))


@router.get("/history", summary="Who was champion and challenger, when and why", dependencies=_ADMIN)
def get_history(request: Request, query: Annotated[ChangesQuery, Query()]) -> ModelHistory:
    """The newest changes, newest first."""
    changes = container_of(request).rollout.history()[: query.limit]
    return ModelHistory(changes=[alias_change(change) for change in changes])


@router.post("/rollback", summary="Go back to the champion before", dependencies=_ADMIN, openapi_extra=_BECAUSE)
def post_rollback(request: Request, why: _WHY) -> ChampionNow:
    """Verify the champion before this one, make it champion again and serve it. No gate is asked."""
    container = container_of(request)
    champion = container.rollout.rollback(why.order(_caller(request)))
    container.champion.refresh()
    return ChampionNow(champion=champion)


@router.post(
    "/{version}/promote",
    summary="Make a version champion",
    dependencies=_ADMIN,
    openapi_extra=_documented(PromoteRequest, {"reason": "three weeks in shadow"}),
)
def post_promote(request: Request, version: str, how: _HOW) -> ChampionNow:
    """Verify a version, make it champion and serve it. Other processes on the registry follow within seconds.

    409 where it did not pass the gate and is not forced, where its bundle is damaged, or where it follows another contract
    than the champion.
    """
    container = container_of(request)
    order = how.order(_caller(request))
    champion = container.rollout.promote(version, order, allow_contract_change=how.allow_contract_change)
    container.champion.refresh()
    return ChampionNow(champion=champion)


@router.post(
    "/{version}/challenge", summary="Let a version challenge the champion", dependencies=_ADMIN, openapi_extra=_BECAUSE
)
def post_challenge(request: Request, version: str, why: _WHY) -> ChallengerNow:
    """Let it score what the champion scores, in its shadow. It takes the place of another challenger."""
    return ChallengerNow(challenger=container_of(request).rollout.challenge(version, why.order(_caller(request))))


@router.delete("/{version}/challenge", summary="End a challenge", dependencies=_ADMIN)
def delete_challenge(request: Request, version: str) -> ChallengerNow:
    """Let the version, or `challenger`, challenge no longer. What was compared is kept."""
    container_of(request).rollout.end_challenge(RolloutRequest().order(_caller(request)), version=version)
    return ChallengerNow(challenger=None)
