"""While the store is away: nothing is answered that is not kept, readiness says why, and all is well again by itself."""

import json

import pytest

from fraud_detection_api.services.storage import recovery
from support.builders import OVERDRAWN, record
from support.fakes import InMemoryDecisionStore
from support.http import ADMIN_KEY, API_KEYS, SCORE_KEY, assert_problem, bearer
from support.polling import eventually

FAULT = "the decision store /data/decisions.db: the disk is full; nothing was stored"
PATHS = ["/fraud_detection", "/v1/decisions"]


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(recovery, "RETRY_SECONDS", 0.01)


@pytest.fixture
def store():
    return InMemoryDecisionStore()


def ask(client, path, customer_id=1, **headers):
    records = [record(customer_id=customer_id)]
    return client.post(path, json=records if path == "/fraud_detection" else {"records": records}, headers=headers)


def ready(client) -> bool:
    return client.get("/readyz").status_code == 200


def entities(store) -> list[int]:
    return sorted(json.loads(row.entity) for row in store._decisions.values())


@pytest.mark.parametrize("path", PATHS)
def test_a_request_that_cannot_be_kept_is_refused_with_the_reason(client_for, store, path):
    client = client_for(kept_in=store)
    store.error = FAULT
    for _ in range(2):
        assert assert_problem(ask(client, path), 503, "store_unavailable")["detail"] == FAULT
    assert entities(store) == []


ANALYST_KEY = "analyst-key-of-the-tests"
KEYS = f"{API_KEYS},analyst:{ANALYST_KEY}"
ASKED = {
    "a score": (SCORE_KEY, "POST", PATHS[0], [OVERDRAWN]),
    "a decision": (SCORE_KEY, "POST", PATHS[1], {"records": [OVERDRAWN]}),
    "a look-up": (ANALYST_KEY, "GET", "/v1/decisions", None),
    "readiness": (SCORE_KEY, "GET", "/readyz", None),
}


@pytest.mark.parametrize("name", ASKED)
def test_the_reason_is_for_monitors_and_the_log_alone(client_for, store, events, name):
    """It names files and addresses."""
    client = client_for(kept_in=store, api_keys=KEYS)
    key, method, path, sent = ASKED[name]
    store.error = FAULT
    client.post(PATHS[0], json=[OVERDRAWN], headers=bearer(SCORE_KEY))
    problem = assert_problem(client.request(method, path, json=sent, headers=bearer(key)), 503, "store_unavailable")
    assert "/data" not in problem["detail"]
    assert events("unavailable")[-1]["request_id"] == problem["request_id"]
    assert events("unavailable")[-1]["reason"] == FAULT
    assert client.request(method, path, json=sent, headers=bearer(ADMIN_KEY)).json()["detail"] == FAULT


def test_the_server_is_not_ready_but_alive_until_the_store_is_back(client_for, store):
    client = client_for(kept_in=store)
    assert ready(client)
    store.error = FAULT
    ask(client, PATHS[0])
    assert assert_problem(client.get("/readyz"), 503, "store_unavailable")["detail"] == FAULT
    assert client.get("/livez").status_code == 200
    store.error = None
    eventually(lambda: ready(client), "the store is found well")
    assert ask(client, PATHS[0], 7).status_code == 200
    assert entities(store) == [7]


def test_a_server_starts_without_its_store_and_waits_for_it(client_for, store):
    store.error = FAULT
    client = client_for(kept_in=store)
    assert not ready(client)
    store.error = None
    eventually(lambda: ready(client), "the store is found")


def test_a_dry_run_is_refused_as_well(client_for, store):
    """It would say what the service does not do now."""
    client = client_for(kept_in=store)
    store.error = FAULT
    ask(client, PATHS[0])
    assert client.post(PATHS[1], json={"records": [OVERDRAWN], "dry_run": True}).status_code == 503


@pytest.mark.parametrize("path", PATHS)
def test_with_a_journal_it_answers_and_keeps_later(client_for, store, tmp_path, path):
    client = client_for(kept_in=store, store_outage="journal", journal=tmp_path / "journal")
    store.error = FAULT
    assert [ask(client, path, number).status_code for number in range(3)] == [200] * 3
    assert ready(client)
    assert len(list((tmp_path / "journal").iterdir())) == 1
    store.error = None
    eventually(lambda: entities(store) == [0, 1, 2], "the journal is put in")
    eventually(lambda: not list((tmp_path / "journal").iterdir()), "the journal is empty")
    assert ask(client, path, 3).status_code == 200
    # a request may still go to the journal between its emptying and the store's return
    eventually(lambda: entities(store) == [0, 1, 2, 3], "the last one is stored")


def test_what_the_journal_holds_when_the_server_stops_is_put_in_by_the_next(client_for, store, tmp_path):
    settings = {"store_outage": "journal", "journal": tmp_path / "journal"}
    client = client_for(kept_in=store, **settings)
    store.error = FAULT
    ask(client, PATHS[0], 5)
    client.__exit__(None, None, None)
    assert entities(store) == []
    store.error = None
    client_for(kept_in=InMemoryDecisionStore(beside=store), **settings)
    assert entities(store) == [5]


def test_a_request_under_a_key_is_refused_even_with_a_journal(client_for, store, tmp_path):
    client = client_for(kept_in=store, store_outage="journal", journal=tmp_path / "journal")
    store.error = FAULT
    assert_problem(ask(client, PATHS[1], 1, **{"Idempotency-Key": "a-key"}), 503, "store_unavailable")
    assert ask(client, PATHS[1], 2).status_code == 200


def test_no_decision_is_answered_where_neither_store_nor_journal_can_be_written(client_for, store, tmp_path):
    (tmp_path / "file").touch()
    client = client_for(kept_in=store, store_outage="journal", journal=tmp_path / "file" / "journal")
    store.error = FAULT
    problem = assert_problem(ask(client, PATHS[0]), 503, "store_unavailable")
    assert problem["detail"].endswith("cannot be written: Not a directory")


def test_a_file_that_goes_and_comes_back_does_so_for_callers(client_for, tmp_path):
    """The real store: its folder is away for a while."""
    (tmp_path / "data").mkdir()
    client = client_for(store=f"sqlite:///{tmp_path}/data/decisions.db")
    assert ask(client, PATHS[0]).status_code == 200
    (tmp_path / "data").rename(tmp_path / "away")
    assert_problem(ask(client, PATHS[0]), 503, "store_unavailable")
    assert not ready(client)
    (tmp_path / "away").rename(tmp_path / "data")
    eventually(lambda: ready(client), "the folder is found")
    assert ask(client, PATHS[0]).status_code == 200
