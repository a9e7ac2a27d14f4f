"""Texts that a store cannot keep are refused before they reach one, by the field's name, alike on every store."""

import pytest

from support.builders import every_dtype_files, registry_with_champion
from support.http import assert_problem

NUL, LONE_SURROGATE = "a\\u0000b", "\\ud800"
RECORD = '{"application": "A-1", "amount_eur": 1, "instalments": 1, "channel": "%s", "opened_at": "2025-01-01"}'
LABEL = '{"is_fraud": true, "source": "analyst", "decision_id": "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "note": "%s"}'
OF_EVENT = '{"is_fraud": true, "source": "analyst", "event_id": "%s"}'
OF_ENTITY = '{"is_fraud": true, "source": "analyst", "decided_at": "2026-01-01T00:00:00Z", "entity_id": "%s"}'

REQUESTS = {
    "a level": ("/fraud_detection", f"[{RECORD}]", "invalid_records", "/0/channel"),
    "an id": (
        "/v1/decisions",
        '{{"records": [{}]}}'.format(RECORD.replace("%s", "web").replace("A-1", "%s")),
        "invalid_records",
        "/records/0/application",
    ),
    "a note": ("/v1/labels", f'{{"labels": [{LABEL}]}}', "invalid_labels", "/labels/0/note"),
    "an event": ("/v1/labels", f'{{"labels": [{OF_EVENT}]}}', "invalid_labels", "/labels/0/event_id"),
    "an entity": ("/v1/labels", f'{{"labels": [{OF_ENTITY}]}}', "invalid_labels", "/labels/0/entity_id"),
}


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def client(request, client_for, tmp_path):
    url = f"sqlite:///{tmp_path / 'decisions.db'}"
    if request.param == "PostgreSQL":
        url = request.getfixturevalue("postgres_url")
    return client_for(registry_with_champion(every_dtype_files()), store=url)


@pytest.mark.parametrize(("path", "body", "code", "pointer"), REQUESTS.values(), ids=REQUESTS)
def test_nul_is_refused_by_name_and_a_lone_surrogate_is_not_json(client, path, body, code, pointer):
    assert post(client, path, body % "web").status_code == 200
    problem = assert_problem(post(client, path, body % NUL), 422, code)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert_problem(post(client, path, body % LONE_SURROGATE), 400, "malformed_body")


def test_nul_is_refused_in_a_search(client):
    problem = assert_problem(client.get("/v1/decisions?entity_id=a%00b"), 422, "invalid_request")
    assert [error["pointer"] for error in problem["errors"]] == ["/entity_id"]
    assert client.get("/v1/decisions?entity_id=%ED%A0%80").json()["decisions"] == []


@pytest.mark.parametrize("header", ["X-Request-ID", "Idempotency-Key"])
def test_nul_in_a_header_reaches_no_store(client, header):
    body = f'{{"records": [{RECORD}]}}' % "web"
    answer = client.post("/v1/decisions", content=body, headers={"Content-Type": "application/json", header: b"a\x00b"})
    if header == "Idempotency-Key":
        assert_problem(answer, 400, "invalid_header")
    else:
        assert "\x00" not in answer.headers["x-request-id"]


def post(client, path: str, body: str):
    return client.post(path, content=body, headers={"Content-Type": "application/json"})
