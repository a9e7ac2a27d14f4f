"""Reviewers who work through the queue as people do, and what their store must hold afterwards."""

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

import httpx2 as httpx

from fraud_detection_api.adapters.sql.database import Database, Session
from fraud_detection_api.container.storage import build_database, stores_in
from fraud_detection_api.decision.identifiers import uuid_text
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.services.accounts.sessions import form_token
from fraud_detection_api.settings import Settings
from support.kept import decision_id, kept

NEXT = "/console/queue/next"
_CASE = re.compile(r"/console/queue/([0-9a-f-]{36})")
_AWAY_SECONDS = 0.05


class Said(NamedTuple):
    """A verdict on a decision that the server acknowledged."""

    decision_id: str
    who: str
    verdict: str


class Reviewer:
    """A person with a session, who gives verdicts until no case is free.

    `address` says where the server is now; a server that does not answer is asked again until `patience_seconds` are over.
    """

    def __init__(
        self, name: str, session: str, client: httpx.Client, address: Callable[[], str], patience_seconds: float = 60
    ) -> None:
        self.name, self.acknowledged, self.lost = name, list[Said](), 0
        self._client, self._address, self._patience_seconds = client, address, patience_seconds
        self._cookie, self._token, self._chance = f"fraud_session={session}", form_token(session), random.Random(name)

    def work(self) -> None:
        """Take case after case."""
        answer = self._sent(NEXT)
        while found := _CASE.match(answer.headers.get("location", "")):
            self._asked("GET", found[0])
            if self._chance.random() < 0.1:
                self._say(found[1], "note")
            answer = self._say(found[1], self._verdict())
            if answer.status_code != 303:  # it was decided, by an answer that was lost
                answer = self._sent(NEXT)

    def leave(self) -> None:
        """Close the connections."""
        self._client.close()

    def _verdict(self) -> str:
        return self._chance.choices(["fraud", "legitimate", "escalate", "release"], [45, 45, 5, 5])[0]

    def _say(self, about: str, verdict: str) -> httpx.Response:
        answer = self._sent(f"/console/queue/{about}", verdict=verdict, note=f"{self.name} said {verdict}")
        if answer.status_code == 303:
            self.acknowledged.append(Said(about, self.name, verdict))
        return self._sent(NEXT) if verdict == "release" else answer

    def _sent(self, path: str, **fields: str) -> httpx.Response:
        return self._asked("POST", path, {"form_token": self._token, **fields})

    def _asked(self, method: str, path: str, data: dict[str, str] | None = None) -> httpx.Response:
        deadline = time.monotonic() + self._patience_seconds
        while True:
            try:
                url = self._address()
                headers = {"Cookie": self._cookie, "Origin": url}
                answer = self._client.request(method, url + path, data=data, headers=headers, follow_redirects=False)
                if answer.status_code not in (429, 503):
                    assert answer.status_code in (200, 303, 403, 409), answer.text
                    return answer
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, "the server does not come back"
            self.lost += 1
            time.sleep(_AWAY_SECONDS)


class Desk:
    """A store with cases and people; `leads` of them decide what was escalated."""

    def __init__(self, location: str) -> None:
        self.settings = Settings(store=location)
        self.database: Database = build_database(self.settings)
        self._stores = stores_in(self.database, self.settings)
        self._stores.decisions.migrate()

    def open_cases(self, cases: int) -> None:
        """Decisions 0 and following, which went to review."""
        losses = {decision_id(number): float(number % 97) for number in range(cases)}
        rows = [kept(number, outcome="review", entity=str(number % 50)) for number in range(cases)]
        for row in rows:
            self._stores.decisions.save([StoredRequest([row], losses={row.decision_id: losses[row.decision_id]})])

    def faults(self, cases: int, acknowledged: list[Said]) -> list[str]:
        """What is lost, decided twice, or half done; empty if all is well."""
        with self.database.reading() as session:
            return [*_queue_faults(session, cases), *_deed_faults(session), *_lost(session, acknowledged)]

    def close(self) -> None:
        self.database.close()


def _queue_faults(session: Session, cases: int) -> Iterator[str]:
    waiting = session.rows("SELECT count(*) FROM reviews")[0][0]
    labelled = Counter(uuid_text(bytes(each)) for (each,) in session.rows("SELECT decision_id FROM labels"))
    if waiting:
        yield f"{waiting} cases still wait"
    yield from (f"{each} has {count} labels" for each, count in labelled.items() if count != 1)
    yield from (f"{decision_id(number)} was lost" for number in range(cases) if decision_id(number) not in labelled)


_DEEDS = {"fraud": "labelled_fraud", "legitimate": "labelled_legitimate", "escalate": "escalated", "note": "noted"}


def _deed_faults(session: Session) -> Iterator[str]:
    """Each verdict has its line in the trail, each line its verdict, and each label both."""
    spoken = Counter(
        (uuid_text(bytes(about)), who, _DEEDS[verdict])
        for about, who, verdict in session.rows("SELECT decision_id, who, verdict FROM review_verdicts")
    )
    lines = session.rows("SELECT about, who, what FROM console_audit")
    written = Counter((about, who, what) for about, who, what in lines if what in _DEEDS.values())
    labels = Counter(
        (uuid_text(bytes(about)), who, "labelled_fraud" if is_fraud else "labelled_legitimate")
        for about, who, is_fraud in session.rows("SELECT decision_id, reviewer, is_fraud FROM labels")
    )
    labelling = Counter({deed: count for deed, count in written.items() if deed[2].startswith("labelled")})
    yield from (f"only half done: {deed}" for deed in (spoken - written) + (written - spoken))
    yield from (f"only half labelled: {deed}" for deed in (labels - labelling) + (labelling - labels))


def _lost(session: Session, acknowledged: list[Said]) -> Iterator[str]:
    """Verdicts that were acknowledged are there."""
    stored = Counter(
        Said(uuid_text(bytes(about)), who, verdict)
        for about, who, verdict in session.rows("SELECT decision_id, who, verdict FROM review_verdicts")
    )
    told = Counter(each for each in acknowledged if each.verdict != "release")
    yield from (f"acknowledged and lost: {each}" for each in told - stored)
