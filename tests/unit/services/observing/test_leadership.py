"""One observer leads, whatever fails on the way."""

import threading
import time

import pytest

from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.metrics import catalogue
from fraud_detection_api.services.observing import leadership as leading
from fraud_detection_api.services.observing.leadership import LOCK, LeaderElection
from fraud_detection_api.services.observing.shadow import ObserverMetrics
from support.fakes import InMemoryExclusiveLock
from support.observing import Observed, made
from support.polling import eventually


@pytest.fixture
def observed():
    return Observed()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Pauses for tests."""
    for name in ("POLL_SECONDS", "STAND_BY_SECONDS", "REPORT_SECONDS"):
        monkeypatch.setattr(leading, name, 0.01)


class Running:
    """A leader's loop in a thread."""

    def __init__(self, observed, lock, reports=()):
        self.ended = threading.Event()
        loop = LeaderElection(
            observed.observer(),
            observed.challenger,
            lock,
            ObserverMetrics(observed.tallies),
            reload_seconds=0.01,
            reports=reports,
        )
        self._thread = threading.Thread(target=loop.run, args=(self.ended,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


def test_a_leader_observes_what_comes_and_gives_the_lock_back(observed):
    taken: set[str] = set()
    with Running(observed, InMemoryExclusiveLock(taken)):
        observed.keep(made(5))
        eventually(lambda: observed.rows_counted() == 5, "they are counted")
        assert taken == {LOCK}
    assert taken == set()


def test_a_leader_that_ends_signs_what_was_stored(observed):
    with Running(observed, InMemoryExclusiveLock(set())):
        observed.keep(made(5))
        eventually(lambda: observed.rows_counted() == 5, "they are counted")
    assert [root.size for root in observed.log.roots] == [5]


def test_nothing_is_observed_until_the_lock_is_free(observed):
    taken = {LOCK}
    observed.keep(made(5))
    with Running(observed, InMemoryExclusiveLock(taken)):
        time.sleep(0.05)
        assert observed.rows_counted() == 0
        taken.clear()
        eventually(lambda: observed.rows_counted() == 5, "they are counted")


def test_a_store_that_was_away_is_observed_again_and_told_of_once(observed, caplog):
    with caplog.at_level("INFO"), Running(observed, InMemoryExclusiveLock(set())):
        observed.store.error = "unavailable"
        eventually(lambda: "observer_waits" in caplog.text, "it waits")
        time.sleep(0.05)
        observed.store.error = None
        observed.keep(made(5))
        eventually(lambda: observed.rows_counted() == 5, "they are counted")
    assert [entry.message for entry in caplog.records].count("observer_waits") == 1


def test_a_leader_that_lost_its_lock_stops_and_forgets_its_gauges(observed):
    taken: set[str] = set()
    observed.tallies.gauge(catalogue.DRIFT_RECORDS, "hour").set(5)
    with Running(observed, InMemoryExclusiveLock(taken)):
        eventually(lambda: LOCK in taken, "it leads")
        taken.clear()
        taken.add("another")
        eventually(lambda: LOCK in taken, "it leads again")
    assert not any(name == "fraud_drift_records" for name, *_ in observed.tallies.snapshot("observer").series)


def test_a_challenger_that_is_assigned_meanwhile_shadows(observed):
    with Running(observed, InMemoryExclusiveLock(set())):
        observed.registry.assign("challenger", "2")
        eventually(lambda: observed.challenger.current is not None, "it is loaded")
        observed.keep(made(5))
        eventually(lambda: len(observed.shadows()) == 5, "they are shadowed")


@pytest.mark.parametrize("error", [ZeroDivisionError(), StoreUnavailable("unavailable")])
def test_a_report_that_fails_stops_neither_counting_nor_other_reports(observed, error):
    told = []

    def failing():
        raise error

    with Running(observed, InMemoryExclusiveLock(set()), reports=(failing, lambda: told.append(1))):
        eventually(lambda: len(told) > 2, "reports go on")
        observed.keep(made(5))
        eventually(lambda: observed.rows_counted() == 5, "they are counted")
