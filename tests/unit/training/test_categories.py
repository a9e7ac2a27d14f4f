"""A level's number is its fraud rate, drawn towards the base rate where it is rare."""

import numpy as np
import pytest

from fraud_detection_api.training.categories import SMOOTHING, learn_level_codes


def learned(levels, is_fraud):
    return learn_level_codes(np.array(levels, dtype=object), np.array(is_fraud, dtype=bool))


def test_a_level_has_its_smoothed_fraud_rate():
    codes = learned(["web"] * 30 + ["branch"] * 70, [True] * 10 + [False] * 20 + [True] * 10 + [False] * 60)
    prior = 0.2
    assert codes.levels["web"] == pytest.approx((10 + SMOOTHING * prior) / (30 + SMOOTHING))
    assert codes.levels["branch"] == pytest.approx((10 + SMOOTHING * prior) / (70 + SMOOTHING))


def test_a_level_that_training_did_not_see_has_the_base_rate():
    codes = learned(["a"] * 10, [True] + [False] * 9)
    assert codes.unseen == pytest.approx(0.1)


def test_missing_is_a_level_like_any_other():
    codes = learned([None] * 20 + ["a"] * 20, [True] * 20 + [False] * 20)
    assert codes.missing == pytest.approx((20 + SMOOTHING * 0.5) / 40)
    assert None not in codes.levels


def test_missing_that_training_did_not_see_has_the_base_rate():
    assert learned(["a"] * 4, [True, False, False, False]).missing == pytest.approx(0.25)


def test_a_rare_level_stays_near_the_base_rate():
    codes = learned(["rare"] + ["a"] * 99, [True] + [False] * 99)
    assert codes.levels["rare"] < 0.1


def test_levels_are_in_alphabetical_order_whatever_the_data_order():
    forwards, backwards = (learned(list(order), [True] + [False] * 2) for order in ("bca", "bac"))
    assert list(forwards.levels) == list(backwards.levels) == ["a", "b", "c"]
