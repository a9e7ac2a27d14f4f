"""The segments of a column: bands of numbers, levels of categories, and what is missing."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.statistics.estimates import six_digits

FEW_VALUES = 4
MAX_LEVELS = 50


@dataclass(frozen=True)
class Segment:
    """The records, bool (n,), of one band of one column.

    `band` is {"equals": number}, {"above": number | None, "up_to": number | None}, {"level": text} or {"missing": True}.
    """

    column: str
    band: dict[str, Any]
    rows: NDArray[np.bool_]


def segments(column: str, values: NDArray[Any]) -> Iterator[Segment]:
    """Segments of a column as in `contract.columns`: float64 (n,) with NaN, or an object array of str and None.

    Numbers are divided at their quartiles, or each is a segment where there are at most FEW_VALUES. Levels are limited
    to the MAX_LEVELS most frequent.
    """
    missing = np.array([value is None for value in values]) if values.dtype == object else np.isnan(values)
    if missing.any():
        yield Segment(column, {"missing": True}, missing)
    if values.dtype == object:
        for level, _count in Counter(values[~missing].tolist()).most_common(MAX_LEVELS):
            yield Segment(column, {"level": level}, values == level)
    elif not missing.all():
        yield from _bands(column, values, values[~missing])


def _bands(column: str, values: NDArray[np.float64], present: NDArray[np.float64]) -> Iterator[Segment]:
    cuts = np.unique(np.quantile(present, [0.25, 0.5, 0.75], method="lower"))
    distinct = np.unique(present)
    if len(distinct) <= FEW_VALUES:
        for number in distinct:
            yield Segment(column, {"equals": six_digits(float(number))}, values == number)
        return
    for above, up_to in zip([None, *cuts], [*cuts, None], strict=True):
        rows = (values > (-np.inf if above is None else above)) & (values <= (np.inf if up_to is None else up_to))
        yield Segment(column, {"above": _edge(above), "up_to": _edge(up_to)}, rows)


def _edge(edge: float | None) -> float | None:
    return None if edge is None else six_digits(float(edge))
