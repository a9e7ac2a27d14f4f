"""While the store hangs: answers come in time, say what may be stored, and all is well again by itself."""

import threading
import time

import pytest

from fraud_detection_api.routes.protocol.deadlines import Deadline, Tails
from fraud_detection_api.services.storage import recovery
from support.builders import record
from support.fakes import InMemoryDecisionStore
from support.http import assert_problem
from support.polling import eventually

PATHS = ["/fraud_detection", "/v1/decisions"]
SOON = {"X-Deadline-Ms": "60"}
PATIENT = {"store_timeout_seconds": 20.0}
IMPATIENT = {"store_timeout_seconds": 0.2}


class Store(InMemoryDecisionStore):
    """Its operations wait while it is not `free`; so that it can be looked into, `stored` does not."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()
        self.free.set()

    def save(self, requests):
        assert self.free.wait(30)
        return super().save(requests)

    def check(self) -> None:
        assert self.free.wait(30)

    def find_answer(self, key):
        assert self.free.wait(30)
        return super().find_answer(key)

    def page(self, where, *, limit, before=None):
        assert self.free.wait(30)
        return super().page(where, limit=limit, before=before)

    def stored(self) -> set[str]:
        return set(self._decisions)


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(recovery, "RETRY_SECONDS", 0.01)


@pytest.fixture
def store():
    store = Store()
    yield store
    store.free.set()


def ask(client, path="/v1/decisions", customer_id=1, **headers):
    records = [record(customer_id=customer_id)]
    return client.post(path, json=records if path == "/fraud_detection" else {"records": records}, headers=headers)


def ready(client) -> bool:
    return client.get("/readyz").status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_a_commit_that_hangs_is_answered_with_the_ids_that_may_be_stored(client_for, store, path):
    client = client_for(kept_in=store, **IMPATIENT)
    store.free.clear()
    problem = assert_problem(ask(client, path), 503, "commit_in_doubt")
    eventually(lambda: not ready(client), "readiness fails")
    assert_problem(ask(client, path), 503, "store_unavailable")
    assert client.get("/livez").status_code == 200
    store.free.set()
    eventually(lambda: ready(client), "the store is found again")
    eventually(lambda: store.stored() == set(problem["decision_ids"]), "the commit goes on")
    assert ask(client, path).status_code == 200


def test_a_deadline_holds_while_the_commit_goes_on_and_the_store_has_not_failed(client_for, store):
    client = client_for(kept_in=store, **PATIENT)
    store.free.clear()
    began = time.monotonic()
    problem = assert_problem(ask(client, **SOON), 503, "commit_in_doubt")
    assert time.monotonic() - began < 10
    assert ready(client)
    store.free.set()
    [decision_id] = problem["decision_ids"]
    eventually(lambda: client.get(f"/v1/decisions/{decision_id}").status_code == 200, "the decision can be looked up")


def test_a_key_that_got_no_answer_in_time_gets_the_stored_one(client_for, store):
    client = client_for(kept_in=store, **PATIENT)
    store.free.set()
    key = {"Idempotency-Key": "a-key"}
    with Late(store):
        problem = assert_problem(ask(client, **SOON, **key), 503, "commit_in_doubt")
    eventually(store.stored, "the commit ends")
    answer = ask(client, **key)
    assert answer.headers["Idempotency-Replayed"] == "true"
    assert [decision["decision_id"] for decision in answer.json()["decisions"]] == problem["decision_ids"]
    assert len(store.stored()) == 1


class Late:
    """Saving hangs while the block runs; keys are looked up all the same."""

    def __init__(self, store: Store) -> None:
        self._store, self._free = store, threading.Event()

    def __enter__(self) -> None:
        save = type(self._store).save

        def save_late(requests):
            assert self._free.wait(30)
            return save(self._store, requests)

        self._store.save = save_late

    def __exit__(self, *_error: object) -> None:
        self._free.set()
        del self._store.save


def test_a_deadline_is_kept_by_way_of_the_journal(client_for, store, tmp_path):
    client = client_for(kept_in=store, store_outage="journal", journal=tmp_path / "journal", **PATIENT)
    store.free.clear()
    [decision] = ask(client, **{"X-Deadline-Ms": "1500"}).json()["decisions"]
    assert decision["decision_source"] == "model"
    assert len(list((tmp_path / "journal").iterdir())) == 1
    store.free.set()
    eventually(lambda: not list((tmp_path / "journal").iterdir()), "the journal is drained")
    assert store.stored() == {decision["decision_id"]}


def test_lookups_are_refused_in_time_and_then_at_once(client_for, store):
    client = client_for(kept_in=store, **IMPATIENT)
    ask(client)
    store.free.clear()
    assert_problem(ask(client, **{"Idempotency-Key": "a-key"}), 503, "store_unavailable")
    for _ in range(5):
        assert_problem(client.get("/v1/decisions"), 503, "store_unavailable")
    store.free.set()
    eventually(lambda: client.get("/v1/decisions").status_code == 200, "they are answered again")


def test_metrics_are_shown_while_every_other_route_waits_for_the_store(client_for, store):
    client = client_for(kept_in=store, **PATIENT)
    store.free.clear()
    waiting = [threading.Thread(target=client.get, args=("/v1/decisions",)) for _ in range(45)]
    for thread in waiting:
        thread.start()
    shown: list[int] = []
    looking = threading.Thread(target=lambda: shown.append(client.get("/metrics").status_code))
    looking.start()
    looking.join(10)
    assert shown == [200]
    store.free.set()
    for thread in waiting:
        thread.join()


def test_a_server_stops_beside_a_store_that_hangs(client_for, store):
    client = client_for(kept_in=store, **IMPATIENT)
    store.free.clear()
    ask(client)
    stopping = threading.Thread(target=client.__exit__, args=(None, None, None))
    stopping.start()
    stopping.join(20)
    assert not stopping.is_alive()


def test_scoring_leaves_the_rest_of_a_request_the_time_that_it_takes():
    tails = Tails()
    for _ in range(50):
        tails.took(1, 0.010)
        tails.took(10_000, 0.210)
    deadline = Deadline(began=100.0, seconds=1.0, tails=tails)
    assert deadline.score_by(1) == pytest.approx(100.990, abs=0.001)
    assert deadline.score_by(10_000) == pytest.approx(100.790, abs=0.002)
    assert Deadline(100.0, 0.1, tails).score_by(10_000) == pytest.approx(100.05)
