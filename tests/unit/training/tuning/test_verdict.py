"""The best settings of a study are compared with the defaults on records that neither was chosen on."""

from dataclasses import replace

import pytest

from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.splits import SplitSettings, hold_out
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from fraud_detection_api.training.evaluate import score_dataset
from fraud_detection_api.training.fit_scorer import ScorerFitter
from fraud_detection_api.training.train_xgboost import XGBoostSettings
from fraud_detection_api.training.tuning.objective import Objective
from fraud_detection_api.training.tuning.verdict import Candidate, judge

USEFUL = XGBoostSettings(folds=2, max_rounds=60, max_bin=64, learning_rate=0.2)
USELESS = replace(USEFUL, max_rounds=1, learning_rate=1e-6)
OBJECTIVE = Objective("roc_auc")


@pytest.fixture(scope="module")
def data():
    return dataset_from_frame(simulate_credit_records(4000, seed=6), load_contract("credit"), source="simulated")


def verdict_on(data, default: XGBoostSettings, best: XGBoostSettings):
    split = hold_out(data, SplitSettings(), seed=1)
    both = [Candidate(ScorerFitter(settings, seed=1, threads=1), data) for settings in (default, best)]
    return judge(*both, split, OBJECTIVE, on_progress=lambda _share: None), both, split


def test_better_settings_are_better_on_held_out_records(data):
    found, both, split = verdict_on(data, USELESS, USEFUL)
    assert found.is_better
    assert found.records == len(split.test)
    assert found.difference.lower < found.difference.estimate < found.difference.upper
    assert found.difference.estimate == pytest.approx(found.best - found.default)
    fitted = both[1].fitter.fit(data.take(split.train))
    test = data.take(split.test)
    assert found.best == OBJECTIVE.value(test.is_fraud, score_dataset(fitted.scorer, test).probabilities)


@pytest.mark.parametrize("default", [USEFUL, USELESS])
def test_settings_that_gain_nothing_are_not_better(data, default):
    found, _, _ = verdict_on(data, default, USELESS)
    assert not found.is_better
    assert not found.as_json()["is_better"]
