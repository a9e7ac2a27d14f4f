"""The pages of models that everybody may read."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from fraud_detection_api.console.access import ACCESS, MODELS
from fraud_detection_api.console.frame import MODELS_PAGE, Page, render
from fraud_detection_api.console.models.compared_view import ComparisonReader
from fraud_detection_api.console.models.model_view import ModelReader
from fraud_detection_api.console.models.registry_view import RegistryReader
from fraud_detection_api.console.route import ConsoleRoute
from fraud_detection_api.console.visitors import Visitor
from fraud_detection_api.routes.protocol.dependencies import provided

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

MODEL = Page("models/model.html", "model", MODELS)
COMPARISON = Page("models/comparison.html", "comparison", MODELS)
"""They belong to the page Models in the navigation."""

VERSION = f"{MODELS}/{{version}}"
CHANGE = f"{VERSION}/change/{{change}}"

REPORT_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; sandbox"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
"""A report is a page of its own, made where the model was trained: it runs nothing, sends nothing and knows no cookie."""


def may_change(visitor: Visitor) -> bool:
    """Whether the visitor may promote, roll back, and start and end challenges."""
    return visitor.may(ACCESS["POST", CHANGE])


@router.get(MODELS)
def get_models(request: Request, reader: Annotated[RegistryReader, provided(RegistryReader)]) -> Response:
    """Aliases, versions and changes."""
    visitor = request.state.visitor
    return render(
        MODELS_PAGE, visitor, reader.view(may_change=may_change(visitor), done=request.query_params.get("done", ""))
    )


@router.get(VERSION)
def get_model(request: Request, version: str, reader: Annotated[ModelReader, provided(ModelReader)]) -> Response:
    """A model's card."""
    visitor = request.state.visitor
    return render(MODEL, visitor, reader.view(version, may_change=may_change(visitor)))


@router.get(f"{VERSION}/report")
def get_report(version: str, reader: Annotated[ModelReader, provided(ModelReader)]) -> Response:
    """The report that is in the model's bundle, behind a policy of its own."""
    _version, _manifest, content = reader.registry.models.document(version, "report.html")
    return Response(content, media_type="text/html; charset=utf-8", headers=REPORT_HEADERS)


@router.get(f"{VERSION}/comparison")
def get_comparison(
    request: Request, version: str, reader: Annotated[ComparisonReader, provided(ComparisonReader)]
) -> Response:
    """A version beside the champion, and what the gate says."""
    patiently = "wait" in request.query_params
    return render(COMPARISON, request.state.visitor, reader.page(version, patiently=patiently))
