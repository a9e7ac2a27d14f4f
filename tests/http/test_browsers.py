"""Web pages cannot use a server without keys through the browser of somebody who reaches it."""

import re

import pytest

from support.builders import OVERDRAWN
from support.http import ADMIN_KEY, API_KEYS, JSON, assert_problem, bearer

ROLLBACK = "/v1/models/rollback"


@pytest.fixture
def plain(client):
    """A client that sends no header of its own accord."""
    del client.headers["X-Requested-With"]
    return client


@pytest.mark.parametrize(
    "path", ["/v1/decisions", "/v1/models", "/docs", "/openapi.json", "/readyz", "/metrics", "/no"]
)
def test_a_name_that_was_rebound_to_this_server_reads_nothing(client, path):
    assert_problem(client.get(path, headers={"Host": "evil.example:8000"}), 421, "host_not_allowed")


def test_a_name_that_was_rebound_to_this_server_scores_nothing(client):
    answer = client.post("/fraud_detection", json=[OVERDRAWN], headers={"Host": "evil.example"})
    assert_problem(answer, 421, "host_not_allowed")


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LocalHost:1", "127.0.0.1:8000", "0.0.0.0:8000", "10.1.2.3", "[::1]:8000"]
)
def test_loopback_names_and_addresses_are_answered(client, host):
    for _ in range(2):
        assert client.get("/v1/models", headers={"Host": host}).status_code == 200


def test_configured_names_are_answered_and_no_others(client_for):
    client = client_for(allowed_hosts="fraud_detection_api, *.prod.svc")
    for host in ("fraud_detection_api:8000", "api.prod.svc", "localhost"):
        assert client.get("/readyz", headers={"Host": host}).status_code == 200
    for host in ("prod.svc", "api.prod.svc.evil.example", "notfraud_detection_api"):
        assert_problem(client.get("/readyz", headers={"Host": host}), 421, "host_not_allowed")


@pytest.mark.parametrize("path", ["/ping", "/livez"])
def test_probes_of_liveness_may_send_any_host(client, path):
    assert client.get(path, headers={"Host": "pod.example"}).status_code == 200


def test_with_keys_any_host_is_answered_until_names_are_configured(client_for):
    sent = {**bearer(ADMIN_KEY), "Host": "api.bank.example"}
    assert client_for(api_keys=API_KEYS).get("/v1/models", headers=sent).status_code == 200
    named = client_for(api_keys=API_KEYS, allowed_hosts="other.example")
    assert_problem(named.get("/v1/models", headers=sent), 421, "host_not_allowed")


@pytest.mark.parametrize(
    "sent",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_a_page_of_another_origin_changes_nothing(plain, sent):
    for answer in (
        plain.post(ROLLBACK, headers=sent),
        plain.delete("/v1/models/1/challenge", headers=sent),
        plain.post("/v1/labels", json={"labels": []}, headers=sent),
        plain.post("/fraud_detection", json=[OVERDRAWN], headers=sent),
    ):
        assert_problem(answer, 403, "foreign_origin")


@pytest.mark.parametrize("sent", [{"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin"}], ids=str)
def test_the_servers_own_page_may_try_it_out(plain, sent):
    assert plain.post("/fraud_detection", json=[OVERDRAWN], headers=sent).status_code == 200
    assert_problem(plain.post(ROLLBACK, headers=sent), 404, "no_champion")


def test_a_page_may_read_nothing_but_its_get_is_no_change(plain):
    answer = plain.get("/v1/models", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_page_of_a_configured_name_may_send_changes_through_a_gateway(client_for):
    client = client_for(allowed_hosts="fraud.bank.example")
    answer = client.post("/fraud_detection", json=[OVERDRAWN], headers={"Origin": "https://fraud.bank.example"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "path", [ROLLBACK, "/v1/models/1/promote", "/v1/models/1/challenge", "/v1/decisions/0199/replay"]
)
def test_a_change_without_a_body_needs_what_a_browser_asks_leave_for(plain, path):
    for sent in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}):
        assert_problem(plain.post(path, headers=sent), 415, "unsupported_media")
    for sent in (JSON, {"X-Requested-With": "curl"}):
        assert plain.post(path, headers=sent).status_code != 415


def test_with_keys_a_change_needs_no_more_than_the_key(client_for):
    client = client_for(api_keys=API_KEYS)
    del client.headers["X-Requested-With"]
    sent = {**bearer(ADMIN_KEY), "Origin": "https://backoffice.example"}
    assert_problem(client.post(ROLLBACK, headers=sent), 404, "no_champion")


SCORED = ("POST", "/fraud_detection", 200)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        SCORED,
        ("POST", "/v1/decisions", 422),
        ("GET", "/v1/models", 200),
        ("GET", "/v1/decisions", 404),
        ("GET", "/ping", 200),
        ("GET", "/metrics", 200),
        ("GET", "/no", 404),
        ("PUT", "/ping", 405),
        ("GET", "/docs", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/static-offline-docs/swagger-ui-bundle.js", 200),
        ("GET", "/static-offline-docs/none", 404),
    ],
)
def test_every_answer_has_security_headers(client, method, path, status):
    answer = client.request(method, path, json=[OVERDRAWN] if method == "POST" else None)
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    if status == 422 or (method, path, status) == SCORED:
        assert answer.headers["cache-control"] == "no-store"
        return
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/v1/models", "/v1/decisions", "/metrics", "/v1/monitoring"])
def test_what_may_hold_records_is_stored_nowhere(client, path):
    assert client.get(path).headers["cache-control"] == "no-store"


def test_the_documentation_runs_its_own_scripts_and_no_others(client):
    page = client.get("/docs")
    assert page.text.count("<script>") == 1
    policy = page.headers["content-security-policy"]
    assert "script-src 'self' 'sha256-" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert re.findall(r'(?:src|href)="(.*?)"', page.text) == [
        *(f"static-offline-docs/{asset}" for asset in ("swagger-ui.css", "favicon.png", "swagger-ui-bundle.js"))
    ]
