"""The history of entities while its process, the decision writer and the whole server are killed under load."""

import itertools
import json
import os
import random
import re
import signal
import subprocess
import threading
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


class Victims:
    """A server and its processes, killed by turns; it is started again when it was killed itself."""

    def __init__(self, registry: Path, store: str, folder: Path) -> None:
        self._registry, self._store, self._folder = registry, store, folder
        self._server, self._kills = None, 0

    def up(self) -> str:
        """The address of the server, which is ready."""
        if self._server is None:
            log = self._folder / f"{self._kills}.log"
            asked = {"FRAUD_STORE": self._store, "FRAUD_OBSERVER": "true"}
            self._server = wait_until_up(start_server(self._registry, log, own_group=True, **asked), log, ready=True)
        return self._server.url

    def kill(self) -> None:
        """Kill the history's process, the decision writer, both, or all that there is."""
        turn, self._kills = self._kills % 4, self._kills + 1
        beside = children(self._server.process)
        for module in (["entity_history"], ["decision_writer"], ["entity_history", "decision_writer"], [])[turn]:
            if module in beside:
                os.kill(beside[module], signal.SIGKILL)
        if turn == 3:
            self.end()

    def end(self) -> None:
        if self._server is not None:
            os.killpg(self._server.process.pid, signal.SIGKILL)
            self._server.process.wait()
            self._server = None


def test_no_event_is_lost_or_counted_twice_when_processes_are_killed(registry, tmp_path):
    store, rng = f"sqlite:///{tmp_path / 'decisions.db'}", random.Random(7)
    victims, callers = Victims(registry, store, tmp_path), [Caller(seed) for seed in range(3)]
    try:
        for number in range(KILLS):
            for caller in callers:
                caller.url = victims.up()
                if not number:
                    caller.start()
            more = len(callers[0].acknowledged) + rng.randrange(2, 20)
            eventually(lambda more=more: len(callers[0].acknowledged) >= more, "payments are answered between kills")
            victims.kill()
    finally:
        for caller in callers:
            caller.ended.set()
            caller.join()
        victims.end()
    acknowledged, found = [each for caller in callers for each in caller.acknowledged], replayed(registry, store)
    assert len(set(acknowledged)) == len(acknowledged) > KILLS
    assert set(found["counts"]) == {"equal"}
    assert found["counts"]["equal"] >= len(acknowledged)


def test_two_servers_on_one_store_see_one_history(registry, tmp_path):
    store = f"sqlite:///{tmp_path / 'decisions.db'}"
    first = running_server(registry, tmp_path / "1.log", FRAUD_STORE=store)
    second = running_server(registry, tmp_path / "2.log", FRAUD_STORE=store)
    answered = []
    with first as one, second as other:
        for server, record in zip(itertools.cycle([one, other]), itertools.islice(payments(3), 60), strict=False):
            answer = calls.post(f"{server.url}/v1/decisions", json={"records": [record]})
            answered += answer.json()["decisions"]
    assert {each["history"] for each in answered} == {"available"}
    assert replayed(registry, store)["counts"] == {"equal": 60}
