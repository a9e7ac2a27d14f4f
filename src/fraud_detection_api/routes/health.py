"""Is it alive, and can it score."""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from fastapi import APIRouter, Request
from pydantic import BaseModel

from fraud_detection_api.routes.access import container_of

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """A verified model is loaded."""

    status: Literal["ready"] = "ready"
    model_version: str


_Handler = TypeVar("_Handler", bound=Callable[..., Any])


def _get_or_head(path: str, *, summary: str) -> Callable[[_Handler], _Handler]:
    """Answer GET and HEAD at the path; OpenAPI has GET alone, for a HEAD would repeat it."""

    def add(handler: _Handler) -> _Handler:
        router.add_api_route(path, handler, methods=["GET", "HEAD"], include_in_schema=False)
        return router.get(path, summary=summary)(handler)

    return add


@_get_or_head("/ping", summary="Is the process alive?")
async def get_ping() -> Alive:
    """200 while the process is alive."""
    return Alive()


@_get_or_head("/livez", summary="Liveness, for an orchestrator")
async def get_livez() -> Alive:
    """200 while the process is alive; a restart cannot mend what `/readyz` complains of."""
    return Alive()


@_get_or_head("/readyz", summary="Readiness, for an orchestrator")
async def get_readyz(request: Request) -> Ready:
    """200 once a model is loaded, its golden rows are reproduced and decisions can be kept; else 503 with the reason.

    503 as well once the process was told to end: it still answers, but others should be sent what comes.
    """
    container = container_of(request)
    container.drain.require_none()
    if container.keeper is not None:
        container.keeper.require_room()
    return Ready(model_version=container.champion.current().version)
