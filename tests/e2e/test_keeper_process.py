"""The process that keeps decisions, beside a real server."""

import os
import signal
import sqlite3
import time

import pytest

from support import calls
from support.builders import record
from support.child_processes import children_of, is_running
from support.polling import eventually
from support.servers import running_server


def keepers_of(server) -> list[int]:
    """Processes that the server's process started and that keep decisions."""
    return children_of(server.process.pid, "fraud_detection_api.processes.decision_writer")


def rows_in(path) -> int:
    with sqlite3.connect(path) as database:
        return database.execute("SELECT count(*) FROM decisions").fetchone()[0]


@pytest.fixture(scope="module")
def server(file_registry_path, tmp_path_factory):
    log = tmp_path_factory.mktemp("keeper") / "log"
    with running_server(file_registry_path, log, FRAUD_STORE_TIMEOUT_SECONDS="1") as started:
        yield started


def test_one_process_keeps_for_all_workers_and_ends_with_them(file_registry_path, tmp_path):
    log = tmp_path / "log"
    with running_server(file_registry_path, log, arguments=["--workers", "2"]) as server:
        [keeper] = keepers_of(server)
        for _ in range(20):
            calls.post(f"{server.url}/fraud_detection", json=[record()]).raise_for_status()
        assert rows_in(log.with_suffix(".db")) == 20
    eventually(lambda: not is_running(keeper), "the keeper has ended")


def test_a_keeper_that_dies_is_started_again_and_nothing_is_answered_meanwhile(server):
    [keeper] = keepers_of(server)
    before = rows_in(server.log.with_suffix(".db"))
    os.kill(keeper, signal.SIGKILL)
    answers = eventually(lambda: ask_until_kept(server), "decisions are kept again")
    assert set(answers) <= {503, 200}
    assert rows_in(server.log.with_suffix(".db")) - before == answers.count(200)
    assert server.events("keeper_ended")[0]["status"] == -signal.SIGKILL


def ask_until_kept(server) -> list[int]:
    """Statuses until one is 200."""
    statuses = []
    while 200 not in statuses:
        statuses.append(calls.post(f"{server.url}/fraud_detection", json=[record()]).status_code)
    return statuses


def test_a_keeper_that_hangs_is_answered_for_and_replaced(server):
    [keeper] = keepers_of(server)
    os.kill(keeper, signal.SIGSTOP)
    waited = calls.post(f"{server.url}/fraud_detection", json=[record()], timeout=30)
    assert (waited.status_code, waited.json()["code"]) == (503, "commit_in_doubt")
    assert len(waited.json()["decision_ids"]) == 1
    assert calls.get(f"{server.url}/readyz").status_code == 503
    eventually(lambda: calls.get(f"{server.url}/readyz").status_code == 200, "the server is ready again")
    calls.post(f"{server.url}/fraud_detection", json=[record()]).raise_for_status()
    assert server.events("keeper_silent")[0]["process"] == keeper
    assert keepers_of(server) != [keeper]


def test_a_server_that_was_stopped_as_a_whole_keeps_its_processes(server):
    [keeper] = keepers_of(server)
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for process in (keeper, server.process.pid):
            os.kill(process, number)
        time.sleep(5 if number == signal.SIGSTOP else 1)
    assert keepers_of(server) == [keeper]
    calls.post(f"{server.url}/fraud_detection", json=[record()]).raise_for_status()
