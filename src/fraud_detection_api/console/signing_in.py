"""Signing in and out."""

import logging
import re
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from fraud_detection_api.addresses import is_loopback
from fraud_detection_api.console.access import FROM_PROVIDER, PATH, SIGN_IN, SIGN_OUT, TO_PROVIDER
from fraud_detection_api.console.failures import UnknownPage
from fraud_detection_api.console.frame import Page, render
from fraud_detection_api.console.route import ConsoleRoute, came_by_tls, redirect
from fraud_detection_api.console.visitors import (
    ATTEMPT_COOKIE,
    FORM_COOKIE,
    SESSION_COOKIE,
    Console,
    Visitor,
    delete_cookie,
    set_cookie,
)
from fraud_detection_api.console.words import say
from fraud_detection_api.container.accounts import People
from fraud_detection_api.routes.protocol.dependencies import service_of
from fraud_detection_api.services.accounts.account_store import Account
from fraud_detection_api.services.accounts.provider import ProviderAccounts
from fraud_detection_api.services.accounts.refusals import ProviderRefused, SignInRefused, SignInThrottled
from fraud_detection_api.services.accounts.sessions import new_token
from fraud_detection_api.telemetry import log_event

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

_ATTEMPT_SECONDS = 600
_BETWEEN = "~"
"""Between the secret of an attempt and the page that was asked for, which the provider need not know."""

PAGE = Page("sign_in.html", "sign_in", SIGN_IN)

_OWN_PAGE = re.compile(r"/console(?:/[\w.~-]+)*(?:\?[\w.~%=&+,:-]*)?", re.ASCII)


class SignInView(NamedTuple):
    """What the page shows: after a failure the name again, where to go afterwards, and how long to wait if many failed.

    `has_ended` says that a form was sent in vain, as its session had ended.
    With a provider of identities, its name instead of a form; `refused_by_provider` is the text of why nobody came in.
    """

    name: str = ""
    next: str = PATH
    has_ended: bool = False
    was_refused: bool = False
    wait_minutes: int = 0
    provider: str = ""
    refused_by_provider: str = ""


@router.get(SIGN_IN)
def get_sign_in(request: Request) -> Response:
    """The form; whoever is signed in already needs none."""
    visitor: Visitor = request.state.visitor
    asked = request.query_params
    target, has_ended = own_page(asked.get("next", "")), "ended" in asked
    if visitor.state != "signed_out":
        return redirect(visitor.prefix + target)
    provider = _people(request).provider
    return render(
        PAGE, visitor, SignInView(next=target, has_ended=has_ended, provider="" if provider is None else provider.name)
    )


@router.post(SIGN_IN)
def post_sign_in(request: Request) -> Response:
    """Open a session with a new token, whatever cookies the browser had."""
    visitor, people, form = request.state.visitor, _people(request), request.state.form
    if people.provider is not None:
        raise UnknownPage(say("sign_in.no_passwords"))
    name, target = form.get("name", "").strip().lower(), own_page(form.get("next", ""))
    try:
        account = people.accounts.sign_in(name, form.get("password", ""), _address(request))
    except SignInRefused:
        return render(PAGE, visitor, SignInView(name, target, was_refused=True), status=403)
    except SignInThrottled as error:
        minutes, headers = -(-error.retry_after_seconds // 60), {"Retry-After": str(error.retry_after_seconds)}
        return render(PAGE, visitor, SignInView(name, target, wait_minutes=minutes), status=429, headers=headers)
    return _signed_in(request, account, target)


@router.get(TO_PROVIDER)
def get_provider(request: Request) -> Response:
    """Lead the browser to the provider, with a secret that it has to come back with."""
    visitor, token = request.state.visitor, new_token()
    response = redirect(_provider(request).start(token))
    kept = f"{token}{_BETWEEN}{own_page(request.query_params.get('next', ''))}"
    set_cookie(response, ATTEMPT_COOKIE, kept, visitor, secure=came_by_tls(request), seconds=_ATTEMPT_SECONDS)
    return response


@router.get(FROM_PROVIDER)
def get_return(request: Request) -> Response:
    """Open a session for whoever comes back from the provider."""
    visitor, provider = request.state.visitor, _provider(request)
    token, _, target = request.cookies.get(ATTEMPT_COOKIE, "").partition(_BETWEEN)
    try:
        account = provider.finish(token, dict(request.query_params))
        response = _signed_in(request, account, own_page(target))
    except ProviderRefused as error:
        log_event("sign_in_refused", level=logging.WARNING, why=error.why, reason=error.detail)
        view = SignInView(next=own_page(target), provider=provider.name, refused_by_provider=f"sign_in.{error.why}")
        response = render(PAGE, visitor, view, status=403)
    delete_cookie(response, ATTEMPT_COOKIE, visitor)
    return response


@router.post(SIGN_OUT)
def post_sign_out(request: Request) -> Response:
    """End the session, here and in the store. One at the provider goes on."""
    visitor = request.state.visitor
    if visitor.account is not None:
        _people(request).sessions.end(visitor.secret, visitor.account)
    response = redirect(f"{visitor.prefix}{SIGN_IN}")
    delete_cookie(response, SESSION_COOKIE, visitor)
    return response


def _signed_in(request: Request, account: Account, target: str) -> Response:
    """A new session in the browser, on the way to a page."""
    visitor, sessions = request.state.visitor, _people(request).sessions
    if visitor.account is not None:
        sessions.end(visitor.secret, visitor.account)
    response = redirect(visitor.prefix + target)
    set_cookie(response, SESSION_COOKIE, sessions.open(account), visitor, secure=came_by_tls(request))
    delete_cookie(response, FORM_COOKIE, visitor)
    return response


def _people(request: Request) -> People:
    people = service_of(request, Console).people
    assert people is not None, "without a store there is another page"
    return people


def _provider(request: Request) -> ProviderAccounts:
    """Raises UnknownPage."""
    provider = _people(request).provider
    if provider is None:
        raise UnknownPage(say("sign_in.no_provider"))
    return provider


def own_page(address: str) -> str:
    """The address, if it is a page of the console; else the first page.

    >>> own_page("/console/decisions?outcome=review"), own_page("//elsewhere.example"), own_page("/console/../docs")
    ('/console/decisions?outcome=review', '/console', '/console')
    """
    return address if _OWN_PAGE.fullmatch(address) and "/." not in address else PATH


def _address(request: Request) -> str:
    """Where the browser is; empty for a proxy's address and this machine's, which say nothing of it."""
    host = "" if request.client is None else request.client.host
    return "" if service_of(request, Console).prefix.is_from_proxy(request.scope) or is_loopback(host) else host
