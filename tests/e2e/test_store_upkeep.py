"""The store is looked after while a real server writes to it."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import httpx2 as httpx
import pytest

from support import calls
from support.builders import record
from support.commands import fraud
from support.polling import eventually
from support.servers import running_server

ERASED = 987654321


@pytest.fixture(scope="module")
def server(file_registry_path, tmp_path_factory):
    log = tmp_path_factory.mktemp("upkeep") / "server.log"
    with running_server(file_registry_path, log, FRAUD_WORKERS="2") as server:
        yield server


@contextmanager
def load(server):
    """Two callers that post all the while; every answer must be 200."""
    stop, statuses = Event(), []

    def call(number: int) -> None:
        with httpx.Client(base_url=server.url) as client:
            while not stop.is_set():
                statuses.append(client.post("/fraud_detection", json=[record(customer_id=number)]).status_code)

    with ThreadPoolExecutor(2) as callers:
        running = [callers.submit(call, number) for number in (1, 2)]
        try:
            eventually(lambda: statuses, "a first answer")
            yield statuses
        finally:
            stop.set()
    assert all(caller.exception() is None for caller in running)


def fraud_store(server, *arguments: str):
    return fraud("store", *arguments, FRAUD_STORE=f"sqlite:///{server.log.with_suffix('.db')}")


def told(done) -> dict:
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def purged(server) -> int:
    return told(fraud_store(server, "purge", "--older-than", "1s", "--json"))["decisions"]


def files(server) -> bytes:
    return b"".join(path.read_bytes() for path in server.log.parent.iterdir() if not path.name.endswith("-shm"))


def test_erased_while_serving_means_gone_from_every_file(server):
    body = {"records": [record(customer_id=ERASED)], "explain": True}
    answer = calls.post(f"{server.url}/v1/decisions", json=body, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 200
    assert str(ERASED).encode() in files(server)
    with load(server) as statuses:
        erased = told(fraud_store(server, "erase", str(ERASED), "--json"))
    assert erased == {"decisions": 1, "events": 0, "altered": 0, "traces": 0, "journal_files": 0}
    assert str(ERASED).encode() not in files(server)
    assert set(statuses) == {200}
    again = calls.post(f"{server.url}/v1/decisions", json=body, headers={"Idempotency-Key": "k"})
    assert again.json()["decisions"][0]["decision_id"] != answer.json()["decisions"][0]["decision_id"]


def test_a_store_is_backed_up_checked_and_purged_while_serving(server, tmp_path):
    with load(server) as statuses:
        assert fraud_store(server, "backup", str(tmp_path / "copy.db")).exit_code == 0
        checked = told(fraud_store(server, "check", "--json"))
        eventually(lambda: purged(server) > 0, "decisions are old enough")
    assert (checked["faults"], checked["altered"]) == ([], [])
    assert set(statuses) == {200}


def test_a_store_that_a_server_has_open_is_not_replaced(server, tmp_path):
    assert fraud_store(server, "backup", str(tmp_path / "copy.db")).exit_code == 0
    refused = fraud_store(server, "restore", str(tmp_path / "copy.db"), "--force")
    assert refused.exit_code == 1
    assert "stop the servers first" in refused.stderr
    assert calls.post(f"{server.url}/fraud_detection", json=[record()]).status_code == 200
