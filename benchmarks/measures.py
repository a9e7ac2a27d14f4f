"""Figures of a protocol's folds."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.protocols import card_precision
from benchmarks.rivals import Scores
from fraud_detection_api.training.dataset import Dataset
from fraud_detection_api.training.metrics import ScoredTest, average_precision, expected_calibration_error, roc_auc

DRAWS = 200


@dataclass(frozen=True)
class Row:
    """A line of a table: mean figures of the folds, calibration of all their predictions, seconds of all trainings."""

    name: str
    figures: dict[str, float]
    source: str
    seconds: float | None = None
    calibration: dict[str, float] = field(default_factory=dict)


def measure(name: str, metrics: Sequence[str], folds: Sequence[tuple[Dataset, Scores]], seconds: float) -> Row:
    """A row from the test part and the scores of each fold."""
    figures = [_figures(metrics, test, scores["probability"]) for test, scores in folds]
    means = {metric: float(np.mean([figure[metric] for figure in figures])) for metric in metrics}
    return Row(name, means, "measured", seconds, _calibration(folds))


def _figures(metrics: Sequence[str], test: Dataset, score: NDArray[np.float64]) -> dict[str, float]:
    ranked, ones = ScoredTest.sort(test.is_fraud, score), np.ones(len(test))
    found = {"AUC": roc_auc(ranked, ones), "AP": average_precision(ranked, ones)}
    return found | ({"CP@100": card_precision(test, score)} if "CP@100" in metrics else {})


def _calibration(folds: Sequence[tuple[Dataset, Scores]]) -> dict[str, float]:
    is_fraud = np.concatenate([test.is_fraud for test, _scores in folds])
    probability = np.concatenate([scores["probability"] for _test, scores in folds]).astype(np.float64)
    found = {"ECE": calibration_error(is_fraud, probability), "ECE of a perfect one": noise_floor(probability)}
    if all("before" in scores for _test, scores in folds):
        before = np.concatenate([scores["before"] for _test, scores in folds])
        found["ECE before calibration"] = calibration_error(is_fraud, before)
    return found


def calibration_error(is_fraud: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    """The product's expected calibration error, over 20 bins of equal count."""
    return expected_calibration_error(ScoredTest.sort(is_fraud, probability), np.ones(len(is_fraud)))


def noise_floor(probability: NDArray[np.float64]) -> float:
    """Mean calibration error of labels that are drawn from the probabilities themselves: what chance alone makes."""
    rng = np.random.default_rng(0)
    draws = [calibration_error(rng.random(len(probability)) < probability, probability) for _ in range(DRAWS)]
    return float(np.mean(draws))
