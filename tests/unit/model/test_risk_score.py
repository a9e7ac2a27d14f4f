"""The risk score is the per-mille of legitimate held-out records that score lower, exactly."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.model.risk_score import HIGHEST, RiskScale

MARGINS = st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=50)
LEGITIMATE = np.sort(np.random.default_rng(0).normal(-4, 2, 1700).astype(np.float32))


def score(scale, margin):
    """The risk score of one margin."""
    return scale.scores(np.array([margin], dtype=np.float32))[0]


def per_mille(legitimate, margin):
    """The definition, in whole numbers."""
    return max(k for k in range(HIGHEST + 1) if sum(1000 * (m < margin) for m in legitimate) >= k * len(legitimate))


@given(MARGINS, st.floats(-31, 31, width=32))
def test_a_score_is_at_least_k_exactly_where_k_per_mille_are_lower(legitimate, margin):
    scale = RiskScale.of(np.array(legitimate, dtype=np.float32))
    assert score(scale, margin) == per_mille(legitimate, margin)


@given(MARGINS, st.floats(width=32, allow_nan=False), st.floats(width=32, allow_nan=False))
def test_a_higher_margin_never_scores_lower(legitimate, one, other):
    scale = RiskScale.of(np.array(legitimate, dtype=np.float32))
    low, high = sorted((one, other))
    assert 0 <= score(scale, low) <= score(scale, high) <= HIGHEST


@pytest.mark.parametrize("score", [1, 500, 950, 990, 999])
def test_flagging_from_a_score_on_flags_no_more_of_the_legitimate_than_it_says(score):
    flagged = (RiskScale.of(LEGITIMATE).scores(LEGITIMATE) >= score).mean()
    assert (1000 - score) / 1000 - 1 / len(LEGITIMATE) <= flagged <= (1000 - score) / 1000


def test_equal_margins_score_the_same():
    scale = RiskScale.of(np.array([-1, -1, -1, 2], dtype=np.float32))
    assert [score(scale, margin) for margin in (-1.5, -1.0, -0.5, 2.0, 2.5)] == [0, 0, 750, 750, 1000]


@given(MARGINS)
def test_json_reads_back_as_the_same_scale(legitimate):
    scale = RiskScale.of(np.array(legitimate, dtype=np.float32))
    read = RiskScale.from_json(json.loads(json.dumps(scale.as_json())))
    assert read.margins.tobytes() == scale.margins.tobytes()


@pytest.mark.parametrize(
    "margins",
    [[], [0.0] * 999, [0.0] * 1001, [1.0, *[0.0] * 999], [None] * 1000, [1e300] * 1000, [[0.0]] * 1000, "x", None],
    ids=["none", "999", "1001", "falling", "null", "too large", "nested", "a text", "nothing"],
)
def test_a_scale_that_cannot_be_is_refused(margins):
    with pytest.raises((ValueError, TypeError)):
        RiskScale.from_json({"margins": margins})
