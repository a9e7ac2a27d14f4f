"""The test part is scored once, and evaluated before and after calibration."""

from dataclasses import replace

import numpy as np
import pytest

from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.training.calibrate import deployment_weights, uncalibrated
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from fraud_detection_api.training.evaluate import evaluate, score_dataset
from fraud_detection_api.training.fit_scorer import ScorerFitter
from fraud_detection_api.training.measured import measure
from fraud_detection_api.training.train_xgboost import XGBoostSettings

FITTER = ScorerFitter(XGBoostSettings(folds=2, max_rounds=12, max_bin=64, learning_rate=0.3), seed=1, threads=1)


def simulated(seed):
    frame = simulate_credit_records(1000, seed=seed, fraud_rate=0.1)
    return dataset_from_frame(frame, load_contract("credit"), source="simulated")


@pytest.fixture(scope="module")
def test_part():
    return simulated(2)


@pytest.fixture(scope="module")
def fitted():
    return FITTER.fit(simulated(1))


def test_it_holds_what_the_scorer_says_and_how_good_that_is(fitted, test_part):
    measured = measure(FITTER, fitted, test_part)
    margins, probability = score_dataset(fitted.scorer, test_part)
    np.testing.assert_array_equal(measured.probability, probability)
    np.testing.assert_array_equal(measured.raw_probability, uncalibrated(margins))
    known = test_part.known_probability
    assert measured.after == evaluate(test_part.is_fraud, probability, known_probability=known, seed=1)
    assert measured.before == evaluate(test_part.is_fraud, uncalibrated(margins), known_probability=known, seed=1)


def test_where_another_share_is_met_there_are_weights_and_no_known_limit(fitted, test_part):
    measured = measure(replace(FITTER, deployed_base_rate=0.01), fitted, test_part)
    np.testing.assert_array_equal(measured.weights, deployment_weights(test_part.is_fraud, 0.01))
    assert {estimate.bayes_limit for estimate in measured.after.metrics.values()} == {None}
