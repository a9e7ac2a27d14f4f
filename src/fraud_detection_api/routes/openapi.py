"""The OpenAPI page: FastAPI's own, completed with the contract's record and the problems of every route."""

from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from fraud_detection_api.container.process import Container
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.errors import FieldProblem, ModelNotReady
from fraud_detection_api.routes import decisions, fraud_detection
from fraud_detection_api.schemas.contract import decision_request_schema, example_record, record_schema
from fraud_detection_api.schemas.decisions import DecisionsBody
from fraud_detection_api.schemas.labels import LabelsRequest
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
_READING: _Problems = {
    **_KEYED,
    403: ("forbidden", "The key's role may not do this."),
    503: ("store_unavailable", "The decision store cannot be read now."),
}
_SCORING: _Problems = {
    **_BODY,
    **_KEYED,
    **_NO_MODEL,
    413: ("too_many_records", "The body or the number of records is above the limit."),
    422: ("invalid_records", "Records break the contract; `errors` names every bad field."),
    429: ("overloaded", "Too many requests in flight; `Retry-After` says when to come back."),
}
_DECISIONS: _Problems = {
    **_SCORING,
    400: ("malformed_body", f"The body is not JSON, or `{decisions.DEADLINE}` is not one number of milliseconds."),
}
_ROLLOUT: _Problems = {
    **_BODY,
    **_KEYED,
    **_NO_VERSION,
    **_NO_REGISTRY,
    403: ("forbidden", "The key's role may not do this."),
    422: ("invalid_request", "The body is not such a request; `errors` names every bad field."),
}
_ONE_DECISION: _Problems = {**_READING, 404: ("unknown_decision", "No such decision is kept.")}
_PROBLEMS: dict[tuple[str, str], _Problems] = {
    ("/readyz", "get"): _NO_MODEL,
    (fraud_detection.PATH, "post"): _SCORING,
    (decisions.PATH, "post"): _DECISIONS,
    (decisions.PATH, "get"): {
        **_READING,
        404: ("no_store", "No decision is kept here."),
        422: ("invalid_request", "A parameter cannot be used, is unknown, or the cursor is of another list."),
    },
    ("/v1/decisions/{decision_id}", "get"): _ONE_DECISION,
    ("/v1/decisions/{decision_id}/labels", "get"): _ONE_DECISION,
    ("/v1/decisions/{decision_id}/replay", "post"): {
        **_ONE_DECISION,
        503: ("store_unavailable", "The decision store or the registry cannot be read now."),
    },
    ("/v1/labels", "post"): {
        **_BODY,
        **_KEYED,
        403: ("forbidden", "The key's role may not do this."),
        404: ("no_store", "No decision is kept here."),
        413: ("too_many_labels", "The body or the number of labels is above the limit."),
        422: ("invalid_labels", "Labels cannot be read; `errors` names every bad field."),
        503: ("store_unavailable", "The decision store cannot be written to now; nothing was recorded."),
    },
    ("/metrics", "get"): {**_KEYED, 403: ("forbidden", "The key's role may not do this.")},
    ("/v1/monitoring", "get"): {
        **_READING,
        404: ("no_store", "No decision is kept here."),
        422: ("invalid_request", "A parameter was given; there is none."),
        503: ("store_unavailable", "The decision store cannot be read now, or no model is in service."),
    },
    ("/v1/models/compare", "get"): {
        **_READING,
        404: ("no_champion", "No model is challenger, there is no such version, or no decision is kept here."),
        409: ("corrupt_bundle", "The challenger's bundle is damaged."),
        422: ("invalid_request", "A parameter cannot be used, or is unknown."),
        503: ("store_unavailable", "The decision store or the registry cannot be read now, or no model is in service."),
    },
    ("/v1/contract", "get"): {**_KEYED, **_NO_MODEL},
    ("/v1/models", "get"): {**_KEYED, **_NO_REGISTRY},
    ("/v1/models/{version}", "get"): {**_KEYED, **_NO_VERSION, **_NO_REGISTRY},
    ("/v1/models/{version}/promote", "post"): {
        **_ROLLOUT,
        409: (
            "gate_refused",
            "It did not pass the gate, is damaged or of another contract, or the champion changed meanwhile.",
        ),
        503: ("registry_unavailable", "The registry, or the store that the gate asks, cannot be read or written."),
    },
    ("/v1/models/rollback", "post"): {
        **_ROLLOUT,
        404: ("no_champion", "There was no champion before this one."),
        409: (
            "corrupt_bundle",
            "The champion of before is damaged or of another contract, or somebody else was quicker.",
        ),
    },
    ("/v1/models/{version}/challenge", "post"): {
        **_ROLLOUT,
        409: ("invalid_challenger", "It is the champion, is damaged, or follows another contract than the champion."),
    },
    ("/v1/models/{version}/challenge", "delete"): {
        **_KEYED,
        **_NO_REGISTRY,
        403: ("forbidden", "The key's role may not do this."),
        404: ("no_champion", "It does not challenge the champion."),
    },
    ("/v1/models/history", "get"): {
        **_KEYED,
        **_NO_REGISTRY,
        403: ("forbidden", "The key's role may not do this."),
        422: ("invalid_request", "A parameter cannot be used, or is unknown."),
    },
}
_BAD_FIELDS = {
    "invalid_records": FieldProblem("/0/total_balance", "must be a number"),
    "invalid_labels": FieldProblem("/labels/0/source", "must be one of chargeback, analyst, customer, …"),
    "invalid_request": FieldProblem("/allow_contract_change", "input should be a valid boolean"),
}


def describe_api(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 of the application, for the contract of the model that is serving."""
    container: Container = app.state.container
    contract = _contract(container)
    api = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    scoring = {route.PATH: {"post": deepcopy(route.OPERATION)} for route in (fraud_detection, decisions)}
    api["paths"] = {
        path: {**scoring.get(path, {}), **api["paths"].get(path, {})} for path in {**scoring, **api["paths"]}
    }
    schemas = api["components"]["schemas"]
    schemas["Record"] = record_schema(contract)
    schemas["DecisionRequest"] = _decision_request(contract)
    for body in (Problem, DecisionsBody, LabelsRequest):
        schemas[body.__name__] = body.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schemas[body.__name__].pop("$defs")
    _name_entity(schemas["DecisionBody"], contract)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for (path, method), problems in _PROBLEMS.items():
        _add_problems(api["paths"][path][method], problems)
    _body_of(api, fraud_detection.PATH)["example"] = [example_record(contract)]
    _body_of(api, decisions.PATH)["example"] = {"records": [example_record(contract)], "explain": True}
    if container.keys:
        _add_security(api)
    return api


def _body_of(api: dict[str, Any], path: str) -> dict[str, Any]:
    content: dict[str, Any] = api["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return content


def _decision_request(contract: Contract) -> dict[str, Any]:
    """The schema of the request, whose records are those of the contract."""
    schema = decision_request_schema(contract)
    schema.pop("$defs", None)
    schema["properties"]["records"]["items"] = {"$ref": "#/components/schemas/Record"}
    return schema


def _name_entity(decision: dict[str, Any], contract: Contract) -> None:
    """A decision repeats the record's id, under the contract's name for it."""
    if contract.identifier is None:
        return
    name = contract.identifier.name
    decision["properties"][name] = record_schema(contract)["properties"][name]
    decision["required"].append(name)


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
