"""The OpenAPI page: FastAPI's own, completed with the scoring routes and the contract's record."""

import asyncio
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from pydantic_core import to_json

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.routes import decisions, events, fraud_detection
from fraud_detection_api.routes.protocol.pages import Page, page
from fraud_detection_api.routes.protocol.prefix import PublicPrefix
from fraud_detection_api.schemas.contract import A_TIME, contract_schema, example_record, record_schema
from fraud_detection_api.schemas.decisions import DecisionsBody
from fraud_detection_api.schemas.events import RECORD, EventsRequest, event_parser
from fraud_detection_api.schemas.examples import example_of
from fraud_detection_api.schemas.labels import LabelsRequest
from fraud_detection_api.schemas.models import PromoteRequest, RolloutRequest
from fraud_detection_api.schemas.problem import MEDIA_TYPE, Problem
from fraud_detection_api.schemas.records.parser import record_parser

MOST_PAGES = 16
"""Pages that are remembered: one for each prefix, and for each of the latest contracts."""


class ApiDescription:
    """Answers requests for OpenAPI. The page is made in a thread, once for each contract, and takes a tenth of a second."""

    def __init__(
        self, describe: Callable[[Contract], dict[str, Any]], contract: Callable[[], Contract], prefix: PublicPrefix
    ) -> None:
        self._describe, self._contract, self._prefix = describe, contract, prefix
        self._made: dict[tuple[str, str], Page] = {}
        self._making = asyncio.Lock()

    async def answer(self, request: Request) -> Response:
        """The page for the contract that is served now, and the prefix under which the caller knows this server."""
        contract, prefix = self._contract(), self._prefix.of(request.scope)
        about = contract.content_digest, prefix
        if about not in self._made:
            async with self._making:
                if about not in self._made:
                    self._made = dict(list(self._made.items())[1 - MOST_PAGES :])
                    self._made[about] = await asyncio.to_thread(self._page, contract, prefix)
        return self._made[about].answer(request)

    def _page(self, contract: Contract, prefix: str) -> Page:
        # without a known prefix, relative to the page itself: right behind a proxy that says nothing, too
        described = {**self._describe(contract), "servers": [{"url": prefix or "./"}]}
        return page(to_json(described), "application/json")


def describe_api(app: FastAPI, contract: Contract, *, has_keys: bool, newest: str | None = None) -> dict[str, Any]:
    """OpenAPI 3.1 of the application, for records of this contract. Examples with history are of the time `newest`."""
    api = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    scoring = {route.PATH: {"post": deepcopy(route.OPERATION)} for route in (fraud_detection, decisions)}
    api["paths"] = {
        path: {**scoring.get(path, {}), **api["paths"].get(path, {})} for path in {**scoring, **api["paths"]}
    }
    schemas, record = api["components"]["schemas"], example_record(contract, at=newest or A_TIME)
    schemas |= _of_the_contract(contract)
    for body in (Problem, DecisionsBody, LabelsRequest, EventsRequest, PromoteRequest, RolloutRequest):
        schemas[body.__name__] = body.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schemas[body.__name__].pop("$defs", {})
    _name_entity(schemas["DecisionBody"], schemas["Record"], contract)
    schemas["KeptDecisionBody"]["properties"]["record"]["examples"] = [record]
    schemas["SentEvent"]["properties"][RECORD] = {"$ref": "#/components/schemas/EventRecord"} | {
        "description": schemas["SentEvent"]["properties"][RECORD]["description"]
    }
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for operation in _operations(api):
        _sort_responses(operation)
        _describe_success(operation["responses"]["200"], schemas)
    _exemplify(api)
    _body_of(api, fraud_detection.PATH)["example"] = [record]
    _body_of(api, decisions.PATH)["example"] = {"records": [record], "explain": True}
    _body_of(api, events.PATH)["example"] = {"events": [{"event_id": "payment-7730", "record": record}]}
    if has_keys:
        _add_security(api)
    return api


def _body_of(api: dict[str, Any], path: str) -> dict[str, Any]:
    content: dict[str, Any] = api["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return content


def _of_the_contract(contract: Contract) -> dict[str, Any]:
    """The schemas that depend on the contract."""
    own = {
        "type": "object",
        "title": "ContractSchema",
        "description": "The JSON Schema of a record.",
        "additionalProperties": True,
        "example": contract_schema(contract),
    }
    return {
        "Record": record_schema(contract),
        "EventRecord": event_parser(contract).record.json_schema(),
        "DecisionRequest": _decision_request(contract),
        "ContractSchema": own,
    }


def _decision_request(contract: Contract) -> dict[str, Any]:
    """The schema of the request, whose records are those of the contract."""
    schema = record_parser(contract).decision_request.exact.json_schema()
    schema.pop("$defs", None)
    schema["properties"]["records"]["items"] = {"$ref": "#/components/schemas/Record"}
    return schema


def _name_entity(decision: dict[str, Any], record: dict[str, Any], contract: Contract) -> None:
    """A decision repeats the record's id, under the contract's name for it."""
    if contract.identifier is None:
        return
    name = contract.identifier.name
    decision["properties"][name] = record["properties"][name]
    decision["required"].append(name)


def _operations(api: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for operations in api["paths"].values() for operation in operations.values()]


def _sort_responses(operation: dict[str, Any]) -> None:
    """Sort the responses by status, without FastAPI's own 422, which is not how errors are answered here."""
    responses = operation["responses"]
    if MEDIA_TYPE not in responses.get("422", {}).get("content", {}):
        responses.pop("422", None)
    operation["responses"] = dict(sorted(responses.items()))


def _describe_success(response: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Describe the answer by its schema, unless the route describes it."""
    schema = response["content"].get("application/json", {}).get("schema", {})
    if response["description"] == "Successful Response" and "$ref" in schema:
        response["description"] = schemas[schema["$ref"].rpartition("/")[2]]["description"].splitlines()[0]


def _exemplify(api: dict[str, Any]) -> None:
    """Give each JSON answer an example, unless its route does."""
    for operation in _operations(api):
        content = operation["responses"]["200"]["content"].get("application/json")
        if content is not None and "example" not in content:
            content["example"] = example_of(content["schema"], api["components"]["schemas"])


def _add_security(api: dict[str, Any]) -> None:
    api["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for operation in _operations(api):
        if "401" in operation["responses"]:
            operation["security"] = [{"key": []}]
