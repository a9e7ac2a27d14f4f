"""What is killed, and when. Moments are drawn from a seed; what the machine does at them is its own affair."""

import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from drills.crash.callers import Load
from drills.crash.postgres import Postgres
from drills.crash.service import Service
from drills.crash.verdict import Verdict, Watch

CALLERS = 6
LONGEST_LIFE_SECONDS, LONGEST_OUTAGE_SECONDS = 1.5, 1.5
KEYS_REPEATED = 2
"""Of so many keys of each caller the answer is asked for again after each restart; of all at the end."""

JOURNALING = {"FRAUD_STORE_OUTAGE": "journal", "FRAUD_STORE_TIMEOUT_SECONDS": "0.3"}


_CONTENDER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
while True:
    connection.execute("BEGIN IMMEDIATE")
    time.sleep(0.02)
    connection.execute("ROLLBACK")
    time.sleep(0.02)
"""


def server_killed(service: Service, *, kills: int, seed: int) -> Verdict:
    """The server is killed, one life in five while it starts, and started again on the same store."""
    draw = random.Random(seed)
    with service.until_the_end():
        with _load(service, seed) as load:
            watch = Watch(service, load)
            while service.kills < kills:
                if draw.random() < 0.2:
                    service.kill_while_starting(draw)
                    continue
                service.start()
                watch.keys_answer_as_before(KEYS_REPEATED)
                with _contended(service, draw):
                    time.sleep(draw.uniform(0, LONGEST_LIFE_SECONDS))
                    service.kill()
            service.start()
            watch.goes_on()
        return watch.verdict(kills=service.kills)


def part_killed(service: Service, *, kills: int, seed: int) -> Verdict:
    """One process of the server is killed, a worker or the one that keeps; the others live on and start it again."""
    draw = random.Random(seed)
    with service.until_the_end():
        service.start()
        with _load(service, seed) as load:
            watch = Watch(service, load)
            while service.kills < kills:
                time.sleep(draw.uniform(0, LONGEST_LIFE_SECONDS))
                service.kill_a_part(draw)
                watch.goes_on()
        watch.require_life()
        return watch.verdict(kills=kills)


def database_killed(service: Service, postgres: Postgres, *, kills: int, seed: int) -> Verdict:
    """PostgreSQL is killed and started again; the server lives on, breaks off no connection and recovers by itself."""
    draw = random.Random(seed)
    with service.until_the_end():
        service.start()
        with _load(service, seed) as load:
            watch = Watch(service, load)
            for _ in range(kills):
                time.sleep(draw.uniform(0, LONGEST_LIFE_SECONDS))
                postgres.kill(draw)
                time.sleep(draw.uniform(0, LONGEST_OUTAGE_SECONDS))
                postgres.start()
                watch.goes_on()
        watch.require_life()
        watch.faults += [f"{caller.name}: {caller.broken} broken" for caller in load.callers if caller.broken]
        return watch.verdict(kills=kills)


def database_and_server_killed(service: Service, postgres: Postgres, *, kills: int, seed: int) -> Verdict:
    """The server, which has a journal, is killed before, while and after PostgreSQL is away."""
    with service.until_the_end():
        with _load(service, seed) as load:
            watch, draw = Watch(service, load), random.Random(seed)
            while service.kills < kills:
                service.start(ready=False)
                time.sleep(draw.uniform(0, LONGEST_LIFE_SECONDS / 2))
                postgres.kill(draw)
                _kill_in_an_outage(service, draw)
                postgres.start()
                _kill_after_an_outage(service, draw)
            service.start()
            watch.goes_on()
        watch.require_none_refused()
        return watch.verdict(kills=service.kills)


def server_killed_while_locked(service: Service, *, kills: int, seed: int) -> Verdict:
    """The server, which has a journal, is killed while another process holds its SQLite file, and just afterwards."""
    assert service.sqlite is not None
    with service.until_the_end():
        service.start()  # the first makes the file
        with _load(service, seed) as load:
            watch, draw = Watch(service, load), random.Random(seed)
            while service.kills < kills:
                if not service.is_alive():
                    service.start(ready=False)
                time.sleep(draw.uniform(0, LONGEST_LIFE_SECONDS / 2))
                with locked(service.sqlite):
                    _kill_in_an_outage(service, draw)
                _kill_after_an_outage(service, draw)
            service.start()
            watch.goes_on()
        watch.require_none_refused()
        return watch.verdict(kills=service.kills)


def _kill_in_an_outage(service: Service, draw: random.Random) -> None:
    """In two outages of three; in one of those the server comes back before the store does."""
    time.sleep(draw.uniform(0, LONGEST_OUTAGE_SECONDS))
    chosen = draw.randrange(3)
    if chosen:
        service.kill()
    if chosen == 2:
        service.start(ready=False)
        time.sleep(draw.uniform(0, LONGEST_OUTAGE_SECONDS))


def _kill_after_an_outage(service: Service, draw: random.Random) -> None:
    """Where it lives still: perhaps while it drains the journal."""
    if service.is_alive():
        time.sleep(draw.uniform(0, LONGEST_LIFE_SECONDS / 2))
        service.kill()


@contextmanager
def _contended(service: Service, draw: random.Random) -> Iterator[None]:
    """In one life of two a SQLite file is somebody else's half of the time, and ends with the server.

    A commit is over too soon for a kill to come upon many that were answered too early.
    """
    if service.sqlite is None or draw.random() < 0.5:
        yield
        return
    command = [sys.executable, "-c", _CONTENDER, str(service.sqlite)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Be another process that writes, and takes its time."""
    with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield


def _load(service: Service, seed: int) -> Load:
    return Load(service.address, clients=CALLERS, seed=seed)
