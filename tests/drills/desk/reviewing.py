"""Ten reviewers at once on a server that is killed again and again."""

import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx2 as httpx

from fraud_detection_api.adapters.sql.accounts import SqlAccountStore
from fraud_detection_api.services.accounts.account_store import Account, AuditLine
from fraud_detection_api.services.accounts.sessions import Sessions
from support.reviewing import Desk, Reviewer, Said
from support.servers import start_server, wait_until_up

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

PEOPLE, LEADS, WORKERS = 10, 2, 2
BETWEEN_KILLS_SECONDS, MOST_KILLS = 3.0, 4
WITHOUT_CHECKS = {"FRAUD_REVIEW_GOLDEN_SHARE": "0", "FRAUD_REVIEW_SECOND_SHARE": "0"}
"""Golden decisions and second reviews would be cases of their own."""


class Reviewed(NamedTuple):
    """What came of it."""

    acknowledged: list[Said]
    faults: list[str]
    kills: int
    unanswered: int
    seconds: float


class KilledServer:
    """A server that another one follows whenever it is killed: all of it, or one of its workers."""

    def __init__(self, registry: Path, log: Path, store: str) -> None:
        self._start: Callable[[], subprocess.Popen[bytes]] = lambda: start_server(
            registry, log, own_group=True, FRAUD_STORE=store, FRAUD_WORKERS=str(WORKERS), **WITHOUT_CHECKS
        )
        self._log, self.kills = log, 0
        self._process = self._start()
        self.url = wait_until_up(self._process, log, ready=True).url

    def kill(self, *, all_of_it: bool) -> None:
        """Kill, and start again what does not start by itself."""
        self.kills += 1
        if not all_of_it:
            os.kill(random.choice(_children(self._process.pid)), signal.SIGKILL)
            return
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = self._start()
        self.url = wait_until_up(self._process, self._log, ready=True).url

    def stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def reviewed(desk: Desk, location: str, registry: Path, folder: Path, *, cases: int) -> Reviewed:
    """Open the cases, let ten people decide them all while the server is killed, and compare."""
    desk.open_cases(cases)
    server, began = KilledServer(registry, folder / "server.log", location), time.monotonic()
    people = [_person(desk, number, server) for number in range(PEOPLE)]
    done = threading.Event()
    killer = threading.Thread(target=_kill_until, args=(server, done))
    try:
        killer.start()
        with ThreadPoolExecutor(PEOPLE) as pool:
            list(pool.map(Reviewer.work, people[LEADS:]))
            done.set()
            killer.join()
            list(pool.map(Reviewer.work, people))  # leads last, and whoever has a case that was left
    finally:
        done.set()
        killer.join()
        server.stop()
        for person in people:
            person.leave()
    acknowledged = [said for person in people for said in person.acknowledged]
    lost = sum(person.lost for person in people)
    return Reviewed(acknowledged, desk.faults(cases, acknowledged), server.kills, lost, time.monotonic() - began)


def _kill_until(server: KilledServer, done: threading.Event) -> None:
    while not done.wait(BETWEEN_KILLS_SECONDS) and server.kills < MOST_KILLS:
        server.kill(all_of_it=server.kills % 2 == 0)


def _person(desk: Desk, number: int, server: KilledServer) -> Reviewer:
    store, now = SqlAccountStore(desk.database), int(time.time() * 1000)
    account = Account(f"reviewer-{number}", "analyst", number < LEADS, now)
    store.add(account, "no password", AuditLine(now, "drill", "account_added", account.name))
    session = Sessions(store).open(account)
    return Reviewer(account.name, session, httpx.Client(timeout=30), lambda: server.url)


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
