"""The roles of docs/how-to/kubernetes.md on a real PostgreSQL: the owner migrates, the servers' role serves."""

import re
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from fraud_detection_api.adapters.sql.exclusive import PostgresExclusiveLock
from fraud_detection_api.container.storage import build_database, build_store, stores_in
from fraud_detection_api.services.observing.observation_store import CountedSlot, ShadowDecision
from fraud_detection_api.settings import Settings
from support.commands import fraud
from support.manifests import PROJECT
from support.pages import blocks
from support.sealed_rows import NOON, keep_rows, kept_row

OWNER, SERVER = "fraud_owner", "fraud_server"


@pytest.fixture(scope="module")
def database(postgres_server):
    """Its URL without a user, made by the page's own statements. Roles are the whole server's, so names end with a draw."""
    suffix = uuid4().hex[:8]
    names = {OWNER: f"{OWNER}_{suffix}", SERVER: f"{SERVER}_{suffix}"}
    page = (PROJECT / "docs" / "how-to" / "kubernetes.md").read_text(encoding="utf-8")
    [statements] = blocks(page, "sql")
    statements = re.sub(r"\bfraud\b", f"fraud_{suffix}", statements)
    for name, own in names.items():
        statements = statements.replace(name, own)
    statements = statements.replace(":'owner_password'", "'of the owner'").replace(":'server_password'", "'of servers'")
    before, after = statements.split(f"\\connect fraud_{suffix}")
    url = postgres_server.url(f"fraud_{suffix}")
    for address, some in ((postgres_server.url(), before), (url, after)):
        with psycopg.connect(address, autocommit=True) as connection:
            for statement in filter(str.strip, some.split(";")):
                connection.execute(statement)
    parts = urlsplit(url)
    yield f"postgresql://{parts.hostname}:{parts.port}{parts.path}", names
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE fraud_{suffix} WITH (FORCE)")
        for name in names.values():
            connection.execute(f"DROP ROLE {name}")


def migrated_by(database, role, password):
    url, names = database
    return fraud("store", "migrate", FRAUD_STORE=url, PGUSER=names[role], PGPASSWORD=password)


@pytest.fixture
def as_server(database, monkeypatch):
    """The settings of a server of the manifests, and its role in the variables that PostgreSQL's library reads."""
    url, names = database
    monkeypatch.setenv("PGUSER", names[SERVER])
    monkeypatch.setenv("PGPASSWORD", "of servers")
    return Settings(store=url)


def test_the_servers_role_cannot_migrate_and_is_told_so(database):
    done = migrated_by(database, SERVER, "of servers")
    assert done.exit_code != 0
    assert "grant the privilege" in done.stderr


def test_the_owner_migrates_and_then_the_servers_role_keeps_and_finds_decisions(database, as_server):
    done = migrated_by(database, OWNER, "of the owner")
    assert done.exit_code == 0, done.stderr
    store = build_store(as_server)
    store.migrate()  # as each server does when it starts
    store.check()
    row = kept_row(1)
    keep_rows(store, [row])
    assert store.find(row.decision_id) == row
    store.close()


def test_the_servers_role_is_enough_for_what_an_observer_keeps(database, as_server):
    assert migrated_by(database, OWNER, "of the owner").exit_code == 0
    db = build_database(as_server)
    store, _, observations = stores_in(db, as_server)
    keep_rows(store, [kept_row(2)])
    shadow = ShadowDecision(kept_row(2).decision_id, "2", "d", "p", 0.5, 0.6, "approve", 12.5, NOON)
    observations.record(1, [CountedSlot(NOON, 300, "d", {})], [shadow])
    observations.remove_before(NOON + 1)
    lock = PostgresExclusiveLock(db)
    with lock.held("observer") as first, lock.held("observer") as second:
        assert (first, second) == (True, False)
    db.close()


def test_the_servers_role_cannot_change_tables(database, as_server):
    assert migrated_by(database, OWNER, "of the owner").exit_code == 0
    with psycopg.connect(as_server.store, autocommit=True) as connection:
        for statement in ("CREATE TABLE mine (x int)", "DROP TABLE decisions", "ALTER TABLE decisions ADD mine int"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
