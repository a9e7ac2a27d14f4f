"""Importance of columns: every column, the largest mean first."""

import numpy as np
import pytest

from fraud_detection_api.training.evidence.importance import importance


def test_columns_stand_by_their_mean_absolute_contribution():
    contributions = np.array([[1, -3, 0], [-1, 3, 0]], dtype=np.float32)
    ranked = importance(["a", "b", "c"], {"a": 3.0, "b": 1.0}, contributions)
    assert [(each["column"], each["mean_abs_contribution"], each["gain_share"]) for each in ranked] == [
        ("b", 3.0, 0.25),
        ("a", 1.0, 0.75),
        ("c", 0.0, 0.0),
    ]


def test_the_interval_is_that_of_a_mean():
    sizes = np.random.default_rng(0).normal(2, 0.5, (400, 1)).astype(np.float32)
    (only,) = importance(["a"], {"a": 1.0}, sizes)
    half = 1.96 * sizes.std() / 20
    assert only["low"] == pytest.approx(only["mean_abs_contribution"] - half, rel=1e-3)
    assert only["high"] == pytest.approx(only["mean_abs_contribution"] + half, rel=1e-3)


def test_trees_that_never_split_have_no_gain():
    assert [each["gain_share"] for each in importance(["a", "b"], {}, np.zeros((2, 2), dtype=np.float32))] == [0, 0]
