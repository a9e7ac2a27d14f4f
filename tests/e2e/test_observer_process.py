"""The process that observes: killed in the middle, doubled, or beside a server, it counts each decision once."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.container.storage import build_database, stores_in
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.monitoring.counts import Counts
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from fraud_detection_api.settings import Settings
from support import calls
from support.builders import record
from support.child_processes import children_of
from support.observing import credit_model, made, outcomes_of, strict_files, strict_model
from support.polling import eventually
from support.servers import clean_environment, running_server

ROWS, KILLS = 8_000, 3


@pytest.fixture
def challenged(own_registry) -> Path:
    """A registry whose challenger is version 2."""
    registry = FileRegistry(own_registry)
    registry.assign("challenger", registry.register(strict_files()))
    return own_registry


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.slow)])
def location(request, tmp_path) -> str:
    """FRAUD_STORE."""
    if request.param == "SQLite":
        return f"sqlite:///{tmp_path / 'decisions.db'}"
    return request.getfixturevalue("postgres_url")


class Store:
    """What a store holds of decisions and of their observation."""

    def __init__(self, location: str) -> None:
        settings = Settings(store=location, store_timeout_seconds=30)
        self._database = build_database(settings)
        self.decisions, _, self.observations = stores_in(self._database, settings)
        self.decisions.migrate()

    def rows_counted(self, seconds: int = 300) -> int:
        slots = self.observations.slots(since=0, seconds=seconds)
        return sum(Counts.from_json(slot.counts).rows for slot in slots)

    def outcomes_counted(self) -> dict[str, int]:
        counted = [Counts.from_json(slot.counts).outcomes for slot in self.observations.slots(since=0, seconds=3600)]
        return {outcome: sum(each[outcome] for each in counted) for outcome in ("approve", "review", "decline")}

    def shadows(self):
        return self.observations.compared(strict_model().bundle.digest, DecisionFilter(), limit=10 * ROWS)

    def close(self) -> None:
        self._database.close()


@pytest.fixture
def store(location) -> Iterator[Store]:
    opened = Store(location)
    yield opened
    opened.close()


@contextmanager
def observing(registry: Path, location: str, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """An observer's process by itself; its standard input ends with the block."""
    variables = {"FRAUD_REGISTRY": str(registry), "FRAUD_STORE": location, "FRAUD_STORE_TIMEOUT_SECONDS": "20"}
    command = [sys.executable, "-m", "fraud_detection_api.processes.observer"]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=output, env=clean_environment(**variables, FRAUD_LOG_FORMAT="json")
        )
    try:
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        finally:
            process.kill()
            process.wait()


def keep_a_day(store: Store) -> list:
    """Decisions of the last day, put into the store."""
    now = int(time.time() * 1000) - 5_000
    rows = [row for part in range(8) for row in made(ROWS // 8, at=now - part * 9_000_000)]
    for first in range(0, len(rows), 1000):
        store.decisions.save([StoredRequest(rows[first : first + 1000])])
    return rows


def test_an_observer_that_is_killed_in_the_middle_again_and_again_counts_each_decision_once(
    challenged, location, store, tmp_path
):
    rows = keep_a_day(store)
    kills = 0
    while store.observations.position() < ROWS and kills < KILLS:
        with observing(challenged, location, tmp_path / "log") as process:
            before = store.observations.position()
            moved = lambda before=before: store.observations.position() != before  # noqa: E731
            eventually(moved, "it observes", within_seconds=60, every_seconds=0)
            time.sleep(0.01 * (kills % 5))
            process.kill()
            kills += 1
    assert kills > 1
    with observing(challenged, location, tmp_path / "log"):
        eventually(lambda: store.observations.position() >= ROWS, "the rest is observed", within_seconds=60)
    assert store.rows_counted(300) == store.rows_counted(3600) == ROWS
    assert store.outcomes_counted() == {"approve": 0, "review": 0, "decline": 0, **outcomes_of(rows)}
    shadows = [shadow.decision_id for _, shadow in store.shadows()]
    assert shadows == sorted({row.decision_id for row in rows})


def test_of_two_one_leads_and_the_other_takes_over_when_it_is_killed(challenged, location, store, tmp_path):
    with ExitStack() as stack:
        first = stack.enter_context(observing(challenged, location, tmp_path / "first"))
        eventually(lambda: "observer_leads" in (tmp_path / "first").read_text(), "one leads", within_seconds=60)
        stack.enter_context(observing(challenged, location, tmp_path / "second"))
        store.decisions.save([StoredRequest(made(10, at=int(time.time() * 1000) - 3_000))])
        eventually(lambda: store.rows_counted() == 10, "they are counted")
        assert "observer_leads" not in (tmp_path / "second").read_text()
        first.kill()
        eventually(lambda: "observer_leads" in (tmp_path / "second").read_text(), "the other leads", within_seconds=60)
        store.decisions.save([StoredRequest(made(5, at=int(time.time() * 1000) - 3_000))])
        eventually(lambda: store.rows_counted() == 15, "they are counted")


def test_an_observer_ends_at_once_when_its_server_has(challenged, location, store, tmp_path):
    keep_a_day(store)
    with observing(challenged, location, tmp_path / "log") as process:
        eventually(store.observations.position, "it observes", within_seconds=60)
        process.terminate()  # as whoever stops a whole group would
        process.stdin.close()
        assert process.wait(10) == 0
    assert store.rows_counted(300) == store.rows_counted(3600)


def observers_of(server) -> list[int]:
    return children_of(server.process.pid, "fraud_detection_api.processes.observer")


def records_observed(server) -> float:
    """As the metrics tell."""
    found = re.search(r"^fraud_observer_records_total (\S+)$", calls.get(f"{server.url}/metrics").text, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def post(server, count: int, first: int) -> list[dict]:
    records = [record(customer_id=n, total_balance=n * 997 % 250_000) for n in range(first, first + count)]
    answer = calls.post(f"{server.url}/v1/decisions", json={"records": records}).raise_for_status()
    return answer.json()["decisions"]


def test_a_server_has_its_decisions_observed_and_shadowed_whatever_becomes_of_the_observer(challenged, tmp_path):
    log = tmp_path / "log"
    store = Store(f"sqlite:///{log.with_suffix('.db')}")
    answered = []
    with running_server(challenged, log, FRAUD_OBSERVER="true", FRAUD_LOG_FORMAT="json") as server:
        for part in range(2):
            answered += post(server, 100, part * 100)
            [observer] = eventually(lambda: observers_of(server), "there is an observer")
            eventually(lambda: store.rows_counted() == len(answered), "all are counted", within_seconds=60)  # noqa: B023
            os.kill(observer, signal.SIGKILL)
            eventually(lambda: len(server.events("observer_ended")) > part, "its end is noticed")  # noqa: B023
        eventually(lambda: observers_of(server), "there is an observer")
        answered += post(server, 50, 200)
        eventually(lambda: len(store.shadows()) == len(answered), "all are shadowed", within_seconds=60)
        # what was counted within a second before a kill is in the store and not in the metrics
        eventually(lambda: 50 <= records_observed(server) <= len(answered), "the metrics tell of it")
        [observer] = observers_of(server)
        assert os.getpriority(os.PRIO_PROCESS, observer) > os.getpriority(os.PRIO_PROCESS, server.process.pid)
    assert sorted(row.decision_id for row, _ in store.shadows()) == sorted(each["decision_id"] for each in answered)
    assert store.rows_counted(300) == store.rows_counted(3600) == len(answered)
    assert {slot.model_digest for slot in store.observations.slots(since=0, seconds=300)} == {
        credit_model().bundle.digest
    }
    eventually(lambda: not Path(f"/proc/{observer}").exists(), "the observer has ended")
    store.close()


def test_there_is_no_observer_where_none_is_wanted(open_server):
    assert observers_of(open_server) == []
