"""Keys on the wire: the Authorization header."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request

from fraud_detection_api.container.process import Container
from fraud_detection_api.services.admission.api_keys import Role


def container_of(request: Request) -> Container:
    """The process's container."""
    container: Container = request.app.state.container
    return container


def require_role(role: Role, *others: Role) -> Callable[[Request], Awaitable[None]]:
    """Dependency that passes callers whose key has the role, or one of the others. Raises Unauthenticated or Forbidden."""

    async def check(request: Request) -> None:
        container_of(request).keys.require(role, request.headers.get("authorization"), *others)

    return check
