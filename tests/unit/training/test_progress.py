"""Stages of work report the share of the whole that is done."""

import pytest

from fraud_detection_api.training.train_xgboost import stages


def test_stages_one_after_the_other_rise_from_0_to_1():
    shares: list[float] = []
    for stage in stages(shares.append, 10, 1, 4):
        for done in (0.0, 0.5, 1.0):
            stage(done)
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, pytest.approx(1.0))


def test_a_stage_has_its_share_of_the_effort():
    shares: list[float] = []
    first, second = stages(shares.append, 3, 1)
    first(1.0)
    second(1.0)
    assert shares == [0.75, 1.0]


def test_a_stage_without_effort_moves_nothing():
    shares: list[float] = []
    first, none, last = stages(shares.append, 1, 0, 1)
    first(1.0)
    none(0.5)
    last(0.0)
    assert shares == [0.5, 0.5, 0.5]
