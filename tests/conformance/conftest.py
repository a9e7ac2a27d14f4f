"""Decision stores; each may be opened several times."""

from collections.abc import Callable, Iterator

import pytest

from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.postgres import PostgresDatabase
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.services.storage.decision_store import DecisionStore
from support.fakes import InMemoryDecisionStore

SECONDS_KEPT = 86_400.0


@pytest.fixture
def clock():
    """A clock that stands still until it is stepped: seconds since 1970, in a list of one."""
    return [1_700_000_000.0]


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def database(request, tmp_path) -> Callable[[], SqliteDatabase | PostgresDatabase]:
    """Connects to an empty database of the test's own, anew each time."""
    if request.param == "SQLite":
        return lambda: SqliteDatabase(tmp_path / "decisions.db", timeout_seconds=20)
    url = request.getfixturevalue("postgres_url")
    return lambda: PostgresDatabase(url, timeout_seconds=20)


@pytest.fixture(params=["in memory", "SQLite", "PostgreSQL"])
def opened(request, clock, tmp_path) -> Iterator[Callable[[], DecisionStore]]:
    """Opens a store of the test's own, each time as another process would: over connections of its own."""
    stores: list[DecisionStore] = []
    options = {"idempotency_seconds": SECONDS_KEPT, "wall_clock": lambda: clock[0]}
    postgres = request.getfixturevalue("postgres_url") if request.param == "PostgreSQL" else None

    def open_one() -> DecisionStore:
        if request.param == "in memory":
            store: DecisionStore = InMemoryDecisionStore(**options, beside=stores[0] if stores else None)
        elif postgres is None:
            store = SqlDecisionStore(SqliteDatabase(tmp_path / "decisions.db", timeout_seconds=20), **options)
        else:
            store = SqlDecisionStore(PostgresDatabase(postgres, timeout_seconds=20), **options)
        stores.append(store)
        store.migrate()
        return store

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture
def store(opened) -> DecisionStore:
    """A store that is ready and empty."""
    return opened()
