"""Stores that hang instead of failing: every answer is in time, nothing acknowledged is lost, and all is well again."""

import sqlite3
import time
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import psycopg
import pytest

from drills.crash.service import Service
from drills.hang.callers import DEADLINE_MS, Load
from drills.hang.faults import BlackHole, ReplacedFile, Slow, StoppedPart, StoppedPostgres, mounted_disk
from fraud_detection_api.decision.identifiers import uuid_text
from support.polling import eventually
from support.postgres_servers import start_postgres, stop_postgres

LONGEST_SECONDS = 6.0
LATE_SECONDS = 0.5
"""A busy machine wakes a process late; the promise is about the server."""

WORK_SECONDS, HANG_SECONDS, END_SECONDS = 1.0, 7.0, 6.0
IDS = "SELECT decision_id FROM decisions"


@pytest.fixture
def stack():
    with ExitStack() as closed_later:
        yield closed_later


@pytest.fixture
def postgres():
    server = start_postgres()
    yield server
    stop_postgres(server)


@pytest.fixture
def drill(promise, stack, file_registry_path, tmp_path):
    """Puts a service under load, has its store hang, and checks what is promised; `stored` gives the ids in the store.

    With a `journal` in another place, decisions are answered all the while.
    """

    def run(
        where, make_fault, stored, *, hang_seconds=HANG_SECONDS, is_journaled=False, is_noticed=True, **environment
    ):
        environment = {"FRAUD_JOURNAL": str(tmp_path / "journal"), **environment}
        service = stack.enter_context(Service(file_registry_path, tmp_path, **environment).until_the_end())
        service.start()
        fault = make_fault(service)
        with Load(service.url) as load:
            time.sleep(WORK_SECONDS)
            began = time.monotonic()
            fault.begin()
            try:
                time.sleep(hang_seconds)
            finally:
                ended = time.monotonic()
                fault.end()
            eventually(lambda: load.first_good(ended) < END_SECONDS, "a good answer", within_seconds=2 * END_SECONDS)
            time.sleep(WORK_SECONDS)
        promised = partial(_promised, promise, where)
        in_time(promised, load)
        if is_noticed:
            seconds = load.ready.first(503, began)
            promised("until /readyz fails", measured=seconds, bound=LONGEST_SECONDS, unit="s")
        if is_journaled:
            meanwhile = sum(answer.status == 200 and began + 1 < answer.sent_at < ended for answer in load.answers())
            promised("good answers while the store hangs", measured=meanwhile, bound=10, at_least=True)
        promised("until the first good answer afterwards", measured=load.first_good(ended), bound=5.0, unit="s")
        missing = set(load.acknowledged()) - stored()
        promised("acknowledged decisions that are missing", measured=len(missing), bound=0, faults=missing)
        return load

    return run


def _promised(promise, where, text, **figures) -> None:
    promise(f"{where}: {text}", **figures)


def in_time(promised, load: Load) -> None:
    """Whether every answer came in time."""
    faults = [fault for caller in load.callers for fault in caller.faults]
    promised("requests that broke off", measured=len(faults), bound=0, faults=faults)
    longest = max(answer.seconds for answer in load.answers())
    promised("longest wait for an answer", measured=longest, bound=LONGEST_SECONDS, unit="s")
    late, bound = max(answer.seconds for answer in load.answers(load.timed)), DEADLINE_MS / 1000 + LATE_SECONDS
    promised(f"longest wait with X-Deadline-Ms: {DEADLINE_MS}", measured=late, bound=bound, unit="s")
    health = max(probe.longest() for probe in [load.ready, *load.probes])
    promised("longest wait for /livez, /readyz, /metrics", measured=health, bound=1.0, unit="s")
    promised("longest wait for history", measured=load.history.longest(), bound=LONGEST_SECONDS, unit="s")


def in_sqlite(*files: Path) -> set[str]:
    found = set()
    for file in files:
        with closing(sqlite3.connect(file)) as connection:
            found |= {uuid_text(one) for (one,) in connection.execute(IDS)}
    return found


def in_postgres(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {uuid_text(one) for (one,) in connection.execute(IDS).fetchall()}


def test_a_frozen_disk(drill, stack, tmp_path):
    disk = stack.enter_context(mounted_disk(tmp_path))
    file = disk.folder / "decisions.db"
    drill("frozen disk", lambda _: disk, lambda: in_sqlite(file), FRAUD_STORE=f"sqlite:///{file}")


def test_a_frozen_disk_with_a_journal_on_another(drill, stack, tmp_path):
    disk = stack.enter_context(mounted_disk(tmp_path))
    file = disk.folder / "decisions.db"
    settings = {"FRAUD_STORE": f"sqlite:///{file}", "FRAUD_STORE_OUTAGE": "journal"}
    drill(
        "frozen disk, journal elsewhere",
        lambda _: disk,
        lambda: in_sqlite(file),
        is_noticed=False,
        is_journaled=True,
        **settings,
    )


def test_a_frozen_disk_with_a_journal_on_it(drill, stack, tmp_path):
    disk = stack.enter_context(mounted_disk(tmp_path))
    file = disk.folder / "decisions.db"
    settings = {"FRAUD_STORE_OUTAGE": "journal", "FRAUD_JOURNAL": str(disk.folder / "journal")}
    drill(
        "frozen disk, journal on it",
        lambda _: disk,
        lambda: in_sqlite(file),
        FRAUD_STORE=f"sqlite:///{file}",
        **settings,
    )


def test_a_slow_disk(drill, stack, tmp_path):
    disk = stack.enter_context(mounted_disk(tmp_path))
    file = disk.folder / "decisions.db"
    drill("slow disk", lambda _: Slow(disk), lambda: in_sqlite(file), is_noticed=False, FRAUD_STORE=f"sqlite:///{file}")


def test_stopped_postgresql(drill, postgres):
    url = postgres.url()
    drill("PostgreSQL stopped", lambda _: StoppedPostgres(postgres), lambda: in_postgres(url), FRAUD_STORE=url)


def test_stopped_postgresql_with_a_journal(drill, postgres):
    url = postgres.url()
    settings = {"FRAUD_STORE": url, "FRAUD_STORE_OUTAGE": "journal"}
    drill(
        "PostgreSQL stopped, journal",
        lambda _: StoppedPostgres(postgres),
        lambda: in_postgres(url),
        is_noticed=False,
        is_journaled=True,
        **settings,
    )


def test_slow_postgresql(drill, postgres):
    url = postgres.url()
    drill(
        "slow PostgreSQL",
        lambda _: Slow(StoppedPostgres(postgres)),
        lambda: in_postgres(url),
        is_noticed=False,
        FRAUD_STORE=url,
    )


def test_postgresql_behind_a_network_that_swallows(drill, stack, postgres):
    proxy = stack.enter_context(closing(BlackHole(postgres.port)))
    url = postgres.url()
    drill(
        "network that swallows",
        lambda _: proxy,
        lambda: in_postgres(url),
        FRAUD_STORE=url.replace(str(postgres.port), str(proxy.port)),
    )


@pytest.mark.parametrize("part", ["decision_writer", "observer"])
def test_a_stopped_process_is_replaced(drill, promise, tmp_path, part):
    faults = []

    def fault_of(service):
        faults.append(StoppedPart(service, part))
        return faults[0]

    stored = lambda: in_sqlite(tmp_path / "decisions.db")  # noqa: E731 the drill calls it
    hang_seconds = 2.0 if part == "decision_writer" else 9.0
    is_noticed = part == "decision_writer"
    drill(f"{part} stopped", fault_of, stored, hang_seconds=hang_seconds, is_noticed=is_noticed, FRAUD_OBSERVER="true")
    stopped = faults[0].process in faults[0].parts()
    promise(f"stopped processes that are still there: {part}", measured=int(stopped), bound=0)


def test_a_file_that_was_moved_away(drill, tmp_path):
    file = tmp_path / "decisions.db"
    replaced = ReplacedFile(file)
    drill(
        "file moved away", lambda _: replaced, lambda: in_sqlite(file, replaced.old), hang_seconds=0.5, is_noticed=False
    )
