"""What FastAPI hands to a route: the services that the route names, and the check of the caller's key."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, Request

from fraud_detection_api.errors import Overloaded
from fraud_detection_api.routes.protocol.body import RequestLimits, headers_of, hung_up, is_large, read_json_body
from fraud_detection_api.schemas.records.parser import RecordParser
from fraud_detection_api.services.admission.api_keys import ApiKeys
from fraud_detection_api.services.admission.callers import Role
from fraud_detection_api.services.admission.entrance import Entrance
from fraud_detection_api.services.admission.rates import Rates
from fraud_detection_api.services.admission.shares import RETRY_AFTER_SECONDS
from fraud_detection_api.services.models.deployment import Deployment
from fraud_detection_api.services.models.follower import AliasFollower

T = TypeVar("T")

LOOK_UP_COST = 64 * 1024
"""What a look-up counts where a body counts its bytes: a page of decisions has about as many."""

LONGEST_WAIT_SECONDS = 1.0
"""How long a look-up waits for its turn. The store then has its own time to answer, and callers wait for 6 s at most."""


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
async def admitted(request: Request) -> AsyncIterator[None]:
    """A place for a request whose key is checked, while the block runs. Raises Overloaded."""
    places, caller = service_of(request, Entrance).places, request.state.caller
    places.take(caller)
    try:
        yield
    finally:
        places.give_back(caller)


async def take_turn(request: Request) -> AsyncIterator[None]:
    """Dependency of routes that look things up: waits for the caller's turn, which lasts until the answer has left.

    Routes that read a body use `admitted_body` instead: a body that never ends must not hold a place. Raises Overloaded
    where the turn does not come soon, CallerGone.
    """
    entrance, gone = service_of(request, Entrance), partial(hung_up, request.receive)
    late = partial(Overloaded, RETRY_AFTER_SECONDS)
    async with entrance.turn(request.state.caller, LOOK_UP_COST, gone, seconds=LONGEST_WAIT_SECONDS, late=late):
        yield


@asynccontextmanager
async def admitted_body(request: Request, limits: RequestLimits) -> AsyncIterator[bytes]:
    """The body of a request whose key is checked, with a place and, if it is large, a turn, while the block runs.

    Raises Overloaded, and as `read_json_body`.
    """
    entrance, caller = service_of(request, Entrance), request.state.caller
    async with AsyncExitStack() as stack:
        headers = headers_of(request.scope)
        body, held = await read_json_body(headers, request.receive, limits, entrance.bodies, caller)
        if held:
            stack.callback(entrance.bodies.give_back, caller, held)
        if is_large(body):
            await stack.enter_async_context(entrance.turn(caller, len(body), None))
        else:
            await stack.enter_async_context(admitted(request))
        yield body
