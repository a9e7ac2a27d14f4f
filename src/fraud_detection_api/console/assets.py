"""The console's stylesheet and script: their names have their digests, so that browsers may keep them for a year."""

from functools import cache
from importlib import resources

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fraud_detection_api.console.access import PATH
from fraud_detection_api.routes.protocol.pages import Page, page

_A_YEAR = "public, max-age=31536000, immutable"
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_FILES = ("console.css", "icon.svg", "keys.js")


@cache
def _assets() -> dict[str, Page]:
    folder = resources.files("fraud_detection_api.console") / "static"
    return {
        name: page((folder / name).read_bytes(), _TYPES[name.rpartition(".")[2]], caching=_A_YEAR) for name in _FILES
    }


@cache
def asset_path(name: str) -> str:
    """Where a file is served, below the console's path; its tag, in quotes, is its digest."""
    stem, _, ending = name.rpartition(".")
    return f"/static/{stem}-{_assets()[name].tag[1:17]}.{ending}"


async def get_asset(request: Request) -> Response:
    """A file under its name with its digest, and under no other."""
    by_path = {asset_path(name): asset for name, asset in _assets().items()}
    asset = by_path.get(f"/static/{request.path_params['name']}")
    if asset is None:
        raise HTTPException(404)
    return asset.answer(request)


ROUTE = Route(f"{PATH}/static/{{name}}", get_asset, methods=["GET"])
