"""The metrics agree with scikit-learn's, ties and all; an integer weight stands for repeated records."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as reference

from fraud_detection_api.statistics.metrics import (
    METRICS,
    TOP_K,
    average_precision,
    brier,
    expected_calibration_error,
    log_loss,
    precision_at_top,
    recall_at_fpr,
    roc_auc,
)
from fraud_detection_api.statistics.scored import ScoredTest

REFERENCES = [
    (roc_auc, reference.roc_auc_score),
    (average_precision, reference.average_precision_score),
    (brier, reference.brier_score_loss),
    (log_loss, reference.log_loss),
]
NAMES = [metric.__name__ for metric, _ in REFERENCES]


@st.composite
def scored(draw):
    """Labels with both classes, and probabilities that are often tied."""
    count = draw(st.integers(2, 40))
    is_fraud = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    assume(0 < is_fraud.sum() < count)
    tied = st.sampled_from([0.001, 0.2, 0.5, 0.5000001, 0.97])
    probability = draw(st.lists(tied | st.floats(0.001, 0.999), min_size=count, max_size=count))
    return is_fraud, np.array(probability)


def measured(metric, is_fraud, probability, weights=None) -> float:
    test = ScoredTest.sort(np.asarray(is_fraud, dtype=bool), np.asarray(probability, dtype=np.float64))
    return metric(test, np.ones(len(is_fraud)) if weights is None else weights)


@pytest.mark.parametrize(("metric", "expected"), REFERENCES, ids=NAMES)
@given(scored())
def test_a_metric_agrees_with_scikit_learn(metric, expected, labelled):
    is_fraud, probability = labelled
    assert measured(metric, is_fraud, probability) == pytest.approx(expected(is_fraud, probability), abs=1e-9)


@pytest.mark.parametrize("metric", [m for m, _ in REFERENCES] + [recall_at_fpr(0.05)], ids=[*NAMES, "recall"])
@given(scored(), st.integers(0, 10_000))
def test_an_integer_weight_is_a_repeated_record(metric, labelled, seed):
    is_fraud, probability = labelled
    repeats = np.random.default_rng(seed).integers(0, 4, len(is_fraud))
    assume(0 < (repeats * is_fraud).sum() < repeats.sum())
    test = ScoredTest.sort(is_fraud, probability)
    order = np.argsort(-probability, kind="stable")
    weighted = metric(test, repeats[order].astype(np.float64))
    repeated = measured(metric, np.repeat(is_fraud, repeats), np.repeat(probability, repeats))
    assert weighted == pytest.approx(repeated, abs=1e-9)


@pytest.fixture(scope="module")
def resampled():
    """A test part of rare fraud and many ties, and a bootstrap replicate's weights in its sorted order."""
    rng = np.random.default_rng(0)
    is_fraud = rng.random(20_000) < 0.01
    probability = np.round(1 / (1 + np.exp(-(rng.standard_normal(20_000) + 2 * is_fraud - 4))), 3)
    counts = np.bincount(rng.integers(20_000, size=20_000), minlength=20_000)
    test = ScoredTest.sort(is_fraud, probability)
    return test, counts[test.order].astype(np.float64)


@pytest.mark.parametrize(("metric", "expected"), REFERENCES, ids=NAMES)
def test_a_metric_of_a_resample_agrees_with_scikit_learn(resampled, metric, expected):
    test, weights = resampled
    assert metric(test, weights) == pytest.approx(expected(test.is_fraud, test.probability, sample_weight=weights))


def test_recall_of_a_resample_agrees_with_the_roc_curve(resampled):
    test, weights = resampled
    rate, recall, _ = reference.roc_curve(test.is_fraud, test.probability, sample_weight=weights)
    assert recall_at_fpr(0.05)(test, weights) == pytest.approx(recall[rate <= 0.05].max())


@given(scored(), st.integers(0, 10_000))
def test_the_curve_at_its_bends_is_the_whole_curve(labelled, seed):
    test = ScoredTest.sort(*labelled)
    weights = np.random.default_rng(seed).integers(0, 4, len(test.is_fraud)) / 2
    whole, bends = test.caught(weights), test.caught_at_bends(weights)
    kept = np.isin(test.group_ends, test.bends)
    for all_values, values in zip(whole, bends, strict=True):
        np.testing.assert_array_equal(values, all_values[kept])
    assert np.trapezoid(whole[0], whole[1]) == pytest.approx(np.trapezoid(bends[0], bends[1]))


def test_rare_fraud_has_few_bends():
    rng = np.random.default_rng(0)
    test = ScoredTest.sort(np.arange(10_000) < 10, rng.random(10_000))
    assert len(test.bends) <= 2 * 10 + 1


def test_constant_probabilities_have_an_auc_of_one_half():
    assert measured(roc_auc, [True, False, False, True], [0.3] * 4) == 0.5


def test_a_perfect_order_has_auc_and_average_precision_1():
    is_fraud, probability = [False, True, False, True], [0.1, 0.8, 0.2, 0.9]
    assert measured(roc_auc, is_fraud, probability) == 1.0
    assert measured(average_precision, is_fraud, probability) == 1.0


def test_recall_counts_frauds_above_the_threshold_that_the_rate_allows():
    is_fraud = [True, False, True, *[False] * 99, True]
    probability = np.linspace(1, 0, len(is_fraud))
    assert measured(recall_at_fpr(0.01), is_fraud, probability) == pytest.approx(2 / 3)
    assert measured(recall_at_fpr(0.0), is_fraud, probability) == pytest.approx(1 / 3)


def test_recall_is_0_where_the_first_threshold_alarms_too_often():
    assert measured(recall_at_fpr(0.01), [False, True, False], [0.9, 0.9, 0.1]) == 0.0


def test_recall_agrees_with_the_roc_curve():
    rng = np.random.default_rng(0)
    is_fraud = rng.random(3000) < 0.1
    probability = np.round(1 / (1 + np.exp(-(rng.standard_normal(3000) + is_fraud))), 2)
    false_positive_rate, recall, _ = reference.roc_curve(is_fraud, probability, drop_intermediate=False)
    expected = recall[false_positive_rate <= 0.05].max()
    assert measured(recall_at_fpr(0.05), is_fraud, probability) == pytest.approx(expected)


def test_precision_at_the_top_is_the_share_of_fraud_there():
    is_fraud = np.arange(500) < 60
    assert measured(precision_at_top, is_fraud, np.linspace(1, 0, 500)) == pytest.approx(60 / TOP_K)


@given(st.integers(0, 10_000), st.sampled_from([0, 2, 300, 499]))
def test_precision_at_the_top_is_that_of_the_records_before_it_is_full(seed, first_fraud):
    rng = np.random.default_rng(seed)
    is_fraud = (rng.random(500) < 0.1) & (np.arange(500) > first_fraud)
    is_fraud[first_fraud] = True
    weights = rng.integers(0, 3, 500)
    top = np.repeat(is_fraud, weights)[:TOP_K]
    assert measured(precision_at_top, is_fraud, np.linspace(1, 0, 500), weights.astype(float)) == top.mean()


def test_precision_at_the_top_of_fewer_records_takes_them_all():
    assert measured(precision_at_top, [True, False, False, False], [0.4, 0.3, 0.2, 0.1]) == 0.25


def test_precision_at_the_top_splits_the_record_at_the_edge():
    weights = np.array([60.0, 60.0, 5.0])
    assert measured(precision_at_top, [True, False, False], [0.9, 0.5, 0.1], weights) == pytest.approx(0.6)


def test_log_loss_of_a_certain_mistake_is_finite():
    assert 30 < measured(log_loss, [True, False], [0.0, 0.5]) * 2 < 40


def test_a_calibrated_forecast_has_a_calibration_error_near_zero():
    probability = np.random.default_rng(0).beta(1, 9, 100_000)
    is_fraud = np.random.default_rng(1).random(100_000) < probability
    assert measured(expected_calibration_error, is_fraud, probability) < 0.005


@pytest.mark.parametrize("shift", [-0.05, 0.1])
def test_a_shifted_forecast_has_the_shift_as_its_calibration_error(shift):
    probability = 0.1 + 0.8 * np.random.default_rng(0).random(100_000)
    is_fraud = np.random.default_rng(1).random(100_000) < probability
    assert measured(expected_calibration_error, is_fraud, probability + shift) == pytest.approx(abs(shift), abs=0.005)


def test_few_records_have_a_calibration_error_all_the_same():
    assert measured(expected_calibration_error, [True, False], [0.75, 0.25]) == pytest.approx(0.25)


@pytest.mark.parametrize("name", METRICS)
@given(scored())
def test_every_metric_is_a_finite_number(name, labelled):
    value = measured(METRICS[name], *labelled)
    assert isinstance(value, float)
    assert np.isfinite(value)


@pytest.mark.parametrize("name", [name for name in METRICS if not name.startswith(("precision", "expected"))])
@given(scored(), st.integers(0, 1000))
def test_the_order_of_records_does_not_matter(name, labelled, seed):
    is_fraud, probability = labelled
    order = np.random.default_rng(seed).permutation(len(is_fraud))
    permuted = measured(METRICS[name], is_fraud[order], probability[order])
    assert permuted == pytest.approx(measured(METRICS[name], is_fraud, probability), abs=1e-9)
