"""Boosters are averaged by their leaves."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_detection_api.training.averaging import average_boosters
from support.boosters import margins_of, random_booster, random_matrix

ROUNDING = 1e-5
"""What adding some dozens of leaves in 32 bits may leave of a margin below 10: its last place is 2e-7 to 1e-6."""


@given(
    seeds=st.lists(st.integers(0, 10_000), min_size=1, max_size=4),
    depth=st.integers(1, 8),
    missing=st.sampled_from([0.0, 0.2, 1.0]),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_the_average_of_boosters_is_the_mean_of_their_margins(seeds, depth, missing):
    boosters = [random_booster(seed, depth=depth) for seed in seeds]
    matrix = random_matrix(7, 200, missing=missing)
    mean = np.mean([margins_of(booster, matrix).astype(np.float64) for booster in boosters], axis=0)
    np.testing.assert_allclose(margins_of(average_boosters(boosters), matrix), mean, rtol=0, atol=ROUNDING)


def test_boosters_of_different_length_are_averaged():
    boosters = [random_booster(1, rounds=2), random_booster(2, rounds=9)]
    matrix = random_matrix(3, 50)
    mean = np.mean([margins_of(booster, matrix) for booster in boosters], axis=0)
    merged = average_boosters(boosters)
    assert merged.num_boosted_rounds() == 11
    np.testing.assert_allclose(margins_of(merged, matrix), mean, rtol=0, atol=ROUNDING)


def test_boosters_of_different_base_scores_are_not_averaged():
    with pytest.raises(ValueError, match="same base_score"):
        average_boosters([random_booster(1, base_score=0.1), random_booster(1, base_score=0.2)])


def test_the_average_forgets_the_attributes_of_its_first_booster():
    booster = random_booster(1)
    booster.set_attr(best_iteration="0")
    merged = average_boosters([booster, random_booster(2)])
    assert json.loads(merged.save_raw(raw_format="json"))["learner"]["attributes"] == {}
