"""Changes of champion and challenger: a page that says what will happen, and the action."""

from typing import Annotated, get_args

from fastapi import APIRouter, Request, Response

from fraud_detection_api.console.access import MODELS
from fraud_detection_api.console.failures import UnknownPage
from fraud_detection_api.console.frame import Page, render
from fraud_detection_api.console.models.changing import ACTIONS, Change, Changes
from fraud_detection_api.console.models.pages import CHANGE
from fraud_detection_api.console.route import ConsoleRoute, redirect
from fraud_detection_api.console.words import say
from fraud_detection_api.routes.protocol.dependencies import Champion, provided

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

_Changes = Annotated[Changes, provided(Changes)]


@router.get(CHANGE)
def get_change(request: Request, version: str, change: str, changes: _Changes) -> Response:
    """What will happen, and a form for the reason."""
    known = _known(change)
    view = changes.view(known, version, patiently="wait" in request.query_params)
    return render(_page(known), request.state.visitor, view)


@router.post(CHANGE)
def post_change(request: Request, version: str, change: str, changes: _Changes, champion: Champion) -> Response:
    """Make the change, serve the champion that it leaves, and show the models."""
    known, form, visitor = _known(change), request.state.form, request.state.visitor
    if (again := changes.refused(known, version, form)) is not None:
        return render(_page(known), visitor, again, status=422)
    changes.make(known, version, form, visitor)
    champion.refresh()
    return redirect(f"{visitor.prefix}{MODELS}?done={ACTIONS[known]}")


def _page(change: Change) -> Page:
    return Page("models/change.html", change, MODELS)


def _known(change: str) -> Change:
    found = next((each for each in get_args(Change) if each == change), None)
    if found is None:
        raise UnknownPage(say("not_found.detail"))
    return found  # type: ignore[no-any-return]
