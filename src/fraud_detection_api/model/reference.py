"""Reference histograms: what the training data looked like, for drift, and as the source of golden rows."""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import Columns
from fraud_detection_api.contract.declaration import Contract

BINS = 20


def reference_histograms(contract: Contract, columns: Columns, probabilities: NDArray[np.float64]) -> dict[str, Any]:
    """JSON value: counts of each feature over quantile bins (levels, for a category), and of the probabilities given.

    A bin holds `edges[i] <= value < edges[i + 1]`, the last one its right edge too, which may be its left edge as well.
    `missing` is the count of NaN.
    """
    features = {
        name: level_counts(columns[name]) if feature.dtype == "category" else histogram(columns[name])
        for name, feature in contract.features.items()
    }
    return {"rows": len(probabilities), "features": features, "probability": histogram(probabilities)}


def histogram(values: NDArray[np.float64]) -> dict[str, Any]:
    """Edges, counts and the count of missing values, as JSON values.

    >>> histogram(np.array([0.0, 1.0, 1.0, np.nan]))
    {'edges': [0.0, 1.0, 1.0], 'counts': [1, 2], 'missing': 1}
    """
    present = values[~np.isnan(values)]
    if not present.size:
        return {"edges": [], "counts": [], "missing": len(values)}
    edges = _edges(present)
    counts, _ = np.histogram(present, bins=edges)
    return {"edges": edges.tolist(), "counts": counts.tolist(), "missing": len(values) - present.size}


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


def level_counts(levels: NDArray[np.object_]) -> dict[str, Any]:
    """Counts of each level, by name, and of missing values."""
    counts = Counter(levels.tolist())
    missing = counts.pop(None, 0)
    return {"levels": dict(sorted(counts.items())), "missing": missing}
