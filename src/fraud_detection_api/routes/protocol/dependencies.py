"""What FastAPI hands to a route: the services that the route names, and the check of the caller's key."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, Request

from fraud_detection_api.routes.protocol.body import RequestLimits, headers_of, read_json_body
from fraud_detection_api.schemas.parser import LARGE_BODY_BYTES, RecordParser
from fraud_detection_api.services.admission.api_keys import ApiKeys
from fraud_detection_api.services.admission.callers import Role
from fraud_detection_api.services.admission.entrance import Entrance
from fraud_detection_api.services.admission.rates import Rates
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
    """Dependency that passes callers whose key has the role, or one of the others.

    Raises Unauthenticated, Forbidden, RateExceeded.
    """

    async def check(request: Request) -> None:
        caller = service_of(request, ApiKeys).require(role, request.headers.get("authorization"), *others)
        request.state.caller = caller
        service_of(request, Rates).spend(caller, requests=1)

    return check


@asynccontextmanager
async def admitted_body(request: Request, limits: RequestLimits) -> AsyncIterator[bytes]:
    """The body of a request whose key is checked, with a place and, if it is large, a turn, while the block runs.

    Raises Overloaded, and as `read_json_body`.
    """
    entrance, caller = service_of(request, Entrance), request.state.caller
    async with AsyncExitStack() as admitted:
        headers = headers_of(request.scope)
        body, held = await read_json_body(headers, request.receive, limits, entrance.bodies, caller)
        if held:
            admitted.callback(entrance.bodies.give_back, caller, held)
        if len(body) >= LARGE_BODY_BYTES:
            await admitted.enter_async_context(entrance.turn(caller, len(body), None))
        else:
            entrance.places.take(caller)
            admitted.callback(entrance.places.give_back, caller)
        yield body
