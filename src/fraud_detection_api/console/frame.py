"""The frame of every page: navigation, who is signed in, and the headers that say what a page may do."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from fraud_detection_api import __version__
from fraud_detection_api.console.access import (
    AUDIT,
    DECISIONS,
    MODELS,
    MONITORING,
    PATH,
    POLICY,
    QUALITY,
    QUEUE,
    SIGN_IN,
    SIGN_OUT,
)
from fraud_detection_api.console.assets import asset_path
from fraud_detection_api.console.visitors import Visitor
from fraud_detection_api.console.words import say

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # without a referrer, a browser would not name the origin of a form
}
"""The one script is a file of this server, so no text becomes a script, and no page asks another host for anything."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its template, the section of the catalogue that has its texts, and its path."""

    template: str
    texts: str
    path: str

    @property
    def title(self) -> str:
        """The page's title."""
        return say(f"{self.texts}.title")


SERVICE = Page("service.html", "service", PATH)

QUEUE_PAGE = Page("queue.html", "queue", QUEUE)
CASE_PAGE, CASE_LOST_PAGE = Page("case.html", "case", QUEUE), Page("case_lost.html", "case_lost", QUEUE)
DECISIONS_PAGE = Page("decisions.html", "search", DECISIONS)
MONITORING_PAGE = Page("monitoring.html", "monitoring", MONITORING)
MODELS_PAGE = Page("models/registry.html", "models", MODELS)
POLICY_PAGE = Page("policy.html", "policy", POLICY)
QUALITY_PAGE = Page("quality.html", "quality", QUALITY)
AUDIT_PAGE = Page("audit.html", "audit", AUDIT)

NAVIGATION = (SERVICE, QUEUE_PAGE, DECISIONS_PAGE, QUALITY_PAGE, MONITORING_PAGE, MODELS_PAGE, POLICY_PAGE, AUDIT_PAGE)
"""The pages that the navigation leads to, in its order. A person sees those that their role may open."""


def render(
    page: Page, visitor: Visitor, view: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """The page, as this visitor sees it; the template has its view model as `view`."""
    html = (
        _templates()
        .get_template(page.template)
        .render(
            page=page,
            visitor=visitor,
            view=view,
            base=f"{visitor.prefix}{PATH}",
            sign_in=f"{visitor.prefix}{SIGN_IN}",
            sign_out=f"{visitor.prefix}{SIGN_OUT}",
            navigation=[each for each in NAVIGATION if visitor.may_use("GET", each.path)],
        )
    )
    return HTMLResponse(html, status, {**HEADERS, **(headers or {})})


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("fraud_detection_api.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals |= {"say": say, "asset_path": asset_path, "version": __version__}
    return environment
