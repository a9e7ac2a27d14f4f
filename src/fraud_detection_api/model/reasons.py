"""Why a record scored as it did: the features that moved it most, in the contract's words."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.declaration import Contract, Derived, Feature
from fraud_detection_api.decision.decided import Direction, ReasonGiven, Shown
from fraud_detection_api.field_texts import plain_number

MOST_REASONS = 4
"""As many as Regulation B's commentary (12 CFR 1002, comment 9(b)(2)-1) finds likely to help a refused applicant."""


class Reasoner:
    """Chooses and words reasons for records of one contract; `column_names` are those of the matrix."""

    def __init__(self, contract: Contract, column_names: Sequence[str]) -> None:
        declared: dict[str, Feature | Derived] = {**contract.features, **contract.derived}
        self._features = [_Worded.of(name, item, column_names) for name, item in declared.items()]

    def reasons(
        self, contributions: Sequence[float], record: Mapping[str, Any], encoded: NDArray[np.float32], *, adverse: bool
    ) -> list[ReasonGiven]:
        """At most MOST_REASONS, the strongest first; features of equal strength in the contract's order.

        `contributions` (columns,) and `encoded`, float32 (columns,), are the record's rows. For an adverse outcome only what
        pushed towards fraud is a reason. The parts of a datetime count as one feature.
        """
        totals = [feature.total(contributions) for feature in self._features]
        strength = totals if adverse else [abs(total) for total in totals]
        # reversed, and yet those of equal strength stay in order
        ranked = sorted(range(len(strength)), key=strength.__getitem__, reverse=True)[:MOST_REASONS]
        return [
            self._features[index].reason(rank, totals[index], record, encoded)
            for rank, index in enumerate(ranked, 1)
            if strength[index] > 0
        ]


@dataclass(frozen=True, slots=True)
class _Worded:
    """A feature's name, codes and texts, and its columns of the matrix."""

    name: str
    code: str
    favourable_code: str
    text: str
    columns: tuple[int, ...]
    floored: "tuple[_Floored, ...]"
    is_derived: bool

    @classmethod
    def of(cls, name: str, item: Feature | Derived, column_names: Sequence[str]) -> "_Worded":
        text = item.reason.text if item.reason is not None else f"{name} is {{value}}"
        code = _code(name, item)
        favourable = item.reason.favourable_code if item.reason is not None else None
        columns = tuple(column_names.index(column) for column in _columns_of(name, item))
        floored = _floored(name, item) if isinstance(item, Derived) else ()
        return cls(name, code, favourable or code, text, columns, floored, isinstance(item, Derived))

    def total(self, contributions: Sequence[float]) -> float:
        """The feature's own of contributions (columns,)."""
        if len(self.columns) == 1:
            return contributions[self.columns[0]]
        # `sum` rounds one way before Python 3.12 and another way since
        return math.fsum([contributions[column] for column in self.columns])

    def reason(
        self, rank: int, contribution: float, record: Mapping[str, Any], encoded: NDArray[np.float32]
    ) -> ReasonGiven:
        value = _shortest(encoded[self.columns[0]]) if self.is_derived else _plain(record.get(self.name))
        description = f"{self.name} is missing" if value is None else self._description(value, record)
        direction: Direction = "increases_risk" if contribution > 0 else "decreases_risk"
        code = self.code if contribution > 0 else self.favourable_code
        return ReasonGiven(rank, code, self.name, value, direction, contribution, description)

    def _description(self, value: Shown, record: Mapping[str, Any]) -> str:
        for floored in self.floored:
            if floored.applies_to(record):
                return floored.description(value, record)
        return self.text.replace("{value}", readable(value))


@dataclass(frozen=True, slots=True)
class _Floored:
    """The text for records whose `divisor` is below `at_least`, and counts as `at_least`."""

    text: str
    names: tuple[str, ...]
    at_least: float
    divisor: Callable[[Mapping[str, float]], float]

    def applies_to(self, record: Mapping[str, Any]) -> bool:
        """Of a record that has all the columns of the formula, without which there is no value to describe."""
        return self.divisor({name: float(record[name]) for name in self.names}) < self.at_least

    def description(self, value: Shown, record: Mapping[str, Any]) -> str:
        text = self.text.replace("{value}", readable(value))
        for name in self.names:
            text = text.replace(f"{{{name}}}", readable(record[name]))
        return text


def _floored(name: str, item: Derived) -> tuple[_Floored, ...]:
    declared = item.reason.floored_text if item.reason is not None else None
    return tuple(
        _Floored(
            declared
            or f"{name} is {{value}}, where {floor.divisor.source} below {plain_number(floor.at_least)} counts as "
            f"{plain_number(floor.at_least)}",
            item.parsed.names,
            floor.at_least,
            floor.divisor.for_one_record(),
        )
        for floor in item.parsed.floors
    )


def _columns_of(name: str, item: Feature | Derived) -> tuple[str, ...]:
    return item.encoded(name) if isinstance(item, Feature) and item.dtype == "datetime" else (name,)


def _plain(value: Any) -> Shown | None:
    """A record's value as JSON has it."""
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def _shortest(value: np.float32) -> float | None:
    """The shortest number that is rounded to `value`; None for NaN."""
    return None if value != value else float(str(value))  # noqa: PLR0124 NumPy's own function takes ten times as long


def _code(name: str, item: Feature | Derived) -> str:
    if item.reason is not None:
        return item.reason.code
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name.upper())
    return letters if letters[0].isalpha() else f"F_{letters}"


def readable(value: Shown) -> str:
    """A value as people read it: three significant digits, or more where whole numbers have more.

    >>> [readable(value) for value in (16.20089, 0.0333333, 200000.0, 123456.789, 2, 5e-9, True, "DE")]
    ['16.2', '0.0333', '200,000', '123,457', '2', '0.000000005', 'yes', 'DE']
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, int) or value.is_integer():
        whole = int(value)
        return f"{whole:,}" if abs(whole) < 10**16 else plain_number(float(value))
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if places else text
