"""What FastAPI hands to a route: the services that the route names, and the check of the caller's key."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, Request

from fraud_detection_api.schemas.parser import RecordParser
from fraud_detection_api.services.admission.api_keys import ApiKeys, Role
from fraud_detection_api.services.models.deployment import Deployment
from fraud_detection_api.services.models.follower import AliasFollower

T = TypeVar("T")


def provide(app: FastAPI, services: Iterable[object]) -> None:
    """Let the application's routes have these services, each by its type."""
    app.state.services = {type(service): service for service in services}


def service_of(request: Request, kind: type[T]) -> T:
    """The application's service of that type."""
    service: T = request.app.state.services[kind]
    return service


def provided(kind: type) -> Any:
    """Annotate a route's parameter, so that it is the application's service of that type."""

    async def find(request: Request) -> object:
        return service_of(request, kind)

    return Depends(find)


Champion = Annotated[AliasFollower[Deployment[RecordParser]], provided(AliasFollower)]
"""A route's parameter that follows the champion: `champion.require()` is the deployment that answers now."""


def require_role(role: Role, *others: Role) -> Callable[[Request], Awaitable[None]]:
    """Dependency that passes callers whose key has the role, or one of the others. Raises Unauthenticated or Forbidden."""

    async def check(request: Request) -> None:
        service_of(request, ApiKeys).require(role, request.headers.get("authorization"), *others)

    return check
