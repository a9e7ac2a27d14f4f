"""What every route of the console does: admits, finds out who asks, checks role and form, and answers errors as pages."""

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from fraud_detection_api.console.access import ACCESS, PATH, SIGN_IN
from fraud_detection_api.console.failures import NO_ACCOUNTS, NO_STORE, failure_page, unexpected_page
from fraud_detection_api.console.forms import read_form, require_own_form
from fraud_detection_api.console.frame import HEADERS, render
from fraud_detection_api.console.visitors import FORM_COOKIE, Console, Visitor, set_cookie
from fraud_detection_api.console.words import say
from fraud_detection_api.errors import Forbidden, FraudError
from fraud_detection_api.routes.protocol.body import headers_of
from fraud_detection_api.routes.protocol.context import note_error
from fraud_detection_api.routes.protocol.dependencies import service_of, take_turn
from fraud_detection_api.services.admission.callers import Caller

_CALLER = Caller("console", "admin", "")
"""All pages together have the share of one caller, beside programs."""

_turn = asynccontextmanager(take_turn)

Answer = Callable[[Request], Awaitable[Response]]


class ConsoleRoute(APIRoute):
    """A page or an action. Its function finds the visitor and the form in the request's state."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        if unlisted := {(method, path) for method in self.methods or ()} - ACCESS.keys():
            raise LookupError(f"no entry in console/access.py for {unlisted}")

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """The function behind what every route does."""
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            state = request.state
            state.caller, state.form = _CALLER, {}
            state.visitor = Visitor("signed_out", service_of(request, Console).prefix.of(request.scope), "")
            try:
                if request.method == "POST":
                    state.form = await read_form(request)
                async with _turn(request):
                    return await self._admitted(request, answer)
            except FraudError as error:
                version = request.path_params.get("version", "")
                return failure_page(error, state.visitor, state.request_id, version=version)
            except Exception as error:  # noqa: BLE001 whatever it was, a person gets a page
                note_error(error, state.request_id)
                return unexpected_page(state.visitor, state.request_id)

        return handle

    async def _admitted(self, request: Request, answer: Answer) -> Response:
        visitor = request.state.visitor = await run_in_threadpool(service_of(request, Console).visitor, request)
        if visitor.state == "no_store":
            return render(NO_STORE, visitor, None, status=503)
        if visitor.state == "no_accounts":
            return render(NO_ACCOUNTS, visitor, None, status=403)
        if not visitor.may_use(request.method, self.path):
            if visitor.account is None:
                return _to_sign_in(request, visitor, self.path)
            if visitor.may(ACCESS[request.method, self.path]):
                raise Forbidden(say("forbidden.lead"))
            raise Forbidden(say("forbidden.role", role=visitor.account.role))
        if request.method == "POST":
            require_own_form(request.state.form, visitor)
        response = await answer(request)
        if visitor.is_new:
            set_cookie(response, FORM_COOKIE, visitor.secret, visitor, secure=came_by_tls(request))
        return response


def _to_sign_in(request: Request, visitor: Visitor, path: str) -> Response:
    """The way to sign in, and from there back to the page that was asked for, or whose form was sent in vain."""
    query = f"?{request.url.query}" if request.url.query else ""
    page = request.scope["path"] + query if ("GET", path) in ACCESS else PATH
    ended = "" if request.method == "GET" else "&ended=1"
    return redirect(f"{visitor.prefix}{SIGN_IN}?next={quote(page)}{ended}")


def redirect(address: str) -> Response:
    """Lead the browser to an address of this server, with GET."""
    return RedirectResponse(address, 303, HEADERS)


def came_by_tls(request: Request) -> bool:
    """Whether the browser speaks TLS, to this server or to a proxy before it: a form names the origin of its page."""
    return request.url.scheme == "https" or headers_of(request.scope).get(b"origin", b"").startswith(b"https://")
