"""Numbers for category levels, learned from the target."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.encoding import LevelCodes
from fraud_detection_api.training.data.dataset import Dataset, LevelTables

SMOOTHING = 20.0


def learn_level_codes(data: Dataset) -> Mapping[str, LevelCodes]:
    """Smoothed fraud rate of each category's levels: (frauds + m·prior) / (count + m), m = SMOOTHING.

    A level without records gets the prior, which is therefore the code of unseen levels; missing is a level as well.
    Source: Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes", SIGKDD Explorations 3(1),
    2001.
    """
    return {name: _level_codes(data, name) for name in data.records.levels}


def _level_codes(data: Dataset, name: str) -> LevelCodes:
    levels = data.records.levels[name]
    numbers = data.level_numbers(name)
    counts = np.bincount(numbers, minlength=len(levels) + 1)
    prior = data.base_rate
    rates = _smoothed(counts, np.bincount(numbers, data.is_fraud, minlength=len(levels) + 1), prior)
    seen = {level: float(rates[number]) for number, level in enumerate(levels) if counts[number]}
    return LevelCodes(dict(sorted(seen.items())), unseen=prior, missing=float(rates[-1]))


def cross_fitted_tables(data: Dataset, folds: NDArray[np.int64]) -> LevelTables:
    """Codes for a training matrix: row k of a table is learned from the records of every fold except k.

    Otherwise a rare level's code would reveal its own records' outcomes, and trees would trust it too much.
    `folds` is int64 (n,) from 0.
    """
    return {name: _cross_fitted(data, name, folds) for name in data.records.levels}


def _cross_fitted(data: Dataset, name: str, folds: NDArray[np.int64]) -> NDArray[np.float32]:
    count, width = int(folds.max()) + 1, len(data.records.levels[name]) + 1
    cells = folds * width + data.level_numbers(name)
    counts = np.bincount(cells, minlength=count * width).reshape(count, width)
    frauds = np.bincount(cells, data.is_fraud, minlength=count * width).reshape(count, width)
    others, other_frauds = counts.sum(axis=0) - counts, frauds.sum(axis=0) - frauds
    priors = other_frauds.sum(axis=1, keepdims=True) / others.sum(axis=1, keepdims=True)
    return _smoothed(others, other_frauds, priors).astype(np.float32)


def _smoothed(counts: NDArray[np.int64], frauds: NDArray[Any], prior: Any) -> NDArray[np.float64]:
    return np.asarray((frauds + SMOOTHING * prior) / (counts + SMOOTHING), dtype=np.float64)
