"""Figures of a protocol's folds."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.rivals import Scores
from fraud_detection_api.statistics.metrics import average_precision, expected_calibration_error, log_loss, roc_auc
from fraud_detection_api.statistics.scored import ScoredTest
from fraud_detection_api.training.data.dataset import Dataset

DRAWS = 200
SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class NoiseFloor:
    """Calibration error that chance alone makes of a perfectly calibrated model: mean, and what 95 % stay below."""

    mean: float
    most: float


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Calibration error of all folds' predictions, `before` a model's own calibration where it has one, beside chance."""

    error: float
    floor: NoiseFloor
    before: float | None = None


@dataclass(frozen=True)
class Row:
    """A line of a table: mean figures of the folds, calibration of all their predictions, seconds of all trainings.

    `errors` are the standard errors of the means; folds that share training records make them smaller than they should be.
    """

    name: str
    figures: dict[str, float]
    source: str
    seconds: float | None = None
    calibration: Calibrated | None = None
    errors: dict[str, float] = field(default_factory=dict)


def measure(name: str, metrics: Sequence[str], folds: Sequence[tuple[Dataset, Scores]], seconds: float) -> Row:
    """A row from the test part and the scores of each fold."""
    figures = [_figures(metrics, test, scores["probability"]) for test, scores in folds]
    columns = {metric: np.array([figure[metric] for figure in figures]) for metric in metrics}
    means = {metric: float(np.mean(column)) for metric, column in columns.items()}
    errors = {metric: float(np.std(column, ddof=1) / np.sqrt(len(column))) for metric, column in columns.items()}
    return Row(name, means, "measured here", seconds, _calibration(folds), errors)


def card_precision(test: Dataset, score: NDArray[np.float64], *, alerts: int = 100) -> float:
    """Share of defrauded customers among the `alerts` highest scoring ones of a day, mean over the days.

    A customer counts with the highest score of the day, and no more once found defrauded on an earlier day.
    Source: Le Borgne et al., "Reproducible Machine Learning for Credit Card Fraud Detection", 2022, chapter 4.
    """
    assert test.entity is not None
    assert test.seconds is not None
    days = np.floor(test.seconds / SECONDS_A_DAY)
    found: set[int] = set()
    precisions = []
    for day in np.unique(days):
        rows = np.flatnonzero((days == day) & ~np.isin(test.entity, list(found)))
        order = rows[np.lexsort((test.entity[rows], -score[rows]))]
        customers = list(dict.fromkeys(test.entity[order].tolist()))[:alerts]
        defrauded = set(test.entity[rows[test.is_fraud[rows]]].tolist()).intersection(customers)
        precisions.append(len(defrauded) / alerts)
        found |= defrauded
    return float(np.mean(precisions))


def calibration_error(is_fraud: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    """The product's expected calibration error, over 20 bins of equal count."""
    return expected_calibration_error(ScoredTest.sort(is_fraud, probability), np.ones(len(is_fraud)))


def noise_floor(probability: NDArray[np.float64], rows: NDArray[np.int64]) -> NoiseFloor:
    """Calibration error of labels that are drawn from the probabilities, float64 (n,), themselves.

    `rows` int64 (n,) numbers the records: one that was scored by several repeats has one label, and that is no more
    evidence than one record gives.
    """
    rng = np.random.default_rng(0)
    _records, place = np.unique(rows, return_inverse=True)
    count = int(place.max()) + 1
    errors = [calibration_error(rng.random(count)[place] < probability, probability) for _ in range(DRAWS)]
    return NoiseFloor(float(np.mean(errors)), float(np.quantile(errors, 0.95)))


def _figures(metrics: Sequence[str], test: Dataset, score: NDArray[np.float64]) -> dict[str, float]:
    ranked, ones = ScoredTest.sort(test.is_fraud, score), np.ones(len(test))
    found = {"AUC": roc_auc(ranked, ones), "AP": average_precision(ranked, ones), "log loss": log_loss(ranked, ones)}
    return found | ({"CP@100": card_precision(test, score)} if "CP@100" in metrics else {})


def _calibration(folds: Sequence[tuple[Dataset, Scores]]) -> Calibrated:
    is_fraud = np.concatenate([test.is_fraud for test, _scores in folds])
    rows = np.concatenate([test.rows for test, _scores in folds])
    probability = np.concatenate([scores["probability"] for _test, scores in folds]).astype(np.float64)
    before = [scores["before"] for _test, scores in folds if "before" in scores]
    return Calibrated(
        calibration_error(is_fraud, probability),
        noise_floor(probability, rows),
        calibration_error(is_fraud, np.concatenate(before)) if before else None,
    )
