"""Servers killed under load, a few times; `make test-crash` kills them many times, in more scenarios."""

import pytest

from drills.crash.postgres import running_postgres
from drills.crash.race import keys_raced
from drills.crash.scenarios import (
    JOURNALING,
    database_and_server_killed,
    database_killed,
    part_killed,
    server_killed,
    server_killed_while_locked,
)
from drills.crash.service import Service

KILLS, SEED = 2, 5


@pytest.fixture
def service_with(file_registry_path, tmp_path):
    """Makes a service that is not started yet."""

    def make(**environment: str) -> Service:
        return Service(file_registry_path, tmp_path, FRAUD_JOURNAL=str(tmp_path / "journal"), **environment)

    return make


@pytest.fixture
def postgres():
    """A server of the test's own, to be killed."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def held(promise):
    """Whether everything did; a run in which nobody was answered shows nothing."""

    def check(verdict, where: str) -> None:
        faults = verdict.faults
        promise(f"{where}: faults in what was acknowledged", measured=len(faults), bound=0, faults=faults)
        records = verdict.compared.acknowledged_records
        promise(f"{where}: records acknowledged", measured=records, bound=1, at_least=True)

    return check


def test_what_was_acknowledged_is_kept_once_where_the_server_is_killed(service_with, held):
    held(server_killed(service_with(), kills=KILLS, seed=SEED), "server killed")


def test_what_was_acknowledged_is_kept_once_where_a_process_of_the_server_is_killed(service_with, held):
    held(part_killed(service_with(FRAUD_WORKERS="2"), kills=KILLS, seed=SEED), "one process of the server killed")


def test_what_was_acknowledged_is_kept_once_where_postgresql_is_killed(service_with, postgres, held):
    verdict = database_killed(service_with(FRAUD_STORE=postgres.url), postgres, kills=KILLS, seed=SEED)
    held(verdict, "PostgreSQL killed")


def test_what_was_journaled_is_kept_once_where_the_server_is_killed_while_sqlite_is_locked(service_with, held):
    service = service_with(**JOURNALING)
    held(server_killed_while_locked(service, kills=KILLS, seed=SEED), "server killed while SQLite is locked")
    assert service.drained()


def test_what_was_journaled_is_kept_once_where_postgresql_and_the_server_are_killed(service_with, postgres, held):
    service = service_with(FRAUD_STORE=postgres.url, **JOURNALING)
    held(database_and_server_killed(service, postgres, kills=KILLS, seed=SEED), "PostgreSQL and server killed")
    assert service.drained()


def test_a_key_that_many_race_for_is_answered_alike_and_kept_once(service_with, held):
    held(keys_raced(service_with(FRAUD_WORKERS="2"), clients=200, keys=3), "200 callers race for a key")
