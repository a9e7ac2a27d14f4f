"""What many use at a time: nobody takes what the others need."""

import pytest

from fraud_detection_api.errors import Overloaded
from fraud_detection_api.services.admission.callers import ANYBODY, Caller
from fraud_detection_api.services.admission.shares import Shares

GREEDY, OTHER, THIRD = (Caller(name, "score", name, has_rivals=True) for name in ("greedy", "other", "third"))


def taken(shares: Shares, caller: Caller) -> int:
    """How much a caller gets who takes all it can."""
    count = 0
    while shares.fits(caller):
        shares.take(caller)
        count += 1
    with pytest.raises(Overloaded):
        shares.take(caller)
    return count


def test_a_caller_without_rivals_may_use_everything():
    assert taken(Shares(256), ANYBODY) == 256


def test_a_greedy_caller_leaves_room_for_every_other():
    shares = Shares(256)
    assert [taken(shares, caller) for caller in (GREEDY, OTHER, THIRD)] == [128, 64, 32]


def test_the_only_place_there_is_goes_to_whoever_comes_first():
    assert [taken(Shares(1), GREEDY), taken(Shares(2), GREEDY)] == [1, 1]


def test_what_is_given_back_may_be_taken_again():
    shares = Shares(2)
    shares.take(ANYBODY, 2)
    assert not shares.fits(ANYBODY)
    shares.give_back(ANYBODY, 2)
    assert shares.in_use == 0
    assert taken(shares, ANYBODY) == 2


def test_a_callers_own_limit_holds_too():
    shares = Shares(256)
    shares.take(OTHER, at_most=1)
    with pytest.raises(Overloaded) as caught:
        shares.take(OTHER, at_most=1)
    assert caught.value.retry_after_seconds == 1
    assert shares.in_use == 1
