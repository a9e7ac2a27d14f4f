"""Signing in and out."""

import re
from ipaddress import ip_address
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from fraud_detection_api.console.access import PATH, SIGN_IN, SIGN_OUT
from fraud_detection_api.console.frame import Page, render
from fraud_detection_api.console.route import ConsoleRoute, came_by_tls, redirect
from fraud_detection_api.console.visitors import (
    FORM_COOKIE,
    SESSION_COOKIE,
    Console,
    Visitor,
    delete_cookie,
    set_cookie,
)
from fraud_detection_api.routes.protocol.dependencies import service_of
from fraud_detection_api.services.accounts.refusals import SignInRefused, SignInThrottled

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

PAGE = Page("sign_in.html", "sign_in", SIGN_IN)

_OWN_PAGE = re.compile(r"/console(?:/[\w.~-]+)*(?:\?[\w.~%=&+,:-]*)?", re.ASCII)


class SignInView(NamedTuple):
    """What the form shows: after a failure the name again, where to go afterwards, and how long to wait if many failed."""

    name: str = ""
    next: str = PATH
    was_refused: bool = False
    wait_minutes: int = 0


@router.get(SIGN_IN)
def get_sign_in(request: Request) -> Response:
    """The form; whoever is signed in already needs none."""
    visitor: Visitor = request.state.visitor
    target = own_page(request.query_params.get("next", ""))
    if visitor.state != "signed_out":
        return redirect(visitor.prefix + target)
    return render(PAGE, visitor, SignInView(next=target))


@router.post(SIGN_IN)
def post_sign_in(request: Request) -> Response:
    """Open a session with a new token, whatever cookies the browser had."""
    visitor, people, form = request.state.visitor, service_of(request, Console).people, request.state.form
    assert people is not None, "without a store there is another page"
    name, target = form.get("name", "").strip().lower(), own_page(form.get("next", ""))
    try:
        account = people.sign_in.sign_in(name, form.get("password", ""), _address(request))
    except SignInRefused:
        return render(PAGE, visitor, SignInView(name, target, was_refused=True), status=403)
    except SignInThrottled as error:
        minutes, headers = -(-error.retry_after_seconds // 60), {"Retry-After": str(error.retry_after_seconds)}
        return render(PAGE, visitor, SignInView(name, target, wait_minutes=minutes), status=429, headers=headers)
    if visitor.account is not None:
        people.sessions.end(visitor.secret, visitor.account)
    response = redirect(visitor.prefix + target)
    set_cookie(response, SESSION_COOKIE, people.sessions.open(account), visitor, secure=came_by_tls(request))
    delete_cookie(response, FORM_COOKIE, visitor)
    return response


@router.post(SIGN_OUT)
def post_sign_out(request: Request) -> Response:
    """End the session, here and in the store."""
    visitor, people = request.state.visitor, service_of(request, Console).people
    if visitor.account is not None and people is not None:
        people.sessions.end(visitor.secret, visitor.account)
    response = redirect(f"{visitor.prefix}{SIGN_IN}")
    delete_cookie(response, SESSION_COOKIE, visitor)
    return response


def own_page(address: str) -> str:
    """The address, if it is a page of the console; else the first page.

    >>> own_page("/console/decisions?outcome=review"), own_page("//elsewhere.example"), own_page("/console/../docs")
    ('/console/decisions?outcome=review', '/console', '/console')
    """
    return address if _OWN_PAGE.fullmatch(address) and "/." not in address else PATH


def _address(request: Request) -> str:
    """Where the browser is; empty for a proxy's address and this machine's, which say nothing of it."""
    host = "" if request.client is None else request.client.host
    return "" if service_of(request, Console).prefix.is_from_proxy(request.scope) or _is_here(host) else host


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
