"""GET /docs: the OpenAPI page for people, with scripts and styles from this server alone."""

import base64
import hashlib
import re
from pathlib import Path

import fastapi_offline
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from fraud_detection_api.routes.protocol.pages import Assets
from fraud_detection_api.routes.protocol.prefix import PublicPrefix

PATH, ASSETS = "/docs", "/static-offline-docs"
_SCRIPT, _STYLE, _ICON = "swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"
_ASSETS_FOLDER = Path(fastapi_offline.__file__).parent / "static"
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def documentation(title: str, prefix: PublicPrefix) -> list[BaseRoute]:
    """The page, which is the same for every request, its assets, and the way to it from `/`.

    A proxy may add a prefix that nobody names: addresses are relative.
    """
    page = get_swagger_ui_html(
        openapi_url="./openapi.json",
        title=title,
        swagger_js_url=f"{ASSETS[1:]}/{_SCRIPT}",
        swagger_css_url=f"{ASSETS[1:]}/{_STYLE}",
        swagger_favicon_url=f"{ASSETS[1:]}/{_ICON}",
    ).body
    headers = {"Content-Security-Policy": _policy(bytes(page).decode()), "Cache-Control": "no-cache"}

    async def get_docs(_request: Request) -> Response:
        return HTMLResponse(page, headers=headers)

    async def get_root(request: Request) -> Response:
        # without a host, so that nobody is led to another one; and not for ever, as `/` may get a page of its own
        known = prefix.of(request.scope)
        return Response(status_code=307, headers={"Location": f"{known}{PATH}" if known else PATH[1:]})

    return [
        Route("/", get_root, methods=["GET"]),
        Route(PATH, get_docs, methods=["GET"]),
        Mount(ASSETS, Assets(_ASSETS_FOLDER, [_SCRIPT, _STYLE, _ICON])),
    ]


def _policy(page: str) -> str:
    """Scripts of this server, and the page's own by their digests. Swagger UI sets styles within its elements."""
    digests = [hashlib.sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(page)]
    scripts = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
