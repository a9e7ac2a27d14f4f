"""A logistic scorecard, the baseline that a model must beat: what a bank would use without trees."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from fraud_detection_api.training.calibrate import prior_shift
from fraud_detection_api.training.data.dataset import Dataset

MOST_LEVELS, FEWEST_RECORDS = 20, 20
"""Levels of a category that get a column of their own: the most frequent ones, with enough records. Others share none."""
MOST_ROWS = 200_000
_TAILS = (0.005, 0.995)

Columns = Callable[[Dataset], Iterator[NDArray[np.float64]]]


@dataclass(frozen=True)
class Scorecard:
    """A logistic regression on standardised numbers, flags for missing values, and flags for frequent levels."""

    rows: int
    columns: int
    _encode: Callable[[Dataset], NDArray[np.float32]]
    _regression: LogisticRegression
    _shift: float

    @classmethod
    def fit(cls, train: Dataset, *, deployed_base_rate: float | None) -> "Scorecard":
        """Scorecard of all records of `train`, or of MOST_ROWS of them, evenly spaced."""
        some = train.take(np.linspace(0, len(train) - 1, min(len(train), MOST_ROWS)).astype(np.int64))
        encoders = [_column_encoder(some, name) for name in some.records.column_names]

        def encode(data: Dataset) -> NDArray[np.float32]:
            columns = [column.astype(np.float32) for encoder in encoders for column in encoder(data)]
            return np.stack(columns or [np.zeros(len(data), np.float32)], axis=1)

        matrix = encode(some)
        regression = LogisticRegression(C=1.0, solver="lbfgs", max_iter=300)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a baseline may be a little less than optimal
            regression.fit(matrix, some.is_fraud)
        return cls(len(some), matrix.shape[1], encode, regression, prior_shift(some.base_rate, deployed_base_rate))

    def probabilities(self, data: Dataset) -> NDArray[np.float64]:
        """Fraud probability of each record, float64 (n,)."""
        log_odds = self._regression.decision_function(self._encode(data)).astype(np.float64) + self._shift
        stated: NDArray[np.float64] = np.exp(-np.logaddexp(0, -log_odds))
        return stated


def _column_encoder(train: Dataset, name: str) -> Columns:
    return _levels_encoder(train, name) if name in train.records.levels else _number_encoder(train, name)


def _levels_encoder(train: Dataset, name: str) -> Columns:
    missing = len(train.records.levels[name])
    counts = np.bincount(train.level_numbers(name), minlength=missing + 1)
    frequent = [level for level in np.argsort(-counts, kind="stable")[:MOST_LEVELS] if counts[level] >= FEWEST_RECORDS]
    return lambda data: (np.asarray(data.level_numbers(name) == level, np.float64) for level in frequent)


def _number_encoder(train: Dataset, name: str) -> Columns:
    """The number in standard deviations, with the tails cut off and the mean for missing; and a flag for missing."""
    column = train.records.values(name, train.rows).astype(np.float64)
    present = column[~np.isnan(column)]
    if not present.size:
        return lambda _data: iter(())
    low, high = np.quantile(present, _TAILS)
    centre, spread = float(np.clip(present, low, high).mean()), float(np.clip(present, low, high).std()) or 1.0

    def encode(data: Dataset) -> Iterator[NDArray[np.float64]]:
        values = data.records.values(name, data.rows).astype(np.float64)
        yield np.nan_to_num((np.clip(values, low, high) - centre) / spread, nan=0.0)
        if len(present) < len(column):
            yield np.isnan(values).astype(np.float64)

    return encode
