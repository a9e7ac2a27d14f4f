"""What goes wrong with a PostgreSQL store: one line says what, never the password, and it works again once it can."""

import logging
import os
import signal
import socket
import time
from io import StringIO

import psycopg
import pytest

from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.postgres import PostgresDatabase
from fraud_detection_api.errors import CommitInDoubt, StoreUnavailable
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from fraud_detection_api.telemetry import LOGGER_NAME, LineHandler, json_line, log_failure
from support.child_processes import children_of
from support.kept import numbers_of, request_of
from support.mlflow_servers import free_port
from support.postgres_servers import PASSWORD, USER, start_postgres, stop_postgres

SECRET = "s3cret-w0rd"


@pytest.fixture(scope="module")
def own_server():
    """A server that the tests here may stop."""
    server = start_postgres()
    yield server
    stop_postgres(server)


@pytest.fixture
def store_at():
    """Opens stores; closes them in the end."""
    stores = []

    def open_store(url: str, *, timeout_seconds: float = 5) -> SqlDecisionStore:
        stores.append(
            SqlDecisionStore(PostgresDatabase(url, timeout_seconds=timeout_seconds), idempotency_seconds=86_400)
        )
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


def held(store) -> list[int]:
    return numbers_of(store.following(DecisionFilter(), limit=1000))


def refusal(attempt) -> str:
    """What the refusal says: one line, and none of the secrets, which nothing that it came from says either."""
    with pytest.raises(StoreUnavailable) as caught:
        attempt()
    error: BaseException | None = caught.value
    assert "\n" not in str(error)
    while error is not None:
        assert SECRET not in str(error)
        assert PASSWORD not in str(error)
        error = error.__cause__
    return str(caught.value).removeprefix("the decision store (PostgreSQL) ")


def test_a_wrong_password_is_not_repeated_in_the_error(postgres_server, store_at):
    store = store_at(postgres_server.url(password=SECRET))
    assert refusal(store.migrate) == "rejects the user or the password of FRAUD_STORE"


def test_a_missing_database_is_reported(postgres_server, store_at):
    assert refusal(store_at(postgres_server.url("nowhere")).migrate).startswith("has no such database or user")


def test_an_unknown_host_is_reported(store_at):
    store = store_at(f"postgresql://{USER}:{SECRET}@nowhere.invalid/fraud")
    assert refusal(store.migrate).startswith("cannot be reached; the host of FRAUD_STORE is unknown")


def test_a_port_where_nothing_listens_is_reported(store_at):
    store = store_at(f"postgresql://{USER}:{SECRET}@127.0.0.1:{free_port()}/fraud")
    assert refusal(store.migrate) == "cannot be reached; is it running at the host and port of FRAUD_STORE?"


@pytest.mark.parametrize("password", [f"{SECRET}%zz", f"x@{SECRET}", f"{SECRET}/x", f"x:{SECRET}@{SECRET}"])
def test_no_part_of_a_password_with_special_characters_is_reported(store_at, password):
    store = store_at(f"postgresql://{USER}:{password}@127.0.0.1:{free_port()}/fraud")
    refusal(store.migrate)


def test_a_server_that_accepts_and_never_answers_times_out(store_at):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = store_at(f"postgresql://{USER}:{SECRET}@127.0.0.1:{silent.getsockname()[1]}/fraud", timeout_seconds=1)
        began = time.monotonic()
        refusal(store.check)
        assert time.monotonic() - began < 15


def test_a_restarted_server_is_found_again(own_server, store_at):
    with own_server.database() as url:
        store = store_at(url)
        store.migrate()
        store.save([request_of(1)])
        own_server.kill()
        assert refusal(lambda: store.save([request_of(2)])).startswith("ended the connection; what was sent may")
        assert refusal(lambda: store.save([request_of(2)])).startswith("cannot be reached")
        assert refusal(lambda: store.following(DecisionFilter(), limit=1)).startswith("cannot be reached")
        own_server.restart()
        store.migrate()
        store.check()
        store.save([request_of(2)])
        assert held(store) == [1, 2]
        store.close()


def test_a_server_that_hangs_is_given_up_and_the_commit_is_in_doubt(own_server, store_at):
    with own_server.database() as url:
        store = store_at(url, timeout_seconds=0.4)
        store.migrate()
        store.save([request_of(1)])
        stopped = [own_server.process_id, *children_of(own_server.process_id)]
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        try:
            with pytest.raises(CommitInDoubt) as caught:
                store.save([request_of(2)])
            assert caught.value.reason.endswith("did not answer within FRAUD_STORE_TIMEOUT_SECONDS")
            refusal(lambda: store.following(DecisionFilter(), limit=1))  # over a new connection
        finally:
            for process in reversed(stopped):
                os.kill(process, signal.SIGCONT)
        store.save([request_of(2), request_of(3)])
        assert held(store) == [1, 2, 3]
        store.close()


def test_all_connections_lost_at_once_cost_one_failure(own_server, store_at):
    with own_server.database() as url:
        store = store_at(url)
        store.migrate()
        database = store._database
        with database.reading(), database.reading(), database.reading():
            """Three connections, which idle from now on."""
        own_server.kill()
        own_server.restart()
        refusal(store.check)
        store.check()
        store.close()


def test_a_held_lock_is_waited_for_until_the_timeout(postgres_url, store_at):
    store = store_at(postgres_url, timeout_seconds=0.3)
    store.migrate()
    with psycopg.connect(postgres_url) as other:
        other.execute("LOCK TABLE decisions")
        assert refusal(lambda: store.save([request_of(1)])) == "did not answer within FRAUD_STORE_TIMEOUT_SECONDS"
        other.rollback()
    store.save([request_of(2)])
    assert held(store) == [2]


def test_a_server_that_only_reads_is_reported(postgres_url, store_at):
    store = store_at(postgres_url)
    store.migrate()
    store.close()
    database = postgres_url.rpartition("/")[2]
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
        assert refusal(store.check) == "is read-only; FRAUD_STORE must name the primary server"
        other.execute("SET default_transaction_read_only = off")
        other.execute(f"ALTER DATABASE {database} RESET default_transaction_read_only")
    store.close()
    store.check()


def test_tables_that_someone_dropped_are_reported(postgres_url, store_at):
    store = store_at(postgres_url)
    store.migrate()
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute("DROP TABLE checks")
    assert refusal(store.check) == "lacks tables that it had"


def test_rows_that_others_refer_to_come_back_with_the_next_opening(postgres_url, store_at):
    store = store_at(postgres_url)
    store.migrate()
    store.save([request_of(1)])
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute("TRUNCATE deciders CASCADE")
    assert refusal(lambda: store.save([request_of(2)])) == "lacks rows that others refer to"
    store.migrate()
    store.save([request_of(3)])
    assert held(store) == [3]


def test_a_user_without_write_privileges_is_reported(postgres_url, store_at):
    store = store_at(postgres_url)
    store.migrate()
    name = f"reader_{postgres_url.rpartition('/')[2]}"
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{SECRET}'")
        try:
            other.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")
            reader = store_at(postgres_url.replace(f"{USER}:{PASSWORD}", f"{name}:{SECRET}"))
            reader.migrate()
            assert refusal(reader.check) == "does not allow the user of FRAUD_STORE to do this; grant the privilege"
        finally:
            other.execute(f"DROP OWNED BY {name}")
            other.execute(f"DROP ROLE {name}")


def test_a_row_that_the_database_rejects_is_not_a_store_failure_and_is_not_logged(postgres_url, store_at):
    store = store_at(postgres_url)
    store.migrate()
    for poison in (request_of(1, outcome="perhaps"), request_of(1, entity="\0"), request_of(1, decided_at=2**70)):
        with pytest.raises((psycopg.IntegrityError, psycopg.DataError)) as caught:
            store.save([poison])
        stream = StringIO()
        handler, logger = LineHandler(stream, json_line), logging.getLogger(LOGGER_NAME)
        logger.addHandler(handler)
        log_failure("decision_not_kept", caught.value)
        logger.removeHandler(handler)
        assert "345435" not in stream.getvalue()
    store.save([request_of(2)])
    assert held(store) == [2]


def test_a_migration_may_take_longer_than_an_answer(postgres_url):
    database = PostgresDatabase(postgres_url, timeout_seconds=0.2)
    with database._open_for_long() as connection:
        connection.execute("SELECT pg_sleep(0.4)")
