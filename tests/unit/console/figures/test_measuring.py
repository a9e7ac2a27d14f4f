"""What takes long is measured once, apart from requests, and is shown until it is measured anew."""

import threading

import pytest

from fraud_detection_api.console.figures.measuring import MOST_KEPT, MOST_WAITING, Measurements
from fraud_detection_api.errors import Overloaded, StoreUnavailable

LONG = 20.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_value_is_measured_once_while_it_is_fresh():
    clock, found = Clock(), iter("ab")
    measurements = Measurements(clock)
    assert measurements.get("key", lambda: next(found), fresh_seconds=10, wait_seconds=LONG).value == "a"
    clock.now = 9.0
    assert measurements.get("key", lambda: next(found), fresh_seconds=10, wait_seconds=LONG) == ("a", 9.0)


def test_a_value_that_is_no_longer_fresh_is_shown_once_more_while_it_is_measured():
    clock, measured = Clock(), threading.Event()
    measurements = Measurements(clock)
    measurements.get("key", lambda: "old", fresh_seconds=10, wait_seconds=LONG)
    clock.now = 10.0

    def again() -> str:
        measured.wait(LONG)
        return "new"

    assert measurements.get("key", again, fresh_seconds=10, wait_seconds=LONG).value == "old"
    measured.set()
    for thread in threading.enumerate():
        if thread.name == "measurements":
            thread.join(LONG)
    assert measurements.get("key", again, fresh_seconds=10, wait_seconds=LONG).value == "new"


def test_nobody_waits_longer_than_they_want_to():
    goes_on = threading.Event()
    measurements = Measurements()
    assert measurements.get("key", goes_on.wait, fresh_seconds=10, wait_seconds=0.01).value is None
    goes_on.set()
    assert measurements.get("key", goes_on.wait, fresh_seconds=10, wait_seconds=LONG).value is True


def test_an_error_is_raised_once_and_then_it_is_tried_again():
    def fails() -> str:
        raise StoreUnavailable("it is away")

    measurements = Measurements()
    with pytest.raises(StoreUnavailable):
        measurements.get("key", fails, fresh_seconds=10, wait_seconds=LONG)
    assert measurements.get("key", lambda: "back", fresh_seconds=10, wait_seconds=LONG).value == "back"


def test_more_than_a_few_that_wait_are_refused():
    goes_on = threading.Event()
    measurements = Measurements()
    for key in range(MOST_WAITING):
        measurements.get(key, goes_on.wait, fresh_seconds=10, wait_seconds=0)
    with pytest.raises(Overloaded):
        measurements.get("another", goes_on.wait, fresh_seconds=10, wait_seconds=0)
    goes_on.set()


def test_what_was_asked_for_longest_ago_is_forgotten():
    measurements, asked = Measurements(), []
    for key in [*range(MOST_KEPT + 1), 0]:
        measurements.get(key, lambda key=key: asked.append(key) or key, fresh_seconds=1e9, wait_seconds=LONG)
    assert asked.count(0) == 2
