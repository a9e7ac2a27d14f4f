"""Where values stand among the training data, in words, from a bundle's reference."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.model.numbers import shortest
from fraud_detection_api.model.reference import LEAST_RECORDS

_TELLING, _STEP, _MOST = 80, 5, 99
"""Percent of customers from which on a value is called low or high, in steps of so many, and the most that is claimed."""

_ROUNDING = 0.2
"""A bin that begins at a twentieth of the records may do so a few records earlier or later."""

_ALIKE = 1.25
_SURPRISING = 3.0
"""Frauds that must be expected among the records of a level before their absence is said: chance has a part of 5 %."""


class NumberBands(NamedTuple):
    """Phrases for numbers: `phrases[i]` is for values from `edges[i - 1]` on and below `edges[i]`.

    Each is two: for a feature that lowered the risk, and for one that raised it.
    """

    edges: list[float]
    phrases: list[tuple[str, str]]


@dataclass(frozen=True)
class Placement:
    """Phrases for the values of a bundle's features; a feature or level that is not in it has none.

    `by_default` says whether reasons without a declared text have them too. Those of bundles made by earlier releases have
    not, so that they stay what they were.
    """

    numbers: Mapping[str, NumberBands] = field(default_factory=dict)
    levels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    by_default: bool = False

    @classmethod
    def of(cls, contract: Contract, reference: Mapping[str, Any]) -> "Placement":
        """The placement of a bundle's reference. Raises ValueError, LookupError, TypeError for another shape of it."""
        counted = {**reference["features"], **reference.get("derived", {})}
        numeric = [name for name, feature in contract.features.items() if feature.dtype in ("int", "float")]
        numbers = {name: bands for name in [*numeric, *contract.derived] if (bands := _bands(counted.get(name)))}
        levels: dict[str, dict[str, str]] = {}
        if (training := reference.get("training")) is not None:
            rate, is_credit = training["frauds"] / training["rows"], contract.purpose == "credit"
            for name, feature in contract.features.items():
                if feature.dtype == "category":
                    levels[name] = dict(_level_phrases(name, counted[name], rate, is_credit=is_credit))
        return cls(numbers, levels, by_default="derived" in reference)


NOWHERE = Placement()
"""Of a model without a reference: no value has a phrase."""


def _bands(histogram: Mapping[str, Any] | None) -> NumberBands | None:
    if histogram is None or not histogram["edges"]:
        return None
    # a record's number is compared as it was sent, and the reference holds it rounded to float32
    *edges, last = (shortest(np.float32(edge)) for edge in histogram["edges"])
    below = list(accumulate(histogram["counts"], initial=0))
    if len(below) != len(edges) + 1 or below[-1] <= 0:
        raise ValueError("the counts of a reference do not fit its edges")
    total = below[-1]
    phrases = [_phrases(begin / total, 1 - end / total) for begin, end in pairwise(below)]
    return NumberBands([*edges, math.nextafter(last, math.inf)], [_phrases(0, 1), *phrases, _phrases(1, 0)])


def _phrases(below: float, above: float) -> tuple[str, str]:
    """The phrase for a value with these shares of the training data below and above it.

    >>> _phrases(0.9, 0.05)[0], _phrases(0.0, 0.95)[0], _phrases(0.4, 0.55)[1]
    ('higher than 90 % of customers', 'lower than 95 % of customers', 'about usual, which in combination raises the risk')
    """
    for word, share in (("lower", above), ("higher", below)):
        percent = int(100 * share + _ROUNDING)
        if percent >= _TELLING:
            claimed = _MOST if percent >= _MOST else percent - percent % _STEP
            return (f"{word} than {claimed} % of customers",) * 2
    return ("about usual, which in combination lowers the risk", "about usual, which in combination raises the risk")


def _level_phrases(name: str, counted: Mapping[str, Any], rate: float, *, is_credit: bool) -> Iterator[tuple[str, str]]:
    for level, frauds in counted.get("frauds", {}).items():
        records = counted["levels"][level]
        if rate <= 0 or records < LEAST_RECORDS or (not frauds and records * rate < _SURPRISING):
            continue
        ratio = frauds / records / rate
        if not frauds:
            none = "no customer among {records:,} with this {name} defaulted"
            text = none if is_credit else "there was no fraud among {records:,} records with this {name}"
        elif 1 / _ALIKE <= ratio <= _ALIKE:
            often = "customers with this {name} defaulted about as often as the average"
            text = often if is_credit else "fraud is about as frequent with this {name} as on average"
        else:
            often = "customers with this {name} defaulted {times} times as often as the average"
            text = often if is_credit else "fraud is {times} times as frequent with this {name} as on average"
        yield level, text.format(name=name, records=records, times=_times(ratio))


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"
