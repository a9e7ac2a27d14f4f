"""A console whose store and registry hold hostile texts wherever somebody can put one, and people of each role."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.testclient import TestClient

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.console.access import ACCESS
from fraud_detection_api.contract.loading import parse_contract
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.model.bundle import with_changes
from fraud_detection_api.services.accounts.account_store import ROLES
from fraud_detection_api.services.accounts.sessions import form_token
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.models.aliases import Cause
from fraud_detection_api.services.reviewing.review_store import Reviewer
from fraud_detection_api.services.reviewing.reviewing import LONGEST_FILTER_NAME
from fraud_detection_api.training.changes import reword
from support.applications import application
from support.builders import NOW
from support.console import ORIGIN, PASSWORD
from support.hostile import ALL, TEXTS
from support.kept import decision_id, kept
from support.payments import payment, payments_contract, payments_files

SECRET = "4716 8051 3390 2217"
"""The card of a decision that no refusal may tell."""

LEAD = "lead"
_UNSEEN = {"checks", "console_sessions", "alembic_version"}
"""Tables that say nothing about what was done: when a session was used, and that the store can be written to."""


class Besieged:
    """A console that is served, with a session for each role and for a lead, and what changes where something is done."""

    def __init__(self, api: TestClient, registry: FileRegistry, folder: Path) -> None:
        self.api, self.app, self.registry, self._folder = api, api.app, registry, folder
        self.container = self.app.state.container
        for name in ROLES:
            self.container.people.accounts.add(name, PASSWORD, name, is_lead=False, by="root")
        self.container.people.accounts.add(LEAD, PASSWORD, "analyst", is_lead=True, by="root")
        self.accounts = {each.name: each for each in self.container.people.accounts.accounts()}
        self.decisions: dict[str, str] = {}

    def session(self, name: str) -> TestClient:
        """A browser with a new session of that person; no password is hashed for it."""
        browser = self.stranger()
        browser.cookies.set("fraud_session", self.container.people.sessions.open(self.accounts[name]), path="/console")
        return browser

    def stranger(self) -> TestClient:
        """A browser of nobody."""
        return TestClient(self.app, base_url="http://localhost", follow_redirects=False)

    def state(self, *, leases: bool = True) -> dict[str, Any]:
        """All that is stored and registered, to see whether something changed; perhaps but for who has which case."""
        columns = {} if leases else {"reviews": "decision_id, kind, opened_at, is_escalated, unsure"}
        with sqlite3.connect(f"file:{self._folder / 'decisions.db'}?mode=ro", uri=True) as connection:
            tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            stored = {
                name: sorted(connection.execute(f"SELECT {columns.get(name, '*')} FROM {name}").fetchall(), key=repr)
                for (name,) in tables
                if name not in _UNSEEN
            }
        connection.close()
        return stored | {"registry": (self._folder / "registry" / "audit.jsonl").read_text(encoding="utf-8")}

    def address(self, path: str) -> str:
        """A path of the table of access, about things that exist."""
        known = {"{decision_id}": self.decisions["secret"], "{version}": "2", "{change}": "challenge"}
        for name, value in known.items():
            path = path.replace(name, value)
        return path.replace("{path:path}", "absent")

    def pages(self) -> list[str]:
        """An address of every page."""
        return [self.address(path) for method, path in ACCESS if method == "GET"]


def token(browser: TestClient, cookie: str = "fraud_session") -> str:
    """What the browser's forms carry."""
    return form_token(browser.cookies[cookie])


def post(browser: TestClient, path: str, own_token: str | None = None, headers: Any = None, **fields: str) -> Any:
    """Send a form as the browser would from a page of this console."""
    data = {"form_token": token(browser) if own_token is None else own_token, **fields}
    return browser.post(path, data=data, headers=ORIGIN if headers is None else headers, follow_redirects=False)


@contextmanager
def besieged(folder: Path) -> Iterator[Besieged]:
    """The console, filled by everybody who can put a text into it."""
    registry = FileRegistry(folder / "registry")
    bundle = reword(payments_files(), hostile_contract(), source="made up", file="hostile.toml", now=NOW).sealed
    registry.assign("champion", registry.register(bundle.files), Cause("promote", ALL, ALL, gate_reasons=(ALL,)))
    documents = {"card.md": bundle.files["card.md"], "report.html": b"<script>hostile()</script>"}
    card = hostile_card(json.loads(bundle.files["card.json"]))
    changed = with_changes(bundle.files, card=card, documents=documents, created_at="2026-11-22T10:00:00Z")
    registry.assign("challenger", registry.register(changed.files), Cause("challenge", ALL, ALL))
    settings = {"store": f"sqlite:///{folder / 'decisions.db'}", "observer": False}
    with application(registry, **settings) as api:
        siege = Besieged(api, registry, folder)
        _by_callers(siege)
        _by_other_hands(siege)
        _by_reviewers(siege)
        yield siege


def hostile_contract() -> Any:
    """The contract of payments with a hostile text in each place for words."""
    document = payments_contract().as_json()
    document["description"] = document["id"]["description"] = document["target"]["description"] = ALL
    columns = [*document["features"].values(), *document["history"].values(), *document["derived"].values()]
    for column, text in zip(columns, TEXTS.values(), strict=False):
        column["description"] = ALL
        column["reason"] = {"code": "HOSTILE", "text": text.translate({ord("{"): "(", ord("}"): ")"}) + " {value}"}
    for key in document["keys"].values():
        key["description"] = ALL
    return parse_contract(document, source="hostile.toml")


def hostile_card(card: Any) -> Any:
    """The card with a hostile text at the end of each text in it that is prose: of no digest, time, or name."""
    if isinstance(card, dict):
        return {name: hostile_card(value) if name not in _EXACT else value for name, value in card.items()}
    if isinstance(card, list):
        return [hostile_card(each) for each in card]
    return f"{card} {ALL}" if isinstance(card, str) else card


_EXACT = {"created_at", "contract"}


def _by_callers(siege: Besieged) -> None:
    """Decisions, labels and events of a program."""
    for name, text in TEXTS.items():
        records = [payment(card=text, device=text, channel=text)]
        answer = siege.api.post("/v1/decisions", json={"records": records, "explain": True})
        assert answer.status_code == 200, (name, answer.text)
        siege.decisions[name] = answer.json()["decisions"][0]["decision_id"]
        label = {"decision_id": siege.decisions[name], "is_fraud": True, "source": "chargeback", "note": text}
        assert siege.api.post("/v1/labels", json={"labels": [label]}).status_code == 200, name
        event = {"event_id": text, "record": payment(card=text, device=text, channel=text)}
        assert siege.api.post("/v1/events", json={"events": [event]}).status_code == 200, name
    answer = siege.api.post("/v1/decisions", json={"records": [payment(card=SECRET)]})
    siege.decisions["secret"] = answer.json()["decisions"][0]["decision_id"]


def _by_reviewers(siege: Besieged) -> None:
    """Cases of hostile decisions, with notes, and filters that somebody saved."""
    reviews, recorder = siege.container.reviews, Recorder()
    for number, (name, text) in enumerate(TEXTS.items(), 2000):
        told = {"entity": json.dumps(text), "record": json.dumps({text: text}), "reasons": _reasons(text)}
        row = recorder.sealed(kept(number, outcome="review", **told))
        siege.container.store.save([StoredRequest([row])])
        siege.decisions[f"{name}, case"] = row.decision_id
        reviews.act(row.decision_id, "note", Reviewer(LEAD, is_lead=True), text)
        if len(text) <= LONGEST_FILTER_NAME and text.strip().isprintable():
            reviews.save_filter("admin", text, f"reason={quote(text)}&min=5")


def _by_other_hands(siege: Besieged) -> None:
    """Rows that no server of this version writes, and lines of the trail."""
    trail, store, recorder = siege.container.people.trail, siege.container.store, Recorder()
    for number, (name, text) in enumerate(TEXTS.items()):
        made = dict.fromkeys(("model_version", "model_digest", "policy_version", "contract", "request_id"), text)
        odd = kept(number, record=text, reasons=text, warnings=text, entity=text, **made)
        told = kept(1000 + number, reasons=_reasons(text), warnings=_warnings(text), **made)
        store.save([StoredRequest([recorder.sealed(each)]) for each in (odd, told)])
        siege.decisions[f"{name}, odd"], siege.decisions[f"{name}, told"] = (
            decision_id(each) for each in (number, 1000 + number)
        )
        trail.note(text, "viewed_decision", text)
        trail.note("somebody", "exported", text)


def _reasons(text: str) -> str:
    reason = {"rank": 1, "code": text, "feature": text, "value": text, "direction": text, "description": text}
    return json.dumps([{**reason, "contribution_log_odds": 0.5}])


def _warnings(text: str) -> str:
    return json.dumps([{"code": text, "field": text, "requires_review": True}])
