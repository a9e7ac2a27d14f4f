"""The OpenAPI page: FastAPI's own, completed with the contract's record and the problems of every route."""

from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from fraud_detection_api.container import Container
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.errors import FieldProblem, ModelNotReady
from fraud_detection_api.routes.fraud_detection import OPERATION, PATH
from fraud_detection_api.schemas.contract import example_record, record_schema
from fraud_detection_api.schemas.problem import MEDIA_TYPE, Problem, problem_body

_Problems = dict[int, tuple[str, str]]  # status → code, when

_BODY: _Problems = {
    400: ("malformed_body", "The body is not JSON."),
    408: ("body_too_slow", "The body did not arrive in time."),
    413: ("body_too_large", "The body is above the limit."),
    415: ("unsupported_media", "The body is not uncompressed application/json."),
}
_KEYED: _Problems = {401: ("unauthenticated", "No key, or an unknown one.")}
_NO_MODEL: _Problems = {503: ("model_not_ready", "No verified model is loaded; `detail` says why.")}
_NO_REGISTRY: _Problems = {503: ("registry_unavailable", "The registry cannot be read or written.")}
_NO_VERSION: _Problems = {404: ("unknown_model", "No such version.")}
_PROBLEMS: dict[tuple[str, str], _Problems] = {
    ("/readyz", "get"): _NO_MODEL,
    (PATH, "post"): {
        **_BODY,
        **_KEYED,
        **_NO_MODEL,
        413: ("too_many_records", "The body or the number of records is above the limit."),
        422: ("invalid_records", "Records break the contract; `errors` names every bad field."),
        429: ("overloaded", "Too many requests in flight; `Retry-After` says when to come back."),
    },
    ("/v1/contract", "get"): {**_KEYED, **_NO_MODEL},
    ("/v1/models", "get"): {**_KEYED, **_NO_REGISTRY},
    ("/v1/models/{version}", "get"): {**_KEYED, **_NO_VERSION, **_NO_REGISTRY},
    ("/v1/models/{version}/promote", "post"): {
        **_BODY,
        **_KEYED,
        **_NO_VERSION,
        **_NO_REGISTRY,
        403: ("forbidden", "The key's role may not do this."),
        409: ("contract_mismatch", "The bundle is damaged, or follows another contract than the champion."),
        422: ("invalid_request", "The body is not a promotion; `errors` names every bad field."),
    },
}
_BAD_FIELDS = {
    "invalid_records": FieldProblem("/0/total_balance", "must be a number"),
    "invalid_request": FieldProblem("/allow_contract_change", "input should be a valid boolean"),
}


def describe_api(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 of the application, for the contract of the model that is serving."""
    container: Container = app.state.container
    contract = _contract(container)
    api = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    api["paths"] = {PATH: {"post": deepcopy(OPERATION)}, **api["paths"]}
    schemas = api["components"]["schemas"]
    schemas["Record"] = record_schema(contract)
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= schemas["Problem"].pop("$defs")
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for (path, method), problems in _PROBLEMS.items():
        _add_problems(api["paths"][path][method], problems)
    scoring = api["paths"][PATH]["post"]["requestBody"]["content"]["application/json"]
    scoring["example"] = [example_record(contract)]
    if container.keys:
        _add_security(api)
    return api


def _contract(container: Container) -> Contract:
    try:
        return container.champion.current().bundle.contract
    except ModelNotReady:
        return container.fallback_contract


def _add_problems(operation: dict[str, Any], problems: _Problems) -> None:
    operation["responses"].pop("422", None)
    for status, (code, when) in sorted(problems.items()):
        content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": _example(status, code, when)}
        operation["responses"][str(status)] = {"description": when, "content": {MEDIA_TYPE: content}}


def _example(status: int, code: str, when: str) -> dict[str, Any]:
    errors = (_BAD_FIELDS[code],) if code in _BAD_FIELDS else ()
    request_id = "0b7e5bffaa8c534aa4b1dbbdf475f903"
    return problem_body(status=status, code=code, detail=when, request_id=request_id, errors=errors)


def _add_security(api: dict[str, Any]) -> None:
    api["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for (path, method), problems in _PROBLEMS.items():
        if 401 in problems:
            api["paths"][path][method]["security"] = [{"key": []}]
