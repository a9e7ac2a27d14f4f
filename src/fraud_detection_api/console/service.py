"""The page Service: what runs here."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from fraud_detection_api.console.access import PATH
from fraud_detection_api.console.failures import UnknownPage
from fraud_detection_api.console.frame import SERVICE, render
from fraud_detection_api.console.route import ConsoleRoute
from fraud_detection_api.console.views.service import ServiceReader
from fraud_detection_api.console.words import say
from fraud_detection_api.routes.protocol.dependencies import provided

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)


@router.get(PATH)
def get_service(request: Request, reader: Annotated[ServiceReader, provided(ServiceReader)]) -> Response:
    """What runs here."""
    return render(SERVICE, request.state.visitor, reader.view())


unknown = APIRouter(route_class=ConsoleRoute, include_in_schema=False)
"""Comes after all pages."""


@unknown.api_route(f"{PATH}/{{path:path}}", methods=["GET", "POST"])
def no_such_page() -> Response:
    """Every other address below the console's."""
    raise UnknownPage(say("not_found.detail"))
