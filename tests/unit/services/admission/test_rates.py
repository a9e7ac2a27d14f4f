"""Rates of a name: token buckets that a large request may overdraw."""

import pytest

from fraud_detection_api.errors import RateExceeded
from fraud_detection_api.routes.protocol.rate_limits import rate_limit_fields
from fraud_detection_api.services.admission.callers import ANYBODY, Caller, Limits
from fraud_detection_api.services.admission.rates import Rates

LIMITED = Caller("a", "score", "a", Limits(requests_per_second=2, records_per_second=1000))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_without_limits_nothing_is_counted():
    rates = Rates(Clock())
    for _ in range(1000):
        rates.spend(ANYBODY, requests=1, records=10_000)


def test_a_second_of_requests_passes_at_once_and_then_as_many_as_the_rate_says():
    clock = Clock()
    rates = Rates(clock)
    for _ in range(2):
        rates.spend(LIMITED, requests=1)
    with pytest.raises(RateExceeded) as caught:
        rates.spend(LIMITED, requests=1)
    assert caught.value.retry_after_seconds == 1
    clock.now = 0.5
    rates.spend(LIMITED, requests=1)
    with pytest.raises(RateExceeded):
        rates.spend(LIMITED, requests=1)


def test_a_large_request_passes_and_the_next_ones_wait_for_it():
    clock = Clock()
    rates = Rates(clock)
    rates.spend(LIMITED, records=5000)
    with pytest.raises(RateExceeded) as caught:
        rates.spend(LIMITED, records=1)
    assert caught.value.retry_after_seconds == 5
    clock.now = 4.1
    rates.spend(LIMITED, records=1)


def test_what_is_left_is_told_as_the_draft_has_it():
    rates = Rates(Clock())
    rates.spend(LIMITED, requests=1)
    rates.spend(LIMITED, records=250)
    assert rate_limit_fields(rates.quotas(LIMITED)) == [
        (b"ratelimit-policy", b'"requests";q=2;w=1, "records";q=1000;w=1'),
        (b"ratelimit", b'"requests";r=1;t=1, "records";r=750;t=1'),
    ]


def test_new_limits_of_a_name_count_from_now_on():
    rates = Rates(Clock())
    rates.spend(LIMITED, records=9000)
    rates.spend(Caller("a", "score", "a", Limits(records_per_second=5)), records=1)
