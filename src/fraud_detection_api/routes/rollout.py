"""The registry's aliases: change the champion and the challenger, and read the history of changes."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from fraud_detection_api import errors
from fraud_detection_api.routes.protocol import problems
from fraud_detection_api.routes.protocol.body import RequestLimits, has_body, headers_of
from fraud_detection_api.routes.protocol.browsers import BrowserGuard
from fraud_detection_api.routes.protocol.dependencies import (
    Champion,
    admitted,
    admitted_body,
    provided,
    require_role,
    service_of,
    take_turn,
)
from fraud_detection_api.routes.protocol.parameters import only_own_parameters
from fraud_detection_api.schemas import models
from fraud_detection_api.services.models.rollout import RolloutService

router = APIRouter(
    prefix="/v1/models",
    tags=["models"],
    responses={**problems.KEYED, **problems.NO_PARAMETERS, **problems.REGISTRY_UNAVAILABLE},
)

_ADMIN = [Depends(require_role("admin")), Depends(only_own_parameters)]

MAX_BODY_BYTES = 16 * 1024
"""The longest reason fits, however it is escaped; a hundred thousand unknown keys, each a problem to report, do not."""

_Body = TypeVar("_Body", bound=BaseModel)
_Rollout = Annotated[RolloutService, provided(RolloutService)]

_WITH_BODY: problems.Responses = {
    **problems.BODY,
    **problems.invalid_request(
        "The body is not a valid request, or a parameter was sent; `errors` lists what is wrong."
    ),
}
_UNKNOWN = problems.problem(
    404, "The registry has no such version.", errors.UnknownModel, errors.NoChampion, errors.NoChallenger
)


def _body_of(kind: type[_Body]) -> Callable[[Request], AsyncIterator[_Body]]:
    """Dependency that reads an optional body, after the key is checked, and holds a place until the answer has left."""

    async def read(request: Request) -> AsyncIterator[_Body]:
        headers = headers_of(request.scope)
        limits = service_of(request, RequestLimits)
        limits = limits._replace(body_bytes=min(limits.body_bytes, MAX_BODY_BYTES))
        if not has_body(headers):
            service_of(request, BrowserGuard).require_preflight(headers)
            async with admitted(request):
                yield kind()
        else:
            async with admitted_body(request, limits) as body:
                yield _validated(kind, body)

    return read


def _validated(kind: type[_Body], body: bytes) -> _Body:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in found]) from None


def _documented(kind: type[BaseModel], example: dict[str, object]) -> dict[str, object]:
    content = {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}, "example": example}
    return {"requestBody": {"required": False, "content": {"application/json": content}}}


_HOW = Annotated[models.PromoteRequest, Depends(_body_of(models.PromoteRequest))]
_WHY = Annotated[models.RolloutRequest, Depends(_body_of(models.RolloutRequest))]
_BECAUSE = _documented(models.RolloutRequest, {"reason": "it declines twice as many"})


def _caller(request: Request) -> str:
    """Who asks: the key's role, and its name or the beginning of its digest, never the key."""
    label: str = request.state.caller.label
    return label


@router.get(
    "/history",
    operation_id="list_model_changes",
    summary="Who was champion and challenger, when and why",
    dependencies=[
        Depends(require_role("admin", "analyst", "auditor")),
        Depends(only_own_parameters),
        Depends(take_turn),
    ],
    responses=problems.invalid_request("A parameter is invalid or unknown."),
)
def get_history(rollout: _Rollout, query: Annotated[models.ChangesQuery, Query()]) -> models.ModelHistory:
    """The latest changes of champion and challenger, newest first."""
    changes = rollout.history()[: query.limit]
    return models.ModelHistory(changes=[models.alias_change(change) for change in changes])


@router.post(
    "/rollback",
    operation_id="roll_back",
    summary="Go back to the previous champion",
    dependencies=_ADMIN,
    openapi_extra=_BECAUSE,
    responses={
        **_WITH_BODY,
        **problems.problem(404, "There is no previous champion.", errors.NoChampion),
        **problems.problem(
            409,
            "The previous champion is damaged or follows another contract, or the champion changed in the meantime.",
            errors.CorruptBundle,
            errors.ContractMismatch,
            errors.AliasMoved,
        ),
    },
)
def post_rollback(request: Request, rollout: _Rollout, champion: Champion, why: _WHY) -> models.ChampionNow:
    """Verify the previous champion, make it champion again and serve it. The gate does not apply."""
    version = rollout.rollback(why.order(_caller(request)))
    champion.refresh()
    return models.ChampionNow(champion=version)


@router.post(
    "/{version}/promote",
    operation_id="promote_model",
    summary="Make a version champion",
    dependencies=_ADMIN,
    openapi_extra=_documented(models.PromoteRequest, {"reason": "three weeks in shadow"}),
    responses={
        **_WITH_BODY,
        **_UNKNOWN,
        **problems.problem(
            409,
            "The version does not pass the gate, is damaged or follows another contract, or the champion changed in the "
            "meantime.",
            errors.GateRefused,
            errors.CorruptBundle,
            errors.ContractMismatch,
            errors.AliasMoved,
        ),
        **problems.problem(
            503,
            "The registry, or the store that the gate reads, cannot be read or written.",
            errors.RegistryUnavailable,
            errors.StoreUnavailable,
        ),
    },
)
def post_promote(
    request: Request, rollout: _Rollout, champion: Champion, version: str, how: _HOW
) -> models.ChampionNow:
    """Verify a version, make it champion and serve it. Other processes on the registry follow within seconds.

    409 if it does not pass the gate and is not forced, if its bundle is damaged, or if it follows another contract than the
    champion.
    """
    order = how.order(_caller(request))
    promoted = rollout.promote(version, order, allow_contract_change=how.allow_contract_change)
    champion.refresh()
    return models.ChampionNow(champion=promoted)


@router.post(
    "/{version}/challenge",
    operation_id="challenge_champion",
    summary="Make a version the challenger",
    dependencies=_ADMIN,
    openapi_extra=_BECAUSE,
    responses={
        **_WITH_BODY,
        **_UNKNOWN,
        **problems.problem(
            409,
            "The version is the champion, is damaged, or follows another contract than the champion.",
            errors.InvalidChallenger,
            errors.CorruptBundle,
            errors.ContractMismatch,
        ),
    },
)
def post_challenge(request: Request, rollout: _Rollout, version: str, why: _WHY) -> models.ChallengerNow:
    """Make the version the challenger: it scores live traffic in shadow. It replaces any other challenger."""
    return models.ChallengerNow(challenger=rollout.challenge(version, why.order(_caller(request))))


@router.delete(
    "/{version}/challenge",
    operation_id="end_challenge",
    summary="End a challenge",
    dependencies=[*_ADMIN, Depends(take_turn)],
    responses=problems.problem(404, "The version is not the challenger.", errors.NoChallenger, errors.UnknownModel),
)
def delete_challenge(request: Request, rollout: _Rollout, version: str) -> models.ChallengerNow:
    """End the challenge of the version, or of `challenger`. Stored comparisons are not removed."""
    rollout.end_challenge(models.RolloutRequest().order(_caller(request)), version=version)
    return models.ChallengerNow(challenger=None)
