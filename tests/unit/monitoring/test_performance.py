"""Measures of matured decisions: scikit-learn's numbers, and intervals that hold the truth about as often as they say."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import linear_model, metrics

from fraud_detection_api.monitoring.performance import FEWEST, Performance, measure, ranking_differences
from fraud_detection_api.statistics.metrics import average_precision, calibration_slope, roc_auc
from fraud_detection_api.statistics.scored import Cells


def drawn(seed, rows=5_000, *, honest=1.0):
    """Fraud drawn by probabilities, and those probabilities with their log-odds multiplied by `honest`."""
    draws = np.random.default_rng(seed)
    log_odds = draws.normal(-3, 1.5, rows)
    is_fraud = draws.random(rows) < 1 / (1 + np.exp(-log_odds))
    return is_fraud, 1 / (1 + np.exp(-honest * log_odds))


def codes(probability):
    return np.digitize(probability, [0.05, 0.5]).astype(np.int8)


@st.composite
def tied_scores(draw):
    count = draw(st.integers(2, 40))
    is_fraud = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    assume(0 < is_fraud.sum() < count)
    score = st.lists(st.sampled_from([0.1, 0.2, 0.5, 0.9]) | st.floats(0, 1), min_size=count, max_size=count)
    return is_fraud, np.array(draw(score)), np.array(draw(score))


@settings(deadline=None)
@given(tied_scores())
def test_cells_have_the_areas_of_their_records(scored):
    is_fraud, *scores = scored
    cells = Cells.of(is_fraud, scores)
    assert cells.counts.sum() == len(is_fraud)
    for test, score in zip(cells.tests, scores, strict=True):
        weights = cells.counts[test.order]
        assert roc_auc(test, weights) == pytest.approx(metrics.roc_auc_score(is_fraud, score))
        assert average_precision(test, weights) == pytest.approx(metrics.average_precision_score(is_fraud, score))


def test_measures_are_those_of_scikit_learn():
    is_fraud, probability = drawn(1)
    outcomes = codes(probability)
    found = measure(is_fraud, probability, outcomes).measures
    expected = {
        "roc_auc": metrics.roc_auc_score(is_fraud, probability),
        "average_precision": metrics.average_precision_score(is_fraud, probability),
        "recall": metrics.recall_score(is_fraud, outcomes >= 1),
        "precision": metrics.precision_score(is_fraud, outcomes >= 1),
        "decline_recall": metrics.recall_score(is_fraud, outcomes == 2),
        "decline_precision": metrics.precision_score(is_fraud, outcomes == 2),
        "observed_to_expected": is_fraud.mean() / probability.mean(),
    }
    for name, number in expected.items():
        assert found[name].estimate == pytest.approx(number), name
        assert found[name].lower < number < found[name].upper, name


def test_the_slope_of_calibration_is_that_of_a_logistic_regression():
    is_fraud, probability = drawn(2, honest=1.6)
    log_odds = np.log(probability / (1 - probability))[:, None]
    fitted = linear_model.LogisticRegression(C=np.inf, tol=1e-10).fit(log_odds, is_fraud)
    found = calibration_slope(is_fraud, probability)
    assert found.estimate == pytest.approx(fitted.coef_[0, 0], rel=1e-5)
    assert found.lower < 1 / 1.6 < found.upper < 1


def test_honest_probabilities_have_a_calibration_error_that_chance_explains():
    is_fraud, probability = drawn(3, 50_000)
    found = measure(is_fraud, probability, codes(probability))
    assert found.measures["calibration_error"].estimate < 1.5 * found.calibration_error_by_chance
    assert found.measures["calibration_slope"].lower < 1 < found.measures["calibration_slope"].upper


def test_overconfident_probabilities_show():
    is_fraud, probability = drawn(4, 50_000, honest=2.0)
    found = measure(is_fraud, probability, codes(probability))
    assert found.measures["calibration_error"].lower > 2 * found.calibration_error_by_chance
    assert found.measures["calibration_slope"].upper < 0.7


@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say():
    is_fraud, probability = drawn(99, 100_000)
    whole = measure(is_fraud, probability, codes(probability)).measures
    held = {name: [] for name in ("roc_auc", "average_precision", "recall", "calibration_slope")}
    for seed in range(60):
        is_fraud, probability = drawn(seed, 1_500)
        found = measure(is_fraud, probability, codes(probability), seed=seed).measures
        for name, hits in held.items():
            hits.append(found[name].lower <= whole[name].estimate <= found[name].upper)
    for name, hits in held.items():
        assert np.mean(hits) >= 0.88, name


def test_no_decisions_have_no_measures():
    empty = np.zeros(0)
    found = measure(empty.astype(bool), empty, empty.astype(np.int8))
    assert found == Performance(0, 0, {}, None)


def test_a_ranking_of_too_few_frauds_is_not_measured():
    is_fraud = np.arange(1_000) < FEWEST - 1
    found = measure(is_fraud, np.linspace(0.9, 0.1, 1_000), np.zeros(1_000, np.int8)).measures
    assert "roc_auc" not in found
    assert found["recall"].estimate == 0
    assert "precision" not in found  # nothing was caught


def test_scores_that_part_the_classes_have_no_slope_but_the_rest():
    is_fraud = np.arange(1_000) < 50
    found = measure(is_fraud, np.where(is_fraud, 0.9, 0.01), np.where(is_fraud, 2, 0).astype(np.int8)).measures
    assert found["roc_auc"] == (1, 1, 1)
    assert "calibration_slope" not in found


def test_one_score_for_all_measures_what_it_can():
    is_fraud = np.arange(1_000) < 50
    found = measure(is_fraud, np.full(1_000, 0.05), np.zeros(1_000, np.int8)).measures
    assert found["roc_auc"].estimate == 0.5
    assert found["observed_to_expected"].estimate == pytest.approx(1)
    assert "calibration_slope" not in found


def test_probabilities_of_0_and_1_are_measured():
    is_fraud, probability = drawn(5)
    found = measure(is_fraud, np.round(probability), np.zeros(5_000, np.int8)).measures
    assert all(np.isfinite(estimate).all() for estimate in found.values())


def test_the_same_scores_differ_by_nothing():
    is_fraud, probability = drawn(6)
    for difference in ranking_differences(is_fraud, probability, probability).values():
        assert difference == (0, 0, 0)


def test_a_paired_interval_is_narrower_than_that_of_either():
    is_fraud, probability = drawn(7)
    noisy = probability * np.exp(np.random.default_rng(1).normal(0, 0.2, len(probability)))
    alone = measure(is_fraud, probability, codes(probability)).measures
    for name, difference in ranking_differences(is_fraud, probability, noisy).items():
        assert difference.lower < difference.estimate < difference.upper
        assert difference.upper - difference.lower < 0.7 * (alone[name].upper - alone[name].lower)


def test_a_seed_gives_the_same_intervals_again():
    is_fraud, probability = drawn(8)
    assert ranking_differences(is_fraud, probability, probability**2 + is_fraud * 0.01, seed=3) == ranking_differences(
        is_fraud, probability, probability**2 + is_fraud * 0.01, seed=3
    )
