"""An evaluation has every metric with its interval, beside the best that is possible."""

import json

import numpy as np
import pytest

from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.training.evaluate import evaluate, evaluate_bundle
from fraud_detection_api.training.load import dataset_from_frame
from fraud_detection_api.training.metrics import METRICS
from fraud_detection_api.training.synthetic import simulate_credit_records
from support.builders import credit_files


@pytest.fixture(scope="module")
def scored() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    probability = rng.beta(1, 9, 2000)
    return rng.random(2000) < probability, probability


@pytest.mark.parametrize("name", METRICS)
def test_an_interval_holds_its_value(scored, name):
    estimate = evaluate(*scored).metrics[name]
    assert estimate.low <= estimate.value <= estimate.high
    assert estimate.low < estimate.high


def test_every_metric_is_there_with_the_counts(scored):
    evaluation = evaluate(*scored)
    assert list(evaluation.metrics) == list(METRICS)
    assert (evaluation.rows, evaluation.frauds) == (2000, scored[0].sum())


def test_the_same_seed_gives_the_same_intervals(scored):
    assert evaluate(*scored, seed=3) == evaluate(*scored, seed=3)


def test_another_seed_gives_other_intervals_and_the_same_values(scored):
    one, other = evaluate(*scored, seed=3).metrics["roc_auc"], evaluate(*scored, seed=4).metrics["roc_auc"]
    assert one.value == other.value
    assert one.low != other.low


def test_more_records_have_narrower_intervals(scored):
    is_fraud, probability = scored
    few, many = evaluate(is_fraud[:200], probability[:200]), evaluate(is_fraud, probability)
    width = {n: e.metrics["roc_auc"].high - e.metrics["roc_auc"].low for n, e in (("few", few), ("many", many))}
    assert width["many"] < width["few"] / 2


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    covered = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        is_fraud = rng.random(400) < 0.2
        brier = evaluate(is_fraud, np.full(400, 0.2), seed=seed).metrics["brier"]
        covered += brier.low <= 0.16 <= brier.high
    assert covered >= 34


def test_without_known_probabilities_there_is_no_limit(scored):
    assert {estimate.bayes_limit for estimate in evaluate(*scored).metrics.values()} == {None}


def test_the_limit_is_the_metric_of_the_true_probabilities(scored):
    is_fraud, known = scored
    noisy = np.clip(known + np.random.default_rng(1).normal(0, 0.1, len(known)), 0.001, 0.999)
    metrics = evaluate(is_fraud, noisy, known_probability=known).metrics
    assert metrics["roc_auc"].bayes_limit == evaluate(is_fraud, known).metrics["roc_auc"].value
    assert metrics["roc_auc"].value < metrics["roc_auc"].bayes_limit
    assert metrics["log_loss"].value > metrics["log_loss"].bayes_limit


def test_replicates_always_hold_both_classes():
    metrics = evaluate(np.arange(12) < 1, np.linspace(0.9, 0.1, 12)).metrics
    assert metrics["roc_auc"].low == 1.0
    assert np.isfinite(metrics["average_precision"].low)


def test_an_evaluation_is_json(scored):
    document = evaluate(*scored).as_json()
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_a_bundle_is_evaluated_on_records_it_has_not_seen():
    bundle = read_bundle(credit_files(), source="test")
    dataset = dataset_from_frame(simulate_credit_records(4000, seed=77), load_contract("credit"), source="later")
    evaluation = evaluate_bundle(bundle, dataset)
    auc = evaluation.metrics["roc_auc"]
    assert (evaluation.rows, evaluation.frauds) == (4000, dataset.is_fraud.sum())
    assert 0.8 < auc.value < auc.bayes_limit


@pytest.mark.parametrize("name", METRICS)
def test_an_interval_stays_within_what_the_metric_can_be(name):
    is_fraud = np.arange(60) < 6
    estimate = evaluate(is_fraud, np.where(is_fraud, 0.9, 0.1) + np.linspace(0, 0.05, 60)).metrics[name]
    assert 0 <= estimate.low <= estimate.high
    assert name == "log_loss" or estimate.high <= 1
