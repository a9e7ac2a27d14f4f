"""Where values stand among the training data, in words, from a bundle's reference."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.model.numbers import shortest
from fraud_detection_api.model.reference import LEAST_RECORDS, WORDING

_TELLING, _STEP, _MOST = 80, 5, 99
"""Percent of customers from which on a value is called low or high, in steps of so many, and the most that is claimed."""

_ROUNDING = 0.2
"""A bin that begins at a twentieth of the records may do so a few records earlier or later."""

_ALIKE, _FORMERLY_ALIKE = 1.05, 1.25
_DOUBLE = 2.0
"""From this ratio on it is said, and below it by how many percent it differs."""
_ERRORS = 2
"""Frauds that are so many standard errors or fewer from what is expected count as the average: Wald, binomial."""

_SURPRISING = 3.0
"""Frauds that must be expected among the records of a level before their absence is said: chance has a part of 5 %."""

_YEARS = (1900, 2100)

Phrases = tuple[str, str]
"""Two phrases: for a feature that lowered the risk, and for one that raised it."""

_USUAL: Phrases = (
    "about usual, which in combination lowers the risk",
    "about usual, which in combination raises the risk",
)
"""As the first edition has them."""
_TOGETHER: Phrases = ("a lower risk together with the other details", "a higher risk together with the other details")
"""Where nothing about the value alone explains how it moved the risk."""


class NumberBands(NamedTuple):
    """Phrases for numbers: `phrases[i]` is for values from `edges[i - 1]` on and below `edges[i]`.

    With `are_years`, they are shown without a separator of thousands.
    """

    edges: list[float]
    phrases: list[Phrases]
    are_years: bool = False


class LevelPhrases(NamedTuple):
    """Phrases for levels, and those for a level that is not among them, if it has any."""

    known: Mapping[str, Phrases]
    unknown: Phrases | None = None


@dataclass(frozen=True)
class Placement:
    """Phrases for the values of a bundle's features; a feature or level that is not in it has none.

    `by_default` says whether reasons without a declared text have them too. Those of bundles made by earlier releases have
    not, so that they stay what they were. `with_units` says whether those texts have the unit, for the same cause.
    """

    numbers: Mapping[str, NumberBands] = field(default_factory=dict)
    levels: Mapping[str, LevelPhrases] = field(default_factory=dict)
    by_default: bool = False
    with_units: bool = False

    @classmethod
    def of(cls, contract: Contract, reference: Mapping[str, Any]) -> "Placement":
        """The placement of a bundle's reference. Raises ValueError, LookupError, TypeError for another shape of it."""
        counted = {**reference["features"], **reference.get("derived", {})}
        numeric = [name for name, feature in contract.inputs.items() if feature.dtype in ("int", "float")]
        numbers = {name: bands for name in [*numeric, *contract.derived] if (bands := _bands(counted.get(name)))}
        levels: dict[str, LevelPhrases] = {}
        is_second = reference.get("wording", 1) >= WORDING
        if (training := reference.get("training")) is not None:
            average = _Average(training["frauds"] / training["rows"], is_credit=contract.purpose == "credit")
            if is_second:
                numbers = {
                    name: _told(contract, name, bands, counted[name], average) for name, bands in numbers.items()
                }
            phrases_of = _level_phrases if is_second else _former_level_phrases
            for name, feature in contract.inputs.items():
                if feature.dtype == "category":
                    levels[name] = phrases_of(name, counted[name], average)
        return cls(numbers, levels, by_default="derived" in reference, with_units=is_second)


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


class _Average(NamedTuple):
    """The fraud rate of the training data, and whether frauds are credits that were not repaid."""

    rate: float
    is_credit: bool

    def phrases(self, whose: str, records: int, frauds: int) -> Phrases:
        """How often these records were fraud, where that is the way that a feature moved the risk.

        Otherwise other columns matter, and a rate that points the other way would explain nothing.
        """
        expected = records * self.rate
        chance = _ERRORS * math.sqrt(expected * (1 - self.rate))
        ratio = 1.0 if frauds and abs(frauds - expected) < chance else frauds / expected
        text = self.compared(whose, records, ratio)
        lowers, raises = _TOGETHER
        return text if ratio < 1 / _ALIKE else lowers, text if ratio > _ALIKE else raises

    def compared(self, whose: str, records: int, ratio: float) -> str:
        """How frequent fraud is among records, as a multiple of the average.

        >>> _Average(0.1, is_credit=False).compared("this job", 30, 1.2)
        'fraud is 20 % more frequent with this job than on average'
        >>> [_Average(0.1, is_credit=True).compared("this job", 30, ratio) for ratio in (2.4, 2.0)]
        ['customers with this job defaulted 2.4 times as often as the average', \
'customers with this job defaulted twice as often as the average']
        """
        if not ratio:
            return self.none(whose, records)
        if ratio >= _DOUBLE:
            times = _times(ratio)
            amount, than = "twice as" if times == "2" else f"{times} times as", "as"
        else:
            amount, than = f"{100 * abs(ratio - 1):.0f} % {'more' if ratio > 1 else 'less'}", "than"
        if self.is_credit:
            return f"customers with {whose} defaulted {amount} often {than} the average"
        return f"fraud is {amount} frequent with {whose} {than} on average"

    def none(self, whose: str, records: int) -> str:
        """That these records have no fraud."""
        if self.is_credit:
            return f"no customer among {records:,} with {whose} defaulted"
        return f"there was no fraud among {records:,} records with {whose}"


def _told(
    contract: Contract, name: str, bands: NumberBands, counted: Mapping[str, Any], average: _Average
) -> NumberBands:
    """The bands, where those that are neither low nor high say how often similar values were fraud."""
    told = [
        phrases
        if phrases != _USUAL
        else average.phrases(f"a similar {name}", records, frauds)
        if average.rate > 0 and _is_telling(records, frauds, average)
        else _TOGETHER
        for records, frauds, phrases in zip(counted["counts"], counted["frauds"], bands.phrases[1:-1], strict=True)
    ]
    phrases = [bands.phrases[0], *told, bands.phrases[-1]]
    return bands._replace(phrases=phrases, are_years=_are_years(contract, name, bands))


def _is_telling(records: int, frauds: int | None, average: _Average) -> bool:
    """Whether the frauds were counted, of records enough to say something of them."""
    return frauds is not None and records >= LEAST_RECORDS and (frauds > 0 or records * average.rate >= _SURPRISING)


def _are_years(contract: Contract, name: str, bands: NumberBands) -> bool:
    """Whether all values that training had are years, by their range."""
    feature = contract.inputs.get(name)
    is_plain_int = feature is not None and feature.dtype == "int" and not feature.unit
    return is_plain_int and all(_YEARS[0] <= edge < _YEARS[1] + 1 for edge in bands.edges)


def _phrases(below: float, above: float) -> Phrases:
    """The phrase for a value with these shares of the training data below and above it.

    >>> _phrases(0.9, 0.05)[0], _phrases(0.0, 0.95)[0], _phrases(0.4, 0.55)[1]
    ('higher than 90 % of customers', 'lower than 95 % of customers', 'about usual, which in combination raises the risk')
    """
    for word, share in (("lower", above), ("higher", below)):
        percent = int(100 * share + _ROUNDING)
        if percent >= _TELLING:
            claimed = _MOST if percent >= _MOST else percent - percent % _STEP
            return (f"{word} than {claimed} % of customers",) * 2
    return _USUAL


def _together(text: str) -> Phrases:
    lowers, raises = _TOGETHER
    return f"{text}, {lowers}", f"{text}, {raises}"


def _level_phrases(name: str, counted: Mapping[str, Any], average: _Average) -> LevelPhrases:
    """Each level against the average, and what is said of rare and unknown ones."""
    if counted["frauds"].keys() - counted["levels"].keys():
        raise ValueError("the frauds of a reference do not fit its levels")
    if average.rate <= 0:
        return LevelPhrases({})
    known = {}
    for level, records in counted["levels"].items():
        frauds = counted["frauds"].get(level)
        is_telling = _is_telling(records, frauds, average)
        known[level] = average.phrases(f"this {name}", records, frauds) if is_telling else _seldom(name, records)
    return LevelPhrases(known, unknown=_seldom(name, 0))


def _seldom(name: str, records: int) -> Phrases:
    """The phrases for a level of too few records to tell.

    >>> _seldom("city", 0)[1]
    'no other customer with this city is known, a higher risk together with the other details'
    """
    if not records:
        return _together(f"no other customer with this {name} is known")
    are = "customer" if records == 1 else "customers"
    return _together(f"only {records:,} {are} with this {name} {'is' if records == 1 else 'are'} known")


def _former_level_phrases(name: str, counted: Mapping[str, Any], average: _Average) -> LevelPhrases:
    """As the first edition of the wording has them: the same for both directions."""
    known, whose = {}, f"this {name}"
    for level, frauds in counted.get("frauds", {}).items():
        records = counted["levels"][level]
        if average.rate <= 0 or not _is_telling(records, frauds, average):
            continue
        ratio = frauds / records / average.rate
        amount = "about" if 1 / _FORMERLY_ALIKE <= ratio <= _FORMERLY_ALIKE else f"{_times(ratio)} times"
        often = f"customers with {whose} defaulted {amount} as often as the average"
        text = often if average.is_credit else f"fraud is {amount} as frequent with {whose} as on average"
        known[level] = (text if frauds else average.none(whose, records),) * 2
    return LevelPhrases(known)


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"
