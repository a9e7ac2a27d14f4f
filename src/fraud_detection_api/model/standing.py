"""Where one value stands among the training data: the shares of records below, beside and above it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from fraud_detection_api.model.numbers import shortest


class Standing(NamedTuple):
    """Shares of the training records, from 0 to 1: lower, in the same bin or of the same level, higher, and missing.

    `is_exact` says that the bin holds one value alone. A level has no order, so none is lower or higher.
    """

    below: float
    same: float
    above: float
    missing: float
    is_exact: bool


def edges_of(histogram: Mapping[str, Any]) -> list[float]:
    """The edges of a reference's histogram, as records' numbers are compared: they were rounded to float32."""
    return [shortest(np.float32(edge)) for edge in histogram["edges"]]


def standing_of_number(histogram: Mapping[str, Any], value: float | None) -> Standing | None:
    """The standing of a number, None for missing; None where the histogram has no records.

    >>> standing_of_number({"edges": [0.0, 1.0, 5.0, 5.0], "counts": [6, 3, 1], "missing": 0}, 1.0)
    Standing(below=0.6, same=0.3, above=0.1, missing=0.0, is_exact=True)
    """
    edges, counts, missing = edges_of(histogram), histogram["counts"], histogram["missing"]
    if not (total := sum(counts) + missing):
        return None
    without = missing / total
    if value is None or not edges:
        return Standing(0.0, 0.0, 0.0, without, is_exact=True)
    at = int(np.searchsorted(edges, value, side="right")) - 1
    if value > edges[-1] or at < 0:
        return Standing(sum(counts[: max(at, 0)]) / total, 0.0, sum(counts) / total * (at < 0), without, is_exact=True)
    at = min(at, len(counts) - 1)
    is_between = are_values(edges) and edges[at] != value
    below, same = sum(counts[: at + is_between]) / total, 0.0 if is_between else counts[at] / total
    return Standing(below, same, sum(counts[at + 1 :]) / total, without, is_exact=are_values(edges))


def are_values(edges: list[float]) -> bool:
    """Whether each bin holds one value alone, as where there were few different ones: the last edge stands twice."""
    return len(edges) > 1 and edges[-1] == edges[-2]


def standing_of_level(counted: Mapping[str, Any], level: str | None) -> Standing | None:
    """The standing of a level, None for missing; None where there were no records.

    >>> standing_of_level({"levels": {"web": 3, "shop": 1}, "missing": 0}, "web").same
    0.75
    """
    levels, missing = counted["levels"], counted["missing"]
    if not (total := sum(levels.values()) + missing):
        return None
    same = 0 if level is None else levels.get(level, 0)
    return Standing(0.0, same / total, 0.0, missing / total, is_exact=True)
