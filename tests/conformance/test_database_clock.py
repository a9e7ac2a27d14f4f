"""A database's clock is read once, and then counted on: a clock that jumps changes nothing."""

import time

import pytest

from fraud_detection_api.adapters.sql.clock import DatabaseClock
from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from support.kept import keyed


def test_a_database_tells_the_time_and_a_jump_of_it_does_not(database):
    monotonic = [1000.0]
    connected = database()
    clock = DatabaseClock(connected, monotonic=lambda: monotonic[0])
    first = clock()
    assert first == pytest.approx(time.time(), abs=60)
    monotonic[0] += 5
    assert clock() == pytest.approx(first + 5)
    connected.close()


def test_a_key_is_kept_for_its_time_on_servers_whose_clocks_differ(database, monkeypatch):
    connections = [database(), database()]
    stores = [
        SqlDecisionStore(each, idempotency_seconds=86_400, wall_clock=DatabaseClock(each)) for each in connections
    ]
    stores[0].migrate()
    assert stores[0].save([keyed(1, "key")]) == [None]
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0)  # this server's clock is far ahead
    [answer] = stores[1].save([keyed(2, "key")])
    assert answer.answer == keyed(1, "key").answer
    for each in connections:
        each.close()
