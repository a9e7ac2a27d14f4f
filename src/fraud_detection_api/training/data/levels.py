"""How the trees read a category: as the number of its level, which they split by sets, or as a rate of fraud."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.encoding import LevelCodes, records_column
from fraud_detection_api.training.data.dataset import Dataset, LevelTables

RARE_RECORDS = 5
"""Fewer records of a level tell nothing of it alone: levels that are split by sets share one number then."""


def split_by_sets(data: Dataset, most_levels: int) -> frozenset[str]:
    """The categories with at most so many levels."""
    counts = {name: _counts(data, name)[:-1] for name in data.records.levels}
    return frozenset(name for name, count in counts.items() if np.count_nonzero(count) <= most_levels)


def learn_level_codes(data: Dataset, by_sets: Collection[str] = ()) -> Mapping[str, LevelCodes]:
    """The numbers of each category: of its levels where it is one of `by_sets`, else rates and frequencies.

    A rate is (frauds + m·prior) / (count + m), m = SMOOTHING. A level without records gets the prior, which is therefore
    the code of unseen levels; missing is a level as well. Source: Micci-Barreca, "A preprocessing scheme for
    high-cardinality categorical attributes", SIGKDD Explorations 3(1), 2001. A frequency is log(1 + count); it tells the
    trees how far to trust the rate.
    """
    return {name: _level_numbers(data, name) if name in by_sets else _rates(data, name) for name in data.records.levels}


def _level_numbers(data: Dataset, name: str) -> LevelCodes:
    """0, 1, … for the levels, the most frequent first; then one number for rare levels, and one for missing.

    An unseen level counts as a rare one or, where there are none, as the most frequent one. So does a missing one, where
    none was missing.
    """
    levels, counts = data.records.levels[name], _counts(data, name)
    order = np.argsort(-counts[:-1], kind="stable").tolist()
    frequent = [number for number in order if counts[number] >= RARE_RECORDS]
    rare = [number for number in order if 0 < counts[number] < RARE_RECORDS]
    codes = {levels[number]: float(code) for code, number in enumerate(frequent)}
    codes |= {levels[number]: float(len(frequent)) for number in rare}
    unseen = float(len(frequent)) if rare else 0.0
    missing = float(len(frequent) + bool(rare)) if counts[-1] else unseen
    return LevelCodes(dict(sorted(codes.items())), unseen=unseen, missing=missing)


def _counts(data: Dataset, name: str) -> NDArray[np.int64]:
    """Records of each level, and of missing ones."""
    return np.bincount(data.level_numbers(name), minlength=len(data.records.levels[name]) + 1)


SMOOTHING = 20.0


def _rates(data: Dataset, name: str) -> LevelCodes:
    levels = data.records.levels[name]
    counts, frauds = _counts(data, name), np.bincount(data.level_numbers(name), data.is_fraud, len(levels) + 1)
    prior = data.base_rate
    rates, frequencies = _smoothed(counts, frauds, prior), np.log1p(counts)
    seen = sorted((level, number) for number, level in enumerate(levels) if counts[number])
    return LevelCodes(
        {level: float(rates[number]) for level, number in seen},
        unseen=prior,
        missing=float(rates[-1]),
        records=LevelCodes(
            {level: float(frequencies[number]) for level, number in seen}, unseen=0.0, missing=float(frequencies[-1])
        )
        if adds_column(data, name)
        else None,
    )


def adds_column(data: Dataset, name: str) -> bool:
    """Whether the frequencies of a category can have a column: none where a feature has the column's name."""
    return records_column(name) not in data.records.column_names


def cross_fitted_tables(data: Dataset, folds: NDArray[np.int64], by_sets: Collection[str] = ()) -> LevelTables:
    """Codes for a training matrix: row k of a table of rates is learned from the records of every fold except k.

    Otherwise a rare level's code would reveal its own records' outcomes, and trees would trust it too much. Counts are
    those of the other folds, scaled to all. The numbers of levels say nothing of outcomes, and have the same rows. `folds`
    is int64 (n,) from 0.
    """
    rows = np.zeros(int(folds.max()) + 1, np.int64)
    numbers = data.tables_of({name: _level_numbers(data, name) for name in data.records.levels if name in by_sets})
    return {
        name: numbers[name][rows] if name in by_sets else _cross_fitted(data, name, folds)
        for name in data.records.levels
    }


def _cross_fitted(data: Dataset, name: str, folds: NDArray[np.int64]) -> NDArray[np.float32]:
    count, width = int(folds.max()) + 1, len(data.records.levels[name]) + 1
    cells = folds * width + data.level_numbers(name)
    counts = np.bincount(cells, minlength=count * width).reshape(count, width)
    frauds = np.bincount(cells, data.is_fraud, minlength=count * width).reshape(count, width)
    others, other_frauds = counts.sum(axis=0) - counts, frauds.sum(axis=0) - frauds
    priors = other_frauds.sum(axis=1, keepdims=True) / others.sum(axis=1, keepdims=True)
    rates, folds_share = _smoothed(others, other_frauds, priors), count / (count - 1)
    columns = [rates, np.log1p(others * folds_share)] if adds_column(data, name) else [rates]
    return np.stack(columns, axis=2).astype(np.float32)


def _smoothed(counts: NDArray[np.int64], frauds: NDArray[Any], prior: Any) -> NDArray[np.float64]:
    return np.asarray((frauds + SMOOTHING * prior) / (counts + SMOOTHING), dtype=np.float64)
