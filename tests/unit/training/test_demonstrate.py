"""The evidence of a scorer: curves, reasons, and whether more records would help, all on the test part."""

from dataclasses import replace

import numpy as np
import pytest

from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.training import demonstrate as demonstrate_module
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.splits import SplitSettings, hold_out
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from fraud_detection_api.training.demonstrate import demonstrate
from fraud_detection_api.training.evaluate import evaluate, score_dataset
from fraud_detection_api.training.fit_scorer import ScorerFitter, measure
from fraud_detection_api.training.train_xgboost import XGBoostSettings
from support.builders import every_dtype_contract, every_dtype_frame

FITTER = ScorerFitter(XGBoostSettings(folds=2, max_rounds=21, max_bin=64, learning_rate=0.3), seed=1, threads=1)


def parts_of(data):
    split = hold_out(data, SplitSettings(), seed=1)
    return data.take(split.train), data.take(split.test)


@pytest.fixture(scope="module")
def credit():
    frame = simulate_credit_records(2000, seed=3, fraud_rate=0.1)
    return parts_of(dataset_from_frame(frame, load_contract("credit"), source="simulated"))


@pytest.fixture(scope="module")
def fitted(credit):
    return FITTER.fit(credit[0])


def evidence_of(train, test, fitted, *, fitter=FITTER, on_progress=lambda _share: None):
    measured = measure(fitter, fitted, test)
    return demonstrate(
        fitter, fitted, train, measured, training_shares=demonstrate_module.TRAINING_SHARES, on_progress=on_progress
    )


@pytest.fixture(scope="module")
def shown(credit, fitted):
    """The evidence, and the progress that was told on the way."""
    shares: list[float] = []
    return evidence_of(*credit, fitted, on_progress=shares.append), shares


def test_it_is_measured_on_the_test_part(shown, credit):
    evidence, test = shown[0], credit[1]
    assert (evidence["rows"], evidence["frauds"]) == (len(test), int(test.is_fraud.sum()))


def test_the_learning_curve_is_that_of_training(shown, fitted):
    curve = shown[0]["learning_curve"]
    assert curve["kept_rounds"] == list(fitted.trees.rounds)
    assert curve["held_out_log_loss"] == fitted.trees.learning_curve["held_out_log_loss"]


def test_smaller_trainings_end_with_the_whole_training_part(shown, credit, fitted):
    train, test = credit
    sizes = shown[0]["learning_curve"]["training_size"]
    assert [point["rows"] / len(train) for point in sizes] == pytest.approx([1 / 16, 1 / 4, 1], abs=0.01)
    whole = evaluate(test.is_fraud, score_dataset(fitted.scorer, test)[1], seed=1).metrics
    assert sizes[-1]["average_precision"] == whole["average_precision"].estimate
    assert sizes[-1]["roc_auc"] == whole["roc_auc"].estimate
    for point in sizes:
        assert point["low"] <= point["average_precision"] <= point["high"]


def test_trainings_beyond_the_largest_are_left_out(monkeypatch, credit, fitted):
    monkeypatch.setattr(demonstrate_module, "LARGEST_TRAINING", len(credit[0]) // 5)
    sizes = evidence_of(*credit, fitted)["learning_curve"]["training_size"]
    assert [point["rows"] / len(credit[0]) for point in sizes] == pytest.approx([1 / 16, 1], abs=0.01)


def test_of_few_frauds_there_are_no_smaller_trainings(credit):
    train, test = credit
    few = train.take(np.concatenate([np.flatnonzero(train.is_fraud)[:12], np.flatnonzero(~train.is_fraud)]))
    curve = evidence_of(few, test, FITTER.fit(few))["learning_curve"]
    assert "training_size" not in curve
    assert curve["rounds"]


def test_every_column_has_its_importance(shown, credit):
    importance = shown[0]["importance"]
    assert {item["column"] for item in importance} == set(credit[0].records.column_names)
    assert sum(item["gain_share"] for item in importance) == pytest.approx(1.0, abs=1e-4)


def test_progress_rises_to_1(shown):
    shares = shown[1]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_contributions_and_bias_are_the_margin(credit, fitted):
    test = credit[1]
    contributions = demonstrate_module._explained(fitted, test).contributions
    rest = score_dataset(fitted.scorer, test)[0] - contributions.sum(axis=1)
    assert contributions.shape == (len(test), len(test.records.column_names))
    assert np.ptp(rest) < 1e-4  # one bias for all records


def test_where_another_share_is_met_the_evidence_is_of_that_share(credit):
    elsewhere = replace(FITTER, deployed_base_rate=0.01)
    evidence = evidence_of(*credit, elsewhere.fit(credit[0]), fitter=elsewhere)
    assert evidence["base_rate"] == pytest.approx(0.01)


def test_a_categorys_levels_and_its_missing_one_are_shown_by_name():
    train, test = parts_of(dataset_from_frame(every_dtype_frame(), every_dtype_contract(), source="x"))
    evidence = evidence_of(train, test, FITTER.fit(train))
    (channel,) = [item for item in evidence["partial_dependence"] if item["column"] == "channel"]
    assert set(channel["labels"]) == {"web", "branch", "phone", "(missing)"}
    assert evidence["dtypes"]["channel"] == "category"
