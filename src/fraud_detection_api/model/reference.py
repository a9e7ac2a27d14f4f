"""Reference histograms, for drift; and golden rows, made-up records drawn from their edges so that none is a customer.

A bundle stores the exact scores of its golden rows, and is not served unless it reproduces them.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import Columns
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.levels import composed_counts

BINS = 20


LEAST_RECORDS = 20
"""The frauds of a level are counted from so many records on."""

WORDING = 2
"""The edition of the words in which reasons place values. Bundles that name none have the first; a replay repeats it."""


class Training(NamedTuple):
    """What else is known of the training data: a function to its derived features, and who was fraud, bool (n,)."""

    derived: Callable[[str], NDArray[np.floating[Any]]]
    is_fraud: NDArray[np.bool_]


def reference_histograms(
    contract: Contract, columns: Columns, probabilities: NDArray[np.float64], training: Training | None = None
) -> dict[str, Any]:
    """JSON value: counts of each feature over quantile bins (levels, for a category), and of the probabilities given.

    A bin holds `edges[i] <= value < edges[i + 1]`, the last one its right edge too, which may be its left edge as well.
    `missing` is the count of NaN. With `training`, there are counts of derived features, of records and frauds, and of the
    frauds in each bin, and of each level that is not rare; and `never_missing` names the features that may be missing and
    never were.
    """
    is_fraud = None if training is None else training.is_fraud
    features = {
        name: level_counts(columns[name], is_fraud)
        if feature.dtype == "category"
        else histogram(columns[name], is_fraud)
        for name, feature in contract.inputs.items()
    }
    counted = {"rows": len(probabilities), "features": features, "probability": histogram(probabilities)}
    if training is None:
        return counted
    rows, frauds = len(training.is_fraud), int(training.is_fraud.sum())
    derived = {
        name: histogram(training.derived(name).astype(np.float64), training.is_fraud) for name in contract.derived
    }
    present = [name for name, feature in contract.inputs.items() if feature.nullable and not features[name]["missing"]]
    known = {"training": {"rows": rows, "frauds": frauds}, "never_missing": present, "wording": WORDING}
    return {**counted, "derived": derived, **known}


def histogram(values: NDArray[np.float64], is_fraud: NDArray[np.bool_] | None = None) -> dict[str, Any]:
    """Edges, counts and the count of missing values, as JSON values; and the frauds in each bin, by bool (n,).

    >>> histogram(np.array([0.0, 1.0, 1.0, np.nan]))
    {'edges': [0.0, 1.0, 1.0], 'counts': [1, 2], 'missing': 1}
    """
    present = values[~np.isnan(values)]
    if not present.size:
        return {"edges": [], "counts": [], "missing": len(values)}
    edges = _edges(present)
    counts, _ = np.histogram(present, bins=edges)
    counted = {"edges": edges.tolist(), "counts": counts.tolist(), "missing": len(values) - present.size}
    if is_fraud is None:
        return counted
    frauds, _ = np.histogram(values[is_fraud & ~np.isnan(values)], bins=edges)
    return {**counted, "frauds": frauds.tolist()}


def _edges(present: NDArray[np.float64]) -> NDArray[np.float64]:
    """A bin for each value where there are few; else quantiles, where a value that fills whole bins has one of its own.

    Or a share of it that changes would not show: all of a flag, or of a count that is mostly 0, would be in one bin.
    """
    values = np.unique(present)
    if len(values) <= BINS:
        return np.append(values, values[-1])
    quantiles = np.quantile(present, np.linspace(0, 1, BINS + 1), method="lower")
    frequent = quantiles[:-1][np.diff(quantiles) == 0]
    return np.union1d(quantiles, values[np.minimum(np.searchsorted(values, frequent) + 1, len(values) - 1)])


def level_counts(levels: NDArray[np.object_], is_fraud: NDArray[np.bool_] | None = None) -> dict[str, Any]:
    """Counts of each level, by name, and of missing values; and the frauds of levels that are not rare."""
    counts = Counter(levels.tolist())
    missing = counts.pop(None, 0)
    counted: dict[str, Any] = {"levels": dict(sorted(counts.items())), "missing": missing}
    if is_fraud is None:
        return counted
    frauds = Counter(levels[is_fraud].tolist())
    common = [level for level, count in counted["levels"].items() if count >= LEAST_RECORDS]
    return {**counted, "frauds": {level: frauds[level] for level in common}}


def reference_of(document: dict[str, Any]) -> dict[str, Any]:
    """The histograms of a bundle's `reference.json`. Levels that were counted with accents of their own are composed.

    Requests are, and would be taken for levels that training never saw.
    """
    features = {
        name: {**counted, "levels": composed_counts(counted["levels"])} if "levels" in counted else counted
        for name, counted in document["features"].items()
    }
    return {**document, "features": features}


def never_missing(contract: Contract, reference: dict[str, Any]) -> tuple[str, ...]:
    """The features that may be missing in a record, and were not in training. A bundle of an earlier release names none.

    Raises ValueError or TypeError for another shape of the reference.
    """
    named = tuple(reference.get("never_missing", ()))
    if set(named) - contract.inputs.keys():
        raise ValueError("a reference names other features than the contract's")
    return named


ROWS = 64
_MISSING_SHARE = 0.1

Score = Callable[[Columns], tuple[NDArray[np.float32], NDArray[np.float64]]]


def golden_rows(contract: Contract, reference: dict[str, Any], score: Score) -> dict[str, Any]:
    """JSON value of ROWS records and the margins and probabilities that `score` gives them."""
    columns = _draw_columns(contract, reference, np.random.default_rng(0))
    margins, probabilities = score(columns)
    return {
        "columns": {name: _as_json(column) for name, column in columns.items()},
        "margins": margins.tolist(),
        "probabilities": probabilities.tolist(),
    }


def golden_difference(golden: dict[str, Any], score: Score) -> str | None:
    """What differs from the golden rows when they are scored again; None where every bit agrees."""
    columns = {name: _from_json(values) for name, values in golden["columns"].items()}
    margins, probabilities = score(columns)
    for name, found in (("margin", margins.tolist()), ("probability", probabilities.tolist())):
        expected = golden["margins" if name == "margin" else "probabilities"]
        if len(expected) != ROWS:
            return f"it has {len(expected)} golden rows and must have {ROWS}"
        if differing := sum(one != other for one, other in zip(found, expected, strict=True)):
            return f"the {name} of {differing} of {len(expected)} golden rows is not reproduced"
    return None


def _draw_columns(contract: Contract, reference: dict[str, Any], rng: np.random.Generator) -> Columns:
    columns: dict[str, NDArray[Any]] = {}
    for name, feature in contract.inputs.items():
        described = reference["features"][name]
        choices = list(described["levels"]) if feature.dtype == "category" else described["edges"]
        column = rng.choice(np.array(choices or [None], dtype=object), size=ROWS)
        if feature.nullable:
            column[rng.random(ROWS) < _MISSING_SHARE] = None
        columns[name] = column if feature.dtype == "category" else column.astype(np.float64)
    if contract.time is not None and contract.time.name not in columns:
        columns[contract.time.name] = np.full(ROWS, np.nan)
    return columns


def _as_json(column: NDArray[Any]) -> list[Any]:
    return [None if value is None or value != value else value for value in column.tolist()]  # noqa: PLR0124 NaN


def _from_json(values: list[Any]) -> NDArray[Any]:
    if any(isinstance(value, str) for value in values):
        column = np.empty(len(values), dtype=object)
        column[:] = values
        return column
    return np.array(values, dtype=np.float64)
