"""The OpenAPI page: FastAPI's own, completed with the contract's record and the problems of every route."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from fraud_detection_api.container import Container
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.errors import ModelNotReady
from fraud_detection_api.schemas.contract import example_record, record_schema
from fraud_detection_api.schemas.problem import MEDIA_TYPE, Problem

_BODY = {
    400: "The body is not JSON.",
    408: "The body did not arrive in time.",
    413: "The body is above the limit.",
    415: "The body is not uncompressed application/json.",
}
_SCORING = {
    **_BODY,
    413: "The body or the number of records is above the limit.",
    422: "Records break the contract; `errors` names every bad field.",
    429: "Too many requests in flight; `Retry-After` says when to come back.",
}
_KEYED = {401: "No key, or an unknown one."}
_PROBLEMS: dict[tuple[str, str], dict[int, str]] = {
    ("/readyz", "get"): {503: "Not ready; `detail` says why."},
    ("/fraud_detection", "post"): {**_SCORING, **_KEYED, 503: "No verified model is loaded."},
    ("/v1/contract", "get"): {**_KEYED, 503: "No verified model is loaded."},
    ("/v1/models", "get"): {**_KEYED, 503: "The registry cannot be read."},
    ("/v1/models/{version}", "get"): {**_KEYED, 404: "No such version.", 503: "The registry cannot be read."},
    ("/v1/models/{version}/promote", "post"): {
        **_KEYED,
        **_BODY,
        403: "The key's role may not do this.",
        404: "No such version.",
        409: "The bundle is damaged, or follows another contract than the champion.",
        422: "The body is not a promotion.",
        503: "The registry cannot be written.",
    },
}
_METHODS = ("get", "post")


def describe_api(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 of the application, for the contract of the model that is serving."""
    container: Container = app.state.container
    contract = _contract(container)
    api = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = api["components"]["schemas"]
    schemas["Record"] = record_schema(contract)
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= schemas["Problem"].pop("$defs")
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for (path, method), problems in _PROBLEMS.items():
        _add_problems(api["paths"][path][method], problems)
    scoring = api["paths"]["/fraud_detection"]["post"]["requestBody"]["content"]["application/json"]
    scoring["example"] = [example_record(contract)]
    if container.keys:
        _add_security(api)
    return api


def _contract(container: Container) -> Contract:
    try:
        return container.champion.current().bundle.contract
    except ModelNotReady:
        return container.fallback_contract


def _add_problems(operation: dict[str, Any], problems: dict[int, str]) -> None:
    reference = {"schema": {"$ref": "#/components/schemas/Problem"}}
    operation["responses"].pop("422", None)
    for status, description in sorted(problems.items()):
        operation["responses"][str(status)] = {"description": description, "content": {MEDIA_TYPE: reference}}


def _add_security(api: dict[str, Any]) -> None:
    api["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for (path, method), problems in _PROBLEMS.items():
        if 401 in problems:
            api["paths"][path][method]["security"] = [{"key": []}]
