"""An evaluation has every metric with its interval, beside the best that is possible."""

import json

import numpy as np
import pytest

from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.statistics.metrics import METRICS
from fraud_detection_api.tables.checking import check_table
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from fraud_detection_api.training.evaluate import compare, evaluate, evaluate_bundle, score_dataset
from support.builders import credit_files, every_dtype_contract, every_dtype_files, every_dtype_frame


@pytest.fixture(scope="module")
def scored() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    probability = rng.beta(1, 9, 2000)
    return rng.random(2000) < probability, probability


@pytest.mark.parametrize("name", METRICS)
def test_an_interval_holds_its_value(scored, name):
    estimate = evaluate(*scored).metrics[name]
    assert estimate.lower <= estimate.estimate <= estimate.upper
    assert estimate.lower < estimate.upper


def test_every_metric_is_there_with_the_counts(scored):
    evaluation = evaluate(*scored)
    assert list(evaluation.metrics) == list(METRICS)
    assert (evaluation.rows, evaluation.frauds) == (2000, scored[0].sum())


@pytest.mark.parametrize("fraud", [False, True])
def test_with_one_class_there_is_what_is_defined(scored, fraud):
    evaluation = evaluate(np.full(2000, fraud), scored[1])
    assert set(evaluation.metrics) == {"brier", "log_loss", "expected_calibration_error"}
    assert evaluation.frauds == 2000 * fraud
    assert evaluation.metrics["brier"].lower < evaluation.metrics["brier"].upper


def test_the_same_seed_gives_the_same_intervals(scored):
    assert evaluate(*scored, seed=3) == evaluate(*scored, seed=3)


def test_another_seed_gives_other_intervals_and_the_same_values(scored):
    one, other = evaluate(*scored, seed=3).metrics["roc_auc"], evaluate(*scored, seed=4).metrics["roc_auc"]
    assert one.estimate == other.estimate
    assert one.lower != other.lower


def test_more_records_have_narrower_intervals(scored):
    is_fraud, probability = scored
    few, many = evaluate(is_fraud[:200], probability[:200]), evaluate(is_fraud, probability)
    width = {n: e.metrics["roc_auc"].upper - e.metrics["roc_auc"].lower for n, e in (("few", few), ("many", many))}
    assert width["many"] < width["few"] / 2


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    covered = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        is_fraud = rng.random(400) < 0.2
        brier = evaluate(is_fraud, np.full(400, 0.2), seed=seed).metrics["brier"]
        covered += brier.lower <= 0.16 <= brier.upper
    assert covered >= 34


def test_without_known_probabilities_there_is_no_limit(scored):
    assert evaluate(*scored).bayes_limits == {}


def test_the_limit_is_the_metric_of_the_true_probabilities(scored):
    is_fraud, known = scored
    noisy = np.clip(known + np.random.default_rng(1).normal(0, 0.1, len(known)), 0.001, 0.999)
    found = evaluate(is_fraud, noisy, known_probability=known)
    metrics, limits = found.metrics, found.bayes_limits
    assert limits["roc_auc"] == evaluate(is_fraud, known).metrics["roc_auc"].estimate
    assert metrics["roc_auc"].estimate < limits["roc_auc"]
    assert metrics["log_loss"].estimate > limits["log_loss"]


def test_replicates_always_hold_both_classes():
    metrics = evaluate(np.arange(12) < 1, np.linspace(0.9, 0.1, 12)).metrics
    assert metrics["roc_auc"].lower == 1.0
    assert np.isfinite(metrics["average_precision"].lower)


def test_an_evaluation_is_json(scored):
    document = evaluate(*scored).as_json()
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_a_bundle_is_evaluated_on_records_it_has_not_seen():
    bundle = read_bundle(credit_files(), source="test")
    dataset = dataset_from_frame(simulate_credit_records(4000, seed=77), load_contract("credit"), source="later")
    evaluation, _outcomes = evaluate_bundle(bundle, dataset)
    auc = evaluation.metrics["roc_auc"]
    assert (evaluation.rows, evaluation.frauds) == (4000, dataset.is_fraud.sum())
    assert 0.8 < auc.estimate < evaluation.bayes_limits["roc_auc"]


@pytest.mark.parametrize("name", METRICS)
def test_an_interval_stays_within_what_the_metric_can_be(name):
    is_fraud = np.arange(60) < 6
    estimate = evaluate(is_fraud, np.where(is_fraud, 0.9, 0.1) + np.linspace(0, 0.05, 60)).metrics[name]
    assert 0 <= estimate.lower <= estimate.upper
    assert name == "log_loss" or estimate.upper <= 1


def test_equal_weights_change_nothing(scored):
    weighted = evaluate(*scored, weights=np.ones(len(scored[0])))
    assert weighted == evaluate(*scored)


@pytest.mark.parametrize("name", sorted(set(METRICS) - {"expected_calibration_error"}))  # whose bins are of equal count
def test_a_weight_of_three_is_three_records(scored, name):
    is_fraud, probability = (column[:400] for column in scored)
    times = np.where(np.arange(400) % 3 == 0, 3, 1)
    weighted = evaluate(is_fraud, probability, weights=times.astype(float)).metrics[name]
    repeated = evaluate(np.repeat(is_fraud, times), np.repeat(probability, times)).metrics[name]
    assert weighted.estimate == pytest.approx(repeated.estimate)


def test_weights_move_the_interval_with_the_value(scored):
    weights = np.where(scored[0], 0.2, 1.0)
    plain, weighted = (evaluate(*scored, weights=w).metrics["average_precision"] for w in (None, weights))
    assert weighted.lower <= weighted.estimate <= weighted.upper < plain.lower


def test_records_that_weigh_next_to_nothing_do_not_narrow_the_interval(scored):
    weights = np.where(np.arange(2000) < 200, 1.0, 1e-9)
    whole, few = (evaluate(*scored, weights=w).metrics["roc_auc"] for w in (None, weights))
    assert few.upper - few.lower > 2 * (whole.upper - whole.lower)


def test_counts_are_of_records_whatever_they_weigh(scored):
    evaluation = evaluate(*scored, weights=np.full(len(scored[0]), 0.5))
    assert (evaluation.rows, evaluation.frauds) == (2000, scored[0].sum())


PAIRED = {name: METRICS[name] for name in ("roc_auc", "average_precision", "log_loss")}


def test_a_model_does_not_differ_from_itself(scored):
    is_fraud, probability = scored
    found = compare(is_fraud, probability, probability, metrics=PAIRED)
    assert list(found) == list(PAIRED)
    assert {(d.estimate, d.lower, d.upper) for d in found.values()} == {(0.0, 0.0, 0.0)}


def noisier(probability: np.ndarray, noise: float) -> np.ndarray:
    return np.clip(probability + np.random.default_rng(1).normal(0, noise, len(probability)), 0.001, 0.999)


def test_a_clearly_better_model_is_better_beyond_chance(scored):
    is_fraud, probability = scored
    found = compare(is_fraud, probability, noisier(probability, 0.2), metrics=PAIRED)
    assert found["roc_auc"].lower > 0
    assert found["average_precision"].lower > 0
    assert found["log_loss"].upper < 0


def test_a_difference_is_that_of_the_two_evaluations(scored):
    is_fraud, probability = scored
    baseline = noisier(probability, 0.05)
    one, other = (evaluate(is_fraud, stated).metrics for stated in (probability, baseline))
    for name, found in compare(is_fraud, probability, baseline, metrics=PAIRED).items():
        assert found.estimate == pytest.approx(one[name].estimate - other[name].estimate)
        assert found.lower <= found.estimate <= found.upper


def test_turned_round_a_difference_changes_its_sign(scored):
    is_fraud, probability = scored
    baseline = noisier(probability, 0.05)
    forwards = compare(is_fraud, probability, baseline, metrics={"roc_auc": METRICS["roc_auc"]})["roc_auc"]
    backwards = compare(is_fraud, baseline, probability, metrics={"roc_auc": METRICS["roc_auc"]})["roc_auc"]
    assert (backwards.estimate, backwards.lower, backwards.upper) == pytest.approx(
        (-forwards.estimate, -forwards.upper, -forwards.lower)
    )


def test_the_paired_interval_is_much_narrower_than_that_of_one_model(scored):
    is_fraud, probability = scored
    paired = compare(is_fraud, probability, noisier(probability, 0.01), metrics={"roc_auc": METRICS["roc_auc"]})[
        "roc_auc"
    ]
    alone = evaluate(is_fraud, probability).metrics["roc_auc"]
    assert paired.upper - paired.lower < (alone.upper - alone.lower) / 3


def test_the_same_seed_compares_alike(scored):
    is_fraud, probability = scored
    runs = [compare(is_fraud, probability, noisier(probability, 0.05), metrics=PAIRED, seed=s) for s in (3, 3, 4)]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize("case", ["credit", "every dtype"])
def test_a_dataset_scores_as_serving_would_to_the_bit(case, monkeypatch):
    from fraud_detection_api.training.data import dataset as dataset_module

    if case == "credit":
        frame, contract, files = simulate_credit_records(500, seed=9), load_contract("credit"), credit_files()
    else:
        frame, contract, files = every_dtype_frame(500), every_dtype_contract(), every_dtype_files()
    scorer = read_bundle(files, source="test").scorer
    monkeypatch.setattr(dataset_module, "BLOCK_ROWS", 130)
    found = score_dataset(scorer, dataset_from_frame(frame, contract, source="x"))
    for got, served in zip(found, scorer.score(check_table(frame, contract).columns), strict=True):
        np.testing.assert_array_equal(got, served)
