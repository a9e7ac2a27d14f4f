"""A process refuses more scoring requests than it takes at a time."""

import pytest

from fraud_detection_api.errors import Overloaded
from fraud_detection_api.routes.scoring import RETRY_AFTER_SECONDS, AdmissionGate


def test_as_many_as_the_limit_are_admitted():
    gate = AdmissionGate(2)
    with gate, gate:
        assert gate.in_flight == 2
    assert gate.in_flight == 0


def test_a_refused_request_is_not_in_flight_and_may_come_back():
    gate = AdmissionGate(1)
    with gate:
        for _ in range(3):
            with pytest.raises(Overloaded) as caught, gate:
                pass
        assert gate.in_flight == 1
    assert caught.value.retry_after_seconds == RETRY_AFTER_SECONDS


def test_a_failed_request_is_no_longer_in_flight():
    gate = AdmissionGate(1)
    with pytest.raises(ZeroDivisionError), gate:
        raise ZeroDivisionError
    assert gate.in_flight == 0
