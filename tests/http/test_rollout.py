"""Champion and challenger over HTTP: the gate, force, rollback, challenge, and who did what."""

import hashlib
import json

import pytest

from support.builders import OVERDRAWN, other_credit_files
from support.http import ADMIN_KEY, API_KEYS, SCORE_KEY, assert_problem, bearer


@pytest.fixture
def waiting(registry):
    """Version 1 is champion, version 2 scores otherwise."""
    registry.register(other_credit_files())
    return registry


def changes(client, **headers):
    return client.get("/v1/models/history", headers=headers).json()["changes"]


def test_what_was_not_compared_is_refused_with_the_reason(client_for, waiting):
    client = client_for(waiting)
    problem = assert_problem(client.post("/v1/models/2/promote"), 409, "gate_refused")
    assert "the store is `none`" in problem["detail"]
    assert client.get("/readyz").json()["model_version"] == "1"
    assert len(changes(client)) == 1


def test_what_was_not_compared_is_promoted_by_force_and_the_reason_is_kept(client_for, waiting):
    client = client_for(waiting)
    answer = client.post("/v1/models/2/promote", json={"force": True, "reason": "the old one leaks"})
    assert answer.json() == {"champion": "2"}
    [newest, oldest] = changes(client)
    assert (newest["action"], newest["from"], newest["to"], newest["forced"]) == ("promote", "1", "2", True)
    assert (newest["reason"], newest["gate"], newest["took_effect"]) == ("the old one leaks", "failed", True)
    assert "nothing can be compared" in newest["gate_reasons"][0]
    assert newest["digest"].startswith("sha256:")
    assert (oldest["from"], oldest["to"], oldest["action"]) == (None, "1", "assign")


def test_with_the_gate_off_it_is_promoted(client_for, waiting):
    client = client_for(waiting, gate="off")
    assert client.post("/v1/models/2/promote").status_code == 200
    assert changes(client)[0]["gate"] == "off"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"force": True}, ["/reason"]),
        ({"force": True, "reason": " \n"}, ["/reason"]),
        ({"force": True, "reason": "\u200b\x1b\x7f"}, ["/reason"]),
        ({"force": "yes"}, ["/force"]),
        ({"reason": "x" * 501}, ["/reason"]),
        ({"reason": 7}, ["/reason"]),
    ],
    ids=["no reason", "a blank one", "an invisible one", "not true", "too long", "a number"],
)
def test_force_takes_a_reason(client_for, waiting, body, pointers):
    problem = assert_problem(client_for(waiting).post("/v1/models/2/promote", json=body), 422, "invalid_request")
    assert [error["pointer"] for error in problem["errors"]] == pointers


def test_a_body_is_as_long_as_the_longest_reason_escaped_and_not_much_longer(client_for, waiting):
    client = client_for(waiting)
    longest = {"force": True, "reason": "\N{GRINNING FACE}" * 500}
    content, headers = json.dumps(longest), {"Content-Type": "application/json"}
    stuffed = {str(number): 1 for number in range(10_000)}
    assert_problem(client.post("/v1/models/2/promote", json=stuffed), 413, "body_too_large")
    assert client.post("/v1/models/2/promote", content=content, headers=headers).status_code == 200


def test_a_change_names_the_key_by_role_and_digest_and_never_the_key(client_for, waiting):
    client = client_for(waiting, api_keys=API_KEYS)
    how = {"force": True, "reason": "now"}
    assert client.post("/v1/models/2/promote", json=how, headers=bearer(ADMIN_KEY)).status_code == 200
    told = client.get("/v1/models/history", headers=bearer(ADMIN_KEY))
    assert told.json()["changes"][0]["by"] == f"admin {hashlib.sha256(ADMIN_KEY.encode()).hexdigest()[:8]}"
    assert ADMIN_KEY not in told.text


def test_without_keys_a_change_is_anybodys(client_for, waiting):
    client = client_for(waiting)
    client.post("/v1/models/2/challenge")
    assert changes(client)[0]["by"] == "anybody (no keys are set)"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models/history"),
        ("POST", "/v1/models/rollback"),
        ("POST", "/v1/models/2/challenge"),
        ("DELETE", "/v1/models/2/challenge"),
    ],
)
def test_they_take_the_admin_role(client_for, waiting, method, path):
    client = client_for(waiting, api_keys=API_KEYS)
    assert_problem(client.request(method, path, headers=bearer(SCORE_KEY)), 403, "forbidden")


def test_a_rollback_serves_the_champion_before_at_once(client_for, waiting):
    waiting.assign("champion", "2")
    client = client_for(waiting)
    before = client.post("/fraud_detection", json=[OVERDRAWN]).json()
    assert client.post("/v1/models/rollback", json={"reason": "declines doubled"}).json() == {"champion": "1"}
    assert client.get("/readyz").json()["model_version"] == "1"
    assert client.post("/fraud_detection", json=[OVERDRAWN]).json() != before
    assert (changes(client)[0]["action"], changes(client)[0]["reason"]) == ("rollback", "declines doubled")
    assert_problem(client.post("/v1/models/rollback"), 404, "no_champion")


def test_a_challenge_is_shown_and_ends(client_for, waiting):
    client = client_for(waiting)
    assert client.post("/v1/models/2/challenge", json={"reason": "newer records"}).json() == {"challenger": "2"}
    assert [model["aliases"] for model in client.get("/v1/models").json()["models"]] == [["challenger"], ["champion"]]
    assert client.get("/v1/models/challenger").json()["version"] == "2"
    assert client.get("/readyz").json()["model_version"] == "1"
    assert client.delete("/v1/models/challenger/challenge").json() == {"challenger": None}
    assert_problem(client.delete("/v1/models/challenger/challenge"), 404, "no_challenger")
    assert [change["action"] for change in changes(client)] == ["stop", "challenge", "assign"]


def test_another_version_than_the_challenger_does_not_end_the_challenge(client_for, waiting):
    waiting.assign("challenger", "2")
    client = client_for(waiting)
    assert_problem(client.delete("/v1/models/1/challenge"), 404, "unknown_model")
    assert waiting.assigned("challenger") == "2"


def test_the_champion_cannot_challenge(client):
    assert_problem(client.post("/v1/models/1/challenge"), 409, "invalid_challenger")


def test_of_a_long_history_the_newest_changes_are_given(client_for, waiting):
    for _ in range(60):
        waiting.assign("champion", "2")
        waiting.assign("champion", "1")
    client = client_for(waiting)
    assert len(changes(client)) == 100
    assert len(client.get("/v1/models/history?limit=1000").json()["changes"]) == 121
    assert_problem(client.get("/v1/models/history?limit=1001"), 422, "invalid_request")


@pytest.mark.parametrize("path", ["/v1/models/history", "/v1/models/rollback"])
def test_these_paths_are_no_versions(client, path):
    assert client.request("POST" if path.endswith("history") else "GET", path).status_code in (404, 405)
