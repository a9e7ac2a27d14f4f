"""The test part, scored once for the card, the evidence and the reference histograms."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.training.calibrate import deployment_weights, uncalibrated
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.evaluate import Evaluation, evaluate, score_dataset
from fraud_detection_api.training.fit_scorer import FittedScorer, ScorerFitter


@dataclass(frozen=True, slots=True)
class MeasuredTest:
    """Records that a scorer was not trained on, its scores of them, and how good those are.

    Arrays are (n,): `margins` float32 in log-odds, the others float64. `raw_probability` is the trees' own,
    `probability` the calibrated one; `before` and `after` are their evaluations. `weights` are those of
    `deployment_weights`, None for 1 each.
    """

    data: Dataset
    margins: NDArray[np.float32]
    raw_probability: NDArray[np.float64]
    probability: NDArray[np.float64]
    weights: NDArray[np.float64] | None
    before: Evaluation
    after: Evaluation


def measure(fitter: ScorerFitter, fitted: FittedScorer, test: Dataset) -> MeasuredTest:
    """Score `test` and evaluate the scores, with the fitter's seed and for its deployed share of fraud."""
    margins, probability = score_dataset(fitted.scorer, test)
    raw_probability = uncalibrated(margins)
    weights = deployment_weights(test.is_fraud, fitter.deployed_base_rate)
    known = test.known_probability if weights is None else None
    before, after = (
        evaluate(test.is_fraud, stated, known_probability=known, weights=weights, seed=fitter.seed)
        for stated in (raw_probability, probability)
    )
    return MeasuredTest(test, margins, raw_probability, probability, weights, before, after)
