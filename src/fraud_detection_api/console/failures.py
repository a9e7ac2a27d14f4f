"""Pages that say why there is no other page."""

import logging
from typing import NamedTuple
from urllib.parse import quote

from starlette.responses import Response

from fraud_detection_api import errors
from fraud_detection_api.console.access import MODELS
from fraud_detection_api.console.forms import StaleForm
from fraud_detection_api.console.frame import Page, render
from fraud_detection_api.console.visitors import Visitor
from fraud_detection_api.console.words import say
from fraud_detection_api.services.accounts.refusals import ProviderUnavailable
from fraud_detection_api.services.admission.shares import RETRY_AFTER_SECONDS
from fraud_detection_api.services.reviewing.quality import NotGolden
from fraud_detection_api.services.reviewing.refusals import UnfitNote
from fraud_detection_api.telemetry import log_event


class UnknownPage(errors.FraudError):
    """There is no such page."""


class Failure(NamedTuple):
    """What the page of an error shows: the texts of its status, a detail, and a `way` out of it with its address."""

    status: int
    texts: str
    detail: str
    request_id: str
    way: str = ""
    address: str = ""


_STATUSES: dict[type[errors.FraudError], int] = {
    errors.Forbidden: 403,
    errors.ForeignOrigin: 403,
    StaleForm: 403,
    UnknownPage: 404,
    errors.UnknownDecision: 404,
    errors.InvalidCursor: 400,
    errors.BodyTooSlow: 408,
    errors.UnknownModel: 404,
    errors.NoChampion: 404,
    errors.NoChallenger: 404,
    errors.AliasMoved: 409,
    errors.GateRefused: 409,
    errors.CorruptBundle: 409,
    errors.ContractMismatch: 409,
    errors.InvalidChallenger: 409,
    errors.BodyTooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.MalformedBody: 400,
    UnfitNote: 400,
    NotGolden: 409,
    errors.CallerGone: 400,
    errors.Overloaded: 429,
    errors.StoreUnavailable: 503,
    errors.RegistryUnavailable: 503,
    errors.NoStore: 503,
    ProviderUnavailable: 503,
    errors.ModelNotReady: 503,
}

_WAYS: dict[type[errors.FraudError], tuple[str, str]] = {
    errors.AliasMoved: ("changes", f"{MODELS}#changes"),
    errors.GateRefused: ("model", f"{MODELS}/{{version}}"),
    errors.UnknownModel: ("models", MODELS),
    errors.NoChampion: ("models", MODELS),
    errors.NoChallenger: ("models", MODELS),
    errors.CorruptBundle: ("models", MODELS),
    errors.ContractMismatch: ("models", MODELS),
    errors.InvalidChallenger: ("models", MODELS),
}
"""Where an error of models leads: the text of the link, and its address."""

_OWN_WORDS = (errors.AliasMoved, errors.UnknownModel, errors.NoChampion, errors.NoChallenger)
"""Errors whose own words name commands, which people who see a page may not have."""

_TEXTS = {403: "forbidden", 404: "not_found", 429: "busy", 503: "unavailable", 500: "unexpected"}


def failure_page(error: errors.FraudError, visitor: Visitor, request_id: str, *, version: str = "") -> Response:
    """The page of an expected error. Files and addresses, which it may name, are logged and not shown.

    `version` is the model that the request's address names, to lead back to it.
    """
    status = next((_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES), 500)
    detail = str(error)
    if error.neutral:
        log_event("unavailable", level=logging.WARNING, request_id=request_id, reason=detail)
        detail = error.neutral
    if isinstance(error, _OWN_WORDS):
        detail = say(f"failure.{type(error).__name__}")
    way, address = _WAYS.get(type(error), ("", ""))
    address = address.format(version=quote(version, safe=""))
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 429 else None
    texts = "conflict" if isinstance(error, errors.AliasMoved) else _TEXTS.get(status, "refused")
    return _page(Failure(status, texts, detail, request_id, way, address), visitor, headers)


def unexpected_page(visitor: Visitor, request_id: str) -> Response:
    """The page of an error that nobody expected."""
    return _page(Failure(500, "unexpected", "", request_id), visitor)


def _page(failure: Failure, visitor: Visitor, headers: dict[str, str] | None = None) -> Response:
    page = Page("failure.html", failure.texts, "")
    return render(page, visitor, failure, status=failure.status, headers=headers)


NO_ACCOUNTS, NO_STORE = Page("no_accounts.html", "no_accounts", ""), Page("no_store.html", "no_store", "")
