"""What the stores in databases do for several processes that start, work and end as they like."""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from fraud_detection_api.adapters.sql.decisions import REVISIONS, DecisionTable, SqlDecisionStore
from fraud_detection_api.adapters.sql.observations import SqlObservationStore
from fraud_detection_api.adapters.sql.postgres import PostgresDatabase
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.decision.row_format import RowFormat
from fraud_detection_api.decision.stored import ROWS, StoredDecision
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from support.earlier_stores import decision_of
from support.kept import numbers_of, request_of

PROCESSES = 2


@contextmanager
def opened(database):
    store = SqlDecisionStore(database, idempotency_seconds=86_400)
    try:
        yield store
    finally:
        store.close()


def address(database) -> str:
    return str(database.path) if isinstance(database, SqliteDatabase) else database._url


def prepare_and_keep(address: str, worker: int) -> list[int]:
    """In another process: what a server does when it starts, then decisions by a model that no other process knows."""
    from pathlib import Path

    is_url = address.startswith("postgresql://")
    database = (
        PostgresDatabase(address, timeout_seconds=30) if is_url else SqliteDatabase(Path(address), timeout_seconds=30)
    )
    with opened(database) as store:
        store.migrate()
        store.check()
        for number in range(worker * 100, worker * 100 + 10):
            store.save([request_of(number, model_version=f"{worker}", policy_version=f"{number % 3}")])
        return numbers_of(store.page(DecisionFilter(), limit=1000))


@pytest.fixture
def processes():
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def test_processes_that_start_together_migrate_once(database, processes):
    place = address(database())
    list(processes.map(prepare_and_keep, [place] * PROCESSES, range(PROCESSES)))
    with opened(database()) as store:
        rows = store.following(DecisionFilter(), limit=1000)
        assert numbers_of(rows) == [worker * 100 + n for worker in range(PROCESSES) for n in range(10)]
        assert [row.model_version for row in rows] == [str(number // 100) for number in numbers_of(rows)]
        assert [row.policy_version for row in rows] == [str(number % 3) for number in numbers_of(rows)]


def test_deciders_outlive_their_process(database, processes):
    with opened(database()) as store:
        store.migrate()
        store.save([request_of(9999, model_version="ours")])
        seen = processes.submit(prepare_and_keep, address(database()), 1).result()
        assert seen[0] == 9999
        store.save([request_of(10_000, model_version="1"), request_of(10_001, model_version="ours")])
        versions = [row.model_version for row in store.following(DecisionFilter(), limit=1000)]
        assert versions == ["1"] * 10 + ["ours", "1", "ours"]


def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(database):
    with opened(database()) as store:
        store.migrate()
        store.save([request_of(1)])
    raw = database()
    with raw.writing() as session:
        session.change("UPDATE alembic_version SET version_num = '9999'")
    with opened(raw) as store, pytest.raises(StoreUnavailable, match="made by a newer version of fraud-detection-api"):
        store.migrate()
    with raw.reading() as session:
        assert session.rows("SELECT version_num FROM alembic_version") == [("9999",)]
        assert session.rows("SELECT count(*) FROM decisions") == [(1,)]
    raw.close()


def test_a_migrated_store_opens_without_the_migration_library(database):
    with opened(database()) as store:
        store.migrate()
    loaded = {name: module for name, module in sys.modules.items() if name.split(".")[0] in {"alembic", "sqlalchemy"}}
    for name in loaded:
        sys.modules[name] = None
    try:
        with opened(database()) as store:
            store.migrate()
            store.check()
    finally:
        sys.modules.update(loaded)


def test_a_store_reports_which_migrations_it_has_seen(database):
    raw = database()
    with opened(raw) as store:
        store.migrate()
        with raw.reading() as session:
            assert session.rows("SELECT version_num FROM alembic_version") == [(REVISIONS[-1],)]


@pytest.mark.parametrize(("revision", "version"), [("0002", 1), ("0006", 2)])
def test_a_store_of_an_earlier_revision_keeps_its_rows_and_is_migrated(database, revision, version):
    raw, earlier = database(), decision_of(version)
    table, seals = DecisionTable(earlier), RowFormat(earlier)
    raw.upgrade(revision)
    with opened(raw) as store:
        rows = [seals.sealed(earlier(**_of(row, earlier)), b"key") for row in request_of(1, 2).decisions]
        with raw.writing() as session:
            table.deciders.insert(session, {table.decider(rows[0])})
            table.insert(session, rows, table.deciders.ids(session))
        store.migrate()
        kept = store.following(DecisionFilter(), limit=10)
        assert [_of(row, earlier) for row in kept] == [row._asdict() for row in rows]
        assert all(ROWS.is_intact(row, b"key") for row in kept)
        assert not any(ROWS.is_intact(row._replace(history=7), b"key") for row in kept)
        assert SqlObservationStore(raw).position() == 0
        with raw.reading() as session:
            assert session.rows("SELECT version_num FROM alembic_version") == [(REVISIONS[-1],)]


def _of(row: StoredDecision, earlier) -> dict[str, Any]:
    """The fields that the decision had then."""
    return {name: getattr(row, name) for name in earlier._fields}
