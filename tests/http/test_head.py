"""HEAD is answered as GET is, but for the body, wherever GET is answered."""

import pytest

from support.builders import OVERDRAWN
from support.http import API_KEYS

PATHS = ["/", "/docs", "/openapi.json", "/static-offline-docs/swagger-ui.css"]
CHANGING = {"x-request-id", "server-timing", "date"}


@pytest.fixture
def client(client_for, tmp_path):
    client = client_for(store=f"sqlite:///{tmp_path / 'decisions.db'}")
    decided = client.post("/v1/decisions", json={"records": [OVERDRAWN]}).json()["decisions"]
    client.decision_id = decided[0]["decision_id"]
    return client


def test_every_route_that_answers_get_answers_head_alike(client):
    documented = [path for path, item in client.get("/openapi.json").json()["paths"].items() if "get" in item]
    assert "/v1/decisions/{decision_id}" in documented
    for path in [
        each.format(decision_id=client.decision_id, version="1", entity_id="1") for each in (*PATHS, *documented)
    ]:
        head, get = (client.request(method, path, follow_redirects=False) for method in ("HEAD", "GET"))
        assert (head.status_code, head.content) == (get.status_code, b""), path
        assert set(head.headers) == set(get.headers), path
        if path not in ("/metrics", "/v1/monitoring", "/v1/models/compare"):  # their content changes with time
            assert all(head.headers[name] == text for name, text in get.headers.items() if name not in CHANGING), path


def test_head_needs_a_key_where_get_does(client_for):
    assert client_for(api_keys=API_KEYS).head("/v1/models").status_code == 401


def test_head_is_logged_and_counted_as_head(client_for, events):
    client = client_for()
    client.head("/v1/models/1")
    [line] = events("request")
    assert (line["method"], line["route"], line["status"]) == ("HEAD", "/v1/models/{version}", 200)
    assert 'route="/v1/models/{version}",method="HEAD",status="200"' in client.get("/metrics").text


def test_head_is_in_no_openapi(client):
    assert not any("head" in item for item in client.get("/openapi.json").json()["paths"].values())
