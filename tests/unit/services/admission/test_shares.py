"""What many use at a time: nobody takes what the others need."""

from collections import Counter
from dataclasses import replace

import pytest

from fraud_detection_api.errors import Overloaded
from fraud_detection_api.services.admission.callers import ANYBODY, Caller, Limits
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


def test_a_names_own_limit_holds_in_places_of_all_kinds():
    of_names, limited = Counter(), replace(OTHER, limits=Limits(in_flight=2))
    kinds = [Shares(256, of_names), Shares(256, of_names)]
    for places in kinds:
        places.take(limited)
    for places in kinds:
        with pytest.raises(Overloaded) as caught:
            places.take(limited)
        assert caught.value.retry_after_seconds == 1
    kinds[0].give_back(limited)
    kinds[1].take(limited)
    assert [places.in_use for places in kinds] == [0, 2]
