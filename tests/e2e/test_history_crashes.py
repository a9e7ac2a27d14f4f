"""The history of entities while its processes, the decision writers and whole servers of one store are killed under load."""

import itertools
import json
import os
import random
import re
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2 as httpx
import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from support import calls
from support.payments import payment, payments_files
from support.polling import eventually
from support.servers import run_fraud, running_server, start_server, wait_until_up

KILLS = int(os.environ.get("HISTORY_KILLS", "6"))
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)

pytestmark = pytest.mark.slow


@pytest.fixture
def registry(tmp_path):
    registry = FileRegistry(tmp_path / "registry")
    registry.assign("champion", registry.register(payments_files()))
    return tmp_path / "registry"


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def store(request, tmp_path) -> str:
    """FRAUD_STORE."""
    if request.param == "SQLite":
        return f"sqlite:///{tmp_path / 'decisions.db'}"
    return request.getfixturevalue("postgres_url")


def payments(seed: int, minutes: int = 1):
    """Payments of few cards at few terminals, one after another, for ever."""
    rng = random.Random(seed)
    for number in itertools.count():
        moment = BEGIN + timedelta(minutes=minutes * number)
        terminal, amount = rng.randrange(5), round(rng.uniform(1, 90), 2)
        yield payment(card=f"C-{rng.randrange(9)}", terminal=terminal, amount=amount, paid_at=moment.isoformat())


def replayed(registry: Path, store: str) -> dict:
    """What `fraud replay --history` finds of all decisions."""
    done = run_fraud("replay", "--history", "--since", "1d", "--registry", str(registry), "--store", store, "--json")
    return json.loads(done.stdout)


def children(server: subprocess.Popen[bytes]) -> dict[str, int]:
    """The processes beside the workers, by module."""
    found = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in found.splitlines()[1:]]
    named = {
        int(pid): re.search(r"processes\.(\w+)", words) for pid, parent, words in rows if int(parent) == server.pid
    }
    return {module[1]: pid for pid, module in named.items() if module is not None}


class Caller(threading.Thread):
    """Sends payments and labels until it is told to end; `acknowledged` are the decisions that were answered."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.acknowledged: list[str] = []
        self.url = ""
        self.ended = threading.Event()
        self._payments, self._rng = payments(seed), random.Random(seed)

    def run(self) -> None:
        while not self.ended.is_set():
            records = [next(self._payments) for _ in range(self._rng.choice((1, 1, 3)))]
            with suppress(httpx.TransportError):  # the server was killed
                answer = calls.post(f"{self.url}/v1/decisions", json={"records": records})
                if answer.status_code == 200:
                    self._label([each["decision_id"] for each in answer.json()["decisions"]])

    def _label(self, decided: list[str]) -> None:
        self.acknowledged += decided
        if self._rng.random() < 0.2:
            label = {"decision_id": decided[0], "is_fraud": self._rng.random() < 0.7, "source": "chargeback"}
            calls.post(f"{self.url}/v1/labels", json={"labels": [label]})


BESIDE = (["entity_history"], ["decision_writer"], ["entity_history", "decision_writer"])
"""The processes beside the workers that are killed together."""


class Victim:
    """A server and its processes; it is started again when it was killed itself."""

    def __init__(self, registry: Path, store: str, folder: Path) -> None:
        folder.mkdir()
        self._registry, self._store, self._folder = registry, store, folder
        self._server, self._starts = None, 0

    def up(self) -> str:
        """The address of the server, which is ready."""
        if self._server is None:
            log, self._starts = self._folder / f"{self._starts}.log", self._starts + 1
            asked = {"FRAUD_STORE": self._store, "FRAUD_OBSERVER": "true"}
            self._server = wait_until_up(start_server(self._registry, log, own_group=True, **asked), log, ready=True)
        return self._server.url

    def kill(self, modules: Sequence[str]) -> None:
        """Kill these processes, which may be about to start again; without any, all that there are."""
        beside = {} if self._server is None else children(self._server.process)
        for module in modules:
            if module in beside:
                os.kill(beside[module], signal.SIGKILL)
        if not modules:
            self.end()

    def end(self) -> None:
        if self._server is not None:
            os.killpg(self._server.process.pid, signal.SIGKILL)
            self._server.process.wait()
            self._server = None


def test_no_event_is_lost_or_counted_twice_when_processes_are_killed(registry, store, tmp_path):
    rng, turns = random.Random(7), itertools.cycle([*BESIDE, []])
    victims = [Victim(registry, store, tmp_path / str(number)) for number in range(2)]
    callers = [Caller(seed) for seed in range(2 * len(victims))]
    try:
        for number, turn in zip(range(KILLS), turns, strict=False):
            for caller, victim in zip(callers, itertools.cycle(victims), strict=False):
                caller.url = victim.up()
                if not number:
                    caller.start()
            fated = rng.randrange(len(victims))
            answered = callers[fated].acknowledged
            more = len(answered) + rng.randrange(2, 20)
            eventually(
                lambda answered=answered, more=more: len(answered) >= more, "payments are answered between kills"
            )
            victims[fated].kill(turn)
    finally:
        for caller in callers:
            caller.ended.set()
            if caller.is_alive():
                caller.join()
        for victim in victims:
            victim.end()
    acknowledged, found = [each for caller in callers for each in caller.acknowledged], replayed(registry, store)
    assert len(set(acknowledged)) == len(acknowledged) > KILLS
    assert set(found["counts"]) == {"equal"}
    assert found["counts"]["equal"] >= len(acknowledged)


def test_two_servers_on_one_store_see_one_history(registry, store, tmp_path):
    first = running_server(registry, tmp_path / "1.log", FRAUD_STORE=store)
    second = running_server(registry, tmp_path / "2.log", FRAUD_STORE=store)
    answered = []
    with first as one, second as other:
        for server, record in zip(itertools.cycle([one, other]), itertools.islice(payments(3), 60), strict=False):
            answer = calls.post(f"{server.url}/v1/decisions", json={"records": [record]})
            answered += answer.json()["decisions"]
    assert {each["history"] for each in answered} == {"available"}
    assert replayed(registry, store)["counts"] == {"equal": 60}
