"""A margin's probability: a monotone table, exact at its knots, linear between them, the same bits after JSON."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.model.calibration import HIGHEST, KNOTS, LOWEST_MARGIN, STEPS_PER_UNIT, Calibration, RiskScale

GRID = LOWEST_MARGIN + np.arange(KNOTS) / STEPS_PER_UNIT


def logistic(margins: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-(0.8 * margins - 1.5)))


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return Calibration.tabulate(logistic)


def probability(calibration: Calibration, *margins: float) -> list[float]:
    return calibration.probabilities(np.array(margins, dtype=np.float32)).tolist()


def test_the_knots_reach_from_minus_16_to_16():
    assert (GRID[0], GRID[-1]) == (-16.0, 16.0)


def test_a_knot_has_exactly_its_probability(calibration):
    np.testing.assert_array_equal(calibration.probabilities(GRID.astype(np.float32)), calibration.knots)


def test_between_two_knots_the_probability_is_linear(calibration):
    step = 1 / STEPS_PER_UNIT
    low, middle, high = probability(calibration, 1.0, 1.0 + step / 2, 1.0 + step)
    assert middle == pytest.approx((low + high) / 2, rel=1e-12)


def test_margins_beyond_the_table_are_clipped(calibration):
    beyond = probability(calibration, -1e30, -16.5, 16.5, 1e30)
    assert beyond == [calibration.knots[0], calibration.knots[0], calibration.knots[-1], calibration.knots[-1]]


@given(st.lists(st.floats(-40, 40, width=32), min_size=2, max_size=50))
def test_a_higher_margin_never_has_a_lower_probability(margins):
    probabilities = probability(Calibration.tabulate(logistic), *sorted(margins))
    assert all(low <= high for low, high in itertools.pairwise(probabilities))
    assert all(0 <= value <= 1 for value in probabilities)


@given(st.lists(st.floats(0, 1), min_size=KNOTS // 50, max_size=KNOTS // 50), st.floats(-17, 17, width=32))
def test_a_probability_lies_between_its_knots(heights, margin):
    knots = np.interp(GRID, np.linspace(-16, 16, len(heights)), np.sort(heights))
    calibration = Calibration(np.maximum.accumulate(knots))
    (found,) = probability(calibration, margin)
    place = int(np.clip((margin - LOWEST_MARGIN) * STEPS_PER_UNIT, 0, KNOTS - 2))
    assert calibration.knots[place] <= found <= calibration.knots[place + 1]


def test_json_gives_back_the_same_bits(calibration):
    document = json.loads(json.dumps(calibration.as_json()))
    np.testing.assert_array_equal(Calibration.from_json(document).knots, calibration.knots)


def test_a_function_outside_zero_and_one_is_clipped():
    calibration = Calibration.tabulate(lambda margins: margins / 10)
    assert (calibration.knots.min(), calibration.knots.max()) == (0.0, 1.0)


def with_knot(number: int, value: float) -> list[float]:
    knots = np.linspace(0, 1, KNOTS).tolist()
    knots[number] = value
    return knots


@pytest.mark.parametrize(
    ("knots", "message"),
    [
        ([0.1, 0.2], "1025 finite"),
        ([], "1025 finite"),
        ([[0.5] * KNOTS], "1025 finite"),
        (with_knot(3, float("nan")), "1025 finite"),
        (with_knot(3, float("inf")), "1025 finite"),
        (with_knot(500, 0.0), "rise"),
        (with_knot(0, -0.1), "rise"),
        (with_knot(KNOTS - 1, 1.1), "rise"),
    ],
)
def test_knots_that_are_no_calibration_are_refused(knots, message):
    with pytest.raises(ValueError, match=message):
        Calibration(np.array(knots, dtype=np.float64))


@pytest.mark.parametrize("change", [{"lowest_margin": -8.0}, {"steps_per_unit": 64}])
def test_a_document_of_another_grid_is_refused(calibration, change):
    with pytest.raises(ValueError, match="another version"):
        Calibration.from_json({**calibration.as_json(), **change})


@pytest.mark.parametrize("missing", ["lowest_margin", "steps_per_unit", "knots"])
def test_a_document_without_a_key_is_refused(calibration, missing):
    document = calibration.as_json()
    del document[missing]
    with pytest.raises(KeyError):
        Calibration.from_json(document)


def test_a_document_whose_knots_are_text_is_refused(calibration):
    with pytest.raises(ValueError):
        Calibration.from_json({**calibration.as_json(), "knots": ["a"] * KNOTS})


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
