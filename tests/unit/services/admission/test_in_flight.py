"""More work than a process takes is turned away at once."""

import pytest

from fraud_detection_api.errors import Overloaded
from fraud_detection_api.services.admission.in_flight import RETRY_AFTER_SECONDS, AdmissionGate


def test_as_many_as_the_limit_are_let_in():
    gate = AdmissionGate(2)
    with gate, gate:
        assert gate.in_flight == 2


def test_one_more_is_turned_away_and_told_when_to_come_back():
    gate = AdmissionGate(1)
    with gate, pytest.raises(Overloaded) as caught, gate:
        pass
    assert caught.value.retry_after_seconds == RETRY_AFTER_SECONDS
    assert gate.in_flight == 0


def test_being_turned_away_takes_no_place():
    gate = AdmissionGate(1)
    with gate:
        for _ in range(3):
            with pytest.raises(Overloaded), gate:
                pass
        assert gate.in_flight == 1


def test_a_place_is_free_again_after_the_work():
    gate = AdmissionGate(1)
    for _ in range(3):
        with gate:
            pass
    assert gate.in_flight == 0


def test_a_place_is_free_again_after_a_failure():
    gate = AdmissionGate(1)
    with pytest.raises(ZeroDivisionError), gate:
        raise ZeroDivisionError
    assert gate.in_flight == 0
