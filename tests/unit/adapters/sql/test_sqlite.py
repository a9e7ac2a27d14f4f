"""The SQLite file: whose it is, and that processes do not take it from each other."""

import subprocess
import sys

import pytest

from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from support.sealed_rows import keep_rows, kept_row

LOOK = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM t').fetchone()[0])"


@pytest.fixture
def database(tmp_path):
    database = SqliteDatabase(tmp_path / "kept.db", timeout_seconds=2)
    with database.writing() as session:
        session.change("CREATE TABLE t (a INTEGER)")
    yield database
    database.close()


def seen_by_another_process(database) -> int:
    done = subprocess.run([sys.executable, "-c", LOOK, database.path], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_another_process_that_comes_and_goes_leaves_the_log_of_one_with_two_connections(database):
    with database.reading(), database.writing() as session:
        session.change("INSERT INTO t VALUES (1)")
    assert seen_by_another_process(database) == 1
    with database.writing() as session:
        session.change("INSERT INTO t VALUES (2)")
    assert seen_by_another_process(database) == 2


def test_only_its_owner_may_read_it(database):
    files = [database.path, *database.path.parent.glob("kept.db-*")]
    assert len(files) == 3
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_row_with_reasons_takes_no_page_of_its_own(tmp_path):
    database = SqliteDatabase(tmp_path / "rows.db", timeout_seconds=2)
    store = SqlDecisionStore(database, idempotency_seconds=86_400)
    store.migrate()
    keep_rows(store, [kept_row(number, reasons="r" * 1300) for number in range(100)])
    with database.reading() as session:
        pages = session.rows("PRAGMA page_count")[0][0]
    database.close()
    assert pages < 100
