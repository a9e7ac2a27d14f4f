"""Applications in this process, and what they log."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import StringIO

import pytest
from starlette.testclient import TestClient

from fraud_detection_api.container.storage import build_store
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.routes.protocol import deadlines
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore
from fraud_detection_api.settings import Settings
from fraud_detection_api.telemetry import LOGGER_NAME, LineHandler, json_line
from support.applications import application
from support.console import Served, sign_in
from support.fakes import InMemoryDecisionStore


@pytest.fixture
def client_for() -> Iterator[Callable[..., TestClient]]:
    """Starts an application with these settings, on `registry` or one with a small credit model.

    It keeps decisions where the settings say, or in the store `kept_in`.
    """
    with ExitStack() as started:
        yield lambda registry=None, kept_in=None, **settings: started.enter_context(
            application(registry, kept_in, **settings)
        )


@pytest.fixture
def client(client_for) -> TestClient:
    """A client of an application with default settings and a small credit model."""
    return client_for()


@pytest.fixture
def log_text() -> Iterator[Callable[[], str]]:
    """Everything logged so far, as a server would write it."""
    stream = StringIO()
    handler, logger = LineHandler(stream, json_line), logging.getLogger(LOGGER_NAME)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield stream.getvalue
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture
def events(log_text) -> Callable[[str], list[dict[str, object]]]:
    """The logged events of a name, each parsed from its line."""

    def named(name: str) -> list[dict[str, object]]:
        return [event for line in log_text().splitlines() if (event := json.loads(line))["event"] == name]

    return named


@pytest.fixture
def time_to_commit(monkeypatch) -> None:
    """Short deadlines limit the scoring alone: the commit has a minute, also on a busy machine."""
    monkeypatch.setattr(deadlines, "SHORTEST_ANSWER_SECONDS", 60.0)


class KeptDecisions:
    """Where decisions of a test are kept: applications that keep them there, and a look at what is kept."""

    def __init__(self, start: Callable[..., TestClient], look: DecisionStore, /, **configured: object) -> None:
        self._start, self._look, self._configured = start, look, configured

    def client(self, registry=None, **settings: object) -> TestClient:
        return self._start(registry, **self._configured, **settings)

    def rows(self) -> list[StoredDecision]:
        """Oldest first; those of one request in its records' order."""
        rows = self._look.following(DecisionFilter(), limit=100_000)
        return sorted(rows, key=lambda row: (row.decided_at, row.request_id, row.record_index))


@pytest.fixture(params=["in memory", "SQLite"])
def kept(request, client_for, tmp_path) -> Iterator[KeptDecisions]:
    """An empty place for decisions."""
    if request.param == "in memory":
        store = InMemoryDecisionStore()
        yield KeptDecisions(client_for, store, kept_in=store)
        return
    location = f"sqlite:///{tmp_path / 'decisions.db'}"
    store = build_store(Settings(store=location))
    yield KeptDecisions(client_for, store, store=location)
    store.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Serves a console on a store, with settings."""
    with ExitStack() as stack:

        def started(location: str, **settings: object) -> Served:
            console = Served(location, **settings)
            stack.callback(console.close)
            return console

        yield started


@pytest.fixture
def served(serve, tmp_path) -> Served:
    """A console that mira may use, an analyst."""
    console = serve(f"sqlite:///{tmp_path / 'decisions.db'}")
    console.add("mira")
    return console


@pytest.fixture
def browser(served) -> TestClient:
    """A browser, in which nobody is signed in yet."""
    return served.browser()


@pytest.fixture
def signed_in(browser) -> TestClient:
    """A browser in which mira is signed in."""
    assert sign_in(browser, "mira").status_code == 303
    return browser
