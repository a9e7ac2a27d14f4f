"""What single columns do in the model: their importance, and the mean probability when one is set to a value."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.statistics.estimates import Z, all_six_digits, six_digits


def importance(
    column_names: Sequence[str], booster_gain: Mapping[str, float], contributions: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Every column's share of the total gain and its mean |SHAP value|, the largest mean first.

    `booster_gain` is the total gain by column name (a column that no tree splits is absent); `contributions` is float64
    (k, columns): SHAP values of k records in log-odds before calibration, without the bias. `low` and `high` are the
    normal 95 % interval of the mean over records. Gain is measured on the training part and favours columns with many
    values. Source: Lundberg et al., "From local explanations to global understanding with explainable AI for trees",
    Nature Machine Intelligence 2, 2020.
    """
    total = sum(booster_gain.values()) or 1.0
    sizes = np.abs(contributions)
    means, errors = sizes.mean(axis=0), sizes.std(axis=0) / np.sqrt(len(sizes))
    order = np.argsort(-means, kind="stable")
    return [
        {
            "column": column_names[index],
            "gain_share": six_digits(booster_gain.get(column_names[index], 0.0) / total),
            "mean_abs_contribution": six_digits(means[index]),
            "low": six_digits(max(0.0, means[index] - Z * errors[index])),
            "high": six_digits(means[index] + Z * errors[index]),
        }
        for index in order
    ]


GRID = 20
SAMPLE = 500
LEVELS_NAMED = 3

Score: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""Matrix float32 (k, columns) → calibrated fraud probabilities float64 (k,)."""


def partial_dependence(
    score: Score,
    matrix: NDArray[np.float32],
    column_index: int,
    *,
    column: str,
    level_codes: Mapping[str, float] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Mean probability over at most SAMPLE records with the column set to each of at most GRID values.

    `matrix` is float32 (n, columns), NaN for missing. Values are quantiles from 1 % to 99 %; for a category
    (`level_codes`: level → code) they are the most frequent codes, and `labels` names their levels. `low` and `high` are
    the 10 % and 90 % quantiles of the records' probabilities; `rows_at` counts the records of `matrix` that are nearest to
    each value. Where values are missing, `missing` is the same for NaN. Source: Friedman, "Greedy function
    approximation", Annals of Statistics 29, 2001. It misleads where columns are correlated: it then averages over records
    that do not exist.
    """
    values = matrix[:, column_index]
    present = values[~np.isnan(values)]
    grid, labels = _levels(level_codes, present) if level_codes is not None else (_quantiles(present), None)
    chosen = np.random.default_rng(seed).permutation(len(matrix))[:SAMPLE]
    sample = matrix[np.sort(chosen)]
    answers = [_answer(score, sample, column_index, value) for value in grid]
    document: dict[str, Any] = {"column": column, "values": all_six_digits(grid.astype(np.float64))}
    document |= {"labels": labels} if labels is not None else {}
    document |= {name: [answer[name] for answer in answers] for name in ("probability", "low", "high")}
    document["rows_at"] = _nearest(grid, present)
    if len(present) < len(values):
        missing = _answer(score, sample, column_index, np.float32(np.nan))
        document["missing"] = {**missing, "rows_at": len(values) - len(present)}
    return document


def _answer(score: Score, sample: NDArray[np.float32], column_index: int, value: np.float32) -> dict[str, float]:
    changed = sample.copy()
    changed[:, column_index] = value
    probability = score(changed)
    low, high = np.quantile(probability, [0.1, 0.9])
    return {"probability": six_digits(float(probability.mean())), "low": six_digits(low), "high": six_digits(high)}


def _quantiles(present: NDArray[np.float32]) -> NDArray[np.float32]:
    if not present.size:
        return present
    return np.unique(np.quantile(present, np.linspace(0.01, 0.99, GRID), method="lower"))


def _levels(level_codes: Mapping[str, float], present: NDArray[np.float32]) -> tuple[NDArray[np.float32], list[str]]:
    """Rising codes of the most frequent levels, and a label for each; levels with the same code share it."""
    names = defaultdict(list)
    for level, code in level_codes.items():
        names[np.float32(code)].append(level)
    codes, counts = np.unique(present, return_counts=True)
    frequent = codes[np.argsort(-counts, kind="stable")[:GRID]]
    grid = np.sort(frequent)
    return grid, [_label(names[code]) for code in grid]


def _label(levels: list[str]) -> str:
    """Names of the levels that share a code.

    >>> _label(["a", "b", "c", "d"]), _label([])
    ('a, b, c and 1 more', '(other)')
    """
    more = f" and {len(levels) - LEVELS_NAMED} more" if len(levels) > LEVELS_NAMED else ""
    return ", ".join(levels[:LEVELS_NAMED]) + more if levels else "(other)"


def _nearest(grid: NDArray[np.float32], present: NDArray[np.float32]) -> list[int]:
    if not grid.size:
        return []
    between = (grid[:-1].astype(np.float64) + grid[1:]) / 2
    counts: list[int] = np.bincount(np.searchsorted(between, present), minlength=len(grid)).tolist()
    return counts
