"""The OpenAPI page: complete, consistent, and the same as what the server does."""

import json

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from fraud_detection_api.main import STATUS_OF
from fraud_detection_api.routes.protocol.problems import problem_code
from fraud_detection_api.schemas.problem import MEDIA_TYPE
from support.applications import application
from support.builders import every_dtype_files, registry_with_champion
from support.http import API_KEYS

ROUTES = {
    ("/ping", "get"),
    ("/livez", "get"),
    ("/readyz", "get"),
    ("/metrics", "get"),
    ("/fraud_detection", "post"),
    ("/v1/decisions", "post"),
    ("/v1/labels", "post"),
    ("/v1/events", "post"),
    ("/v1/entities/{entity_id}/history", "get"),
    ("/v1/decisions", "get"),
    ("/v1/decisions/{decision_id}", "get"),
    ("/v1/decisions/{decision_id}/labels", "get"),
    ("/v1/decisions/{decision_id}/replay", "post"),
    ("/v1/contract", "get"),
    ("/v1/monitoring", "get"),
    ("/v1/models/compare", "get"),
    ("/v1/models", "get"),
    ("/v1/models/{version}", "get"),
    ("/v1/models/{version}/promote", "post"),
    ("/v1/models/history", "get"),
    ("/v1/models/rollback", "post"),
    ("/v1/models/{version}/challenge", "post"),
    ("/v1/models/{version}/challenge", "delete"),
}
CODES = {problem_code(kind) for kind in STATUS_OF} | {"invalid_request"}
OPEN = {("/ping", "get"), ("/livez", "get"), ("/readyz", "get")}


@pytest.fixture(scope="module")
def api():
    """Not to be changed."""
    with application() as client:
        return client.get("/openapi.json").json()


def operations(api):
    return {(path, method): about for path, item in api["paths"].items() for method, about in item.items()}


def references(document):
    if isinstance(document, dict):
        if "$ref" in document:
            yield document["$ref"]
        for value in document.values():
            yield from references(value)
    elif isinstance(document, list):
        for value in document:
            yield from references(value)


def test_it_is_openapi_3_1(api):
    assert api["openapi"].startswith("3.1")
    assert api["info"]["title"] == "fraud-detection-api"
    assert api["info"]["version"]


def test_every_route_is_there(api):
    assert set(operations(api)) == ROUTES


def test_every_route_of_the_application_is_documented(client, api):
    undocumented = {"/", "/openapi.json", "/docs", "/docs/oauth2-redirect", "/static-offline-docs"}
    paths = {route.path for route in client.app.routes if hasattr(route, "path")}
    pages = {path for path in paths if path.startswith("/console")}  # for people
    assert paths - pages <= set(api["paths"]) | undocumented


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_a_route_has_a_summary_a_description_and_a_tag(api, route):
    operation = operations(api)[route]
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]


@pytest.mark.parametrize("files", [None, every_dtype_files], ids=["credit", "every dtype"])
def test_every_body_has_an_example_that_its_schema_takes(client_for, files):
    api = client_for(registry_with_champion(files() if files else None)).get("/openapi.json").json()
    bodies = [operation["requestBody"] for operation in operations(api).values() if "requestBody" in operation]
    assert len(bodies) == 7
    for body in bodies:
        content = body["content"]["application/json"]
        schema = {**content["schema"], "components": api["components"]}
        Draft202012Validator(schema).validate(content["example"])


def test_every_problem_is_documented_as_problem_json(api):
    for operation in operations(api).values():
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert set(response["content"]) == {MEDIA_TYPE}
                content = response["content"][MEDIA_TYPE]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                assert content["example"]["status"] == int(status)
                assert content["example"]["code"] in CODES
                assert response["description"].endswith(".")


def test_every_success_is_documented_with_a_schema(api):
    for operation in operations(api).values():
        content = operation["responses"]["200"]["content"]
        assert content.get("application/json", content.get("text/plain"))["schema"]


@pytest.mark.parametrize("files", [None, every_dtype_files], ids=["credit", "every dtype"])
def test_every_reference_resolves_and_every_component_is_used(client_for, files):
    api = client_for(registry_with_champion(files() if files else None)).get("/openapi.json").json()
    referred = set(references(api))
    components = {f"#/components/schemas/{name}" for name in api["components"]["schemas"]}
    assert referred == components


def test_every_schema_is_a_valid_json_schema(api):
    for schema in api["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_without_keys_no_security_is_asked_for(api):
    assert "securitySchemes" not in api["components"]
    assert not any("security" in operation for operation in operations(api).values())


def test_with_keys_every_protected_route_asks_for_a_bearer_key(client_for):
    api = client_for(api_keys=API_KEYS).get("/openapi.json").json()
    assert api["components"]["securitySchemes"] == {"key": {"type": "http", "scheme": "bearer"}}
    asking = {route for route, operation in operations(api).items() if operation.get("security") == [{"key": []}]}
    assert asking == ROUTES - OPEN


OPERATION_IDS = {
    "ping",
    "get_liveness",
    "get_readiness",
    "get_metrics",
    "detect_fraud",
    "decide",
    "record_labels",
    "record_events",
    "get_entity_history",
    "list_decisions",
    "get_decision",
    "list_labels",
    "replay_decision",
    "get_contract",
    "get_monitoring",
    "compare_models",
    "list_models",
    "get_model",
    "promote_model",
    "list_model_changes",
    "roll_back",
    "challenge_champion",
    "end_challenge",
}
"""Generators name functions after them, so they never change."""


def test_operations_have_short_names_that_stay(api):
    ids = [operation["operationId"] for operation in operations(api).values()]
    assert (len(ids), set(ids)) == (len(OPERATION_IDS), OPERATION_IDS)


def schemas_in(document, path=()):
    """Every schema of a document with its path."""
    if isinstance(document, dict):
        yield path, document
        for name, value in document.items():
            if name not in ("example", "examples", "default"):
                yield from schemas_in(value, (*path, name))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from schemas_in(value, (*path, str(index)))


@pytest.mark.parametrize("files", [None, every_dtype_files], ids=["credit", "every dtype"])
def test_every_object_with_fields_has_a_name_for_generators(client_for, files):
    """Or they make one up, which changes with the document."""
    api = client_for(registry_with_champion(files() if files else None)).get("/openapi.json").json()
    named = {("components", "schemas", name) for name in api["components"]["schemas"]}
    nameless = [path for path, schema in schemas_in(api) if isinstance(schema.get("properties"), dict)]
    assert [path for path in nameless if path not in named and path[-1] != "properties"] == []


UUIDS = {"decision_id", "decision_ids"}
TIMES = {"decided_at", "effective_at", "recorded_at", "created_at", "at", "since", "until", "matured_until"}


def test_ids_of_decisions_and_times_have_a_format(api):
    fields = {
        (name, field): schema
        for name, component in api["components"]["schemas"].items()
        for field, schema in component.get("properties", {}).items()
    }
    fields |= {
        (operation["operationId"], each["name"]): each["schema"]
        for operation in operations(api).values()
        for each in operation.get("parameters", ())
    }
    for (owner, field), schema in fields.items():
        formats = {one["format"] for _, one in schemas_in(schema) if isinstance(one.get("format"), str)}
        if field in UUIDS | TIMES:
            assert formats == {"uuid" if field in UUIDS else "date-time"}, (owner, field)
    assert {field for _, field in fields} >= UUIDS | TIMES


@pytest.mark.parametrize("files", [None, every_dtype_files], ids=["credit", "every dtype"])
def test_every_json_answer_has_an_example_that_its_schema_takes(client_for, files):
    api = client_for(registry_with_champion(files() if files else None)).get("/openapi.json").json()
    checked = 0
    for operation in operations(api).values():
        for response in operation["responses"].values():
            for media_type, content in response["content"].items():
                if "json" in media_type:
                    schema = {**content["schema"], "components": api["components"]}
                    Draft202012Validator(schema, format_checker=FormatChecker()).validate(content["example"])
                    checked += 1
    assert checked > 100


def test_the_example_of_a_decision_has_the_records_own_id(api):
    [decision] = operations(api)["/v1/decisions", "post"]["responses"]["200"]["content"]["application/json"]["example"][
        "decisions"
    ]
    assert decision["customer_id"] == 345435
    assert len(decision["reasons"]) == 1


def test_the_docs_page_loads_nothing_from_elsewhere(client):
    page = client.get("/docs")
    assert page.status_code == 200
    assert "/openapi.json" in page.text
    assert "https://" not in page.text.replace("https://github.com", "")
    for asset in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert client.get(f"/static-offline-docs/{asset}").status_code == 200


def test_the_page_holds_no_key(client_for):
    text = json.dumps(client_for(api_keys=API_KEYS).get("/openapi.json").json())
    assert not any(entry.split(":")[1] in text for entry in API_KEYS.split(","))


def test_the_page_is_made_once_for_each_contract_and_not_sent_to_who_has_it(client_for, monkeypatch):
    client, made = client_for(), []
    describe = client.app.openapi
    monkeypatch.setattr("fraud_detection_api.main.describe_api", lambda *_, **__: made.append(1) or describe())
    first = client.get("/openapi.json")
    tag = first.headers["etag"]
    again = client.get("/openapi.json", headers={"If-None-Match": f'W/"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get("/openapi.json", headers={"If-None-Match": '"other"'}).content == first.content
    assert client.head("/openapi.json").headers["content-length"] == str(len(first.content))


def test_an_asset_is_not_sent_to_who_has_it(client_for):
    client, path = client_for(), "/static-offline-docs/swagger-ui.css"
    first = client.get(path)
    assert first.headers["content-type"].startswith("text/css")
    assert client.get(path, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    assert client.post(path).status_code == 405
