"""Why a record scored as it did: the features that moved it most, in the contract's words."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from fraud_detection_api.contract.declaration import Contract, Derived, Feature
from fraud_detection_api.decision.decided import Shown
from fraud_detection_api.field_texts import plain_number

MOST_REASONS = 4
"""As many as Regulation B's commentary (12 CFR 1002, comment 9(b)(2)-1) finds likely to help a refused applicant."""


class Reasoner:
    """Chooses and words reasons for records of one contract; `column_names` are those of the matrix."""

    def __init__(self, contract: Contract, column_names: Sequence[str]) -> None:
        declared: dict[str, Feature | Derived] = {**contract.features, **contract.derived}
        self._features = [_Worded.of(name, item, column_names) for name, item in declared.items()]
        self._first = [feature.columns[0] for feature in self._features]
        self._spread = [(place, feature) for place, feature in enumerate(self._features) if len(feature.columns) > 1]

    def texts(
        self,
        contributions: NDArray[np.float64],
        records: Sequence[Mapping[str, Any]],
        matrix: NDArray[np.float32],
        adverse: NDArray[np.bool_],
    ) -> list[str]:
        """Reasons of each record as a JSON array: at most MOST_REASONS, the strongest first.

        Features of equal strength are in the contract's order. `contributions` float64 (n, columns), `matrix` float32
        (n, columns) and `adverse` (n,) are the records'. For an adverse outcome only what pushed towards fraud is a reason.
        The parts of a datetime count as one feature.
        """
        totals = self._totals(contributions)
        strength = np.where(adverse[:, np.newaxis], totals, np.abs(totals))
        ranked = np.argsort(-strength, axis=1, kind="stable")[:, :MOST_REASONS].tolist()
        sizes = (strength > 0).sum(axis=1).tolist()
        texts = []
        for order, size, total, record, row in zip(ranked, sizes, totals.tolist(), records, matrix, strict=True):
            chosen = [(place, self._features[place]) for place in order[:size]]
            given = [each.reason(rank, total[place], record, row) for rank, (place, each) in enumerate(chosen, 1)]
            texts.append(f"[{','.join(given)}]")
        return texts

    def _totals(self, contributions: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each feature adds, float64 (n, features)."""
        totals = contributions[:, self._first]
        for place, feature in self._spread:
            # `sum` rounds one way before Python 3.12 and another way since
            totals[:, place] = [math.fsum(parts) for parts in contributions[:, feature.columns].tolist()]
        return totals


@dataclass(frozen=True, slots=True)
class _Worded:
    """A feature's name and columns of the matrix, and its parts of a reason, as they stand in JSON.

    `heads` are code and name, for a feature that increases the risk and for one that decreases it.
    """

    name: str
    heads: tuple[str, str]
    text: str
    missing: str
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
        increases, decreases = (
            f'"code":{_json(one)},"feature":{_json(name)},"value":' for one in (code, favourable or code)
        )
        missing = _inner_json(f"{name} is missing")
        return cls(
            name, (increases, decreases), _inner_json(text), missing, columns, floored, isinstance(item, Derived)
        )

    def reason(self, rank: int, contribution: float, record: Mapping[str, Any], encoded: NDArray[np.float32]) -> str:
        """The reason as JSON."""
        value = _shortest(encoded[self.columns[0]]) if self.is_derived else _plain(record.get(self.name))
        description = self.missing if value is None else self._description(value, record)
        head, direction = (self.heads[0], "increases") if contribution > 0 else (self.heads[1], "decreases")
        return (
            f'{{"rank":{rank},{head}{_json(value)},"direction":"{direction}_risk",'
            f'"contribution_log_odds":{_json(contribution)},"description":"{description}"}}'
        )

    def _description(self, value: Shown, record: Mapping[str, Any]) -> str:
        for floored in self.floored:
            if floored.applies_to(record):
                return floored.description(value, record)
        return self.text.replace("{value}", _readable_json(value))


@dataclass(frozen=True, slots=True)
class _Floored:
    """The text, as it stands in JSON, for records whose `divisor` is below `at_least`, and counts as `at_least`."""

    text: str
    names: tuple[str, ...]
    at_least: float
    divisor: Callable[[Mapping[str, float]], float]

    def applies_to(self, record: Mapping[str, Any]) -> bool:
        """Of a record that has all the columns of the formula, without which there is no value to describe."""
        return self.divisor({name: float(record[name]) for name in self.names}) < self.at_least

    def description(self, value: Shown, record: Mapping[str, Any]) -> str:
        text = self.text.replace("{value}", _readable_json(value))
        for name in self.names:
            text = text.replace(f"{{{_inner_json(name)}}}", _readable_json(record[name]))
        return text


def _floored(name: str, item: Derived) -> tuple[_Floored, ...]:
    declared = item.reason.floored_text if item.reason is not None else None
    return tuple(
        _Floored(
            _inner_json(
                declared
                or f"{name} is {{value}}, where {floor.divisor.source} below {plain_number(floor.at_least)} counts as "
                f"{plain_number(floor.at_least)}"
            ),
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


def _json(value: Shown | None) -> str:
    """A value as JSON."""
    if type(value) is float and "e" not in (digits := repr(value)):
        return digits  # at a third of the price
    return to_json(value).decode()


def _inner_json(text: str) -> str:
    """A text as it stands in JSON, without its quotes."""
    return to_json(text).decode()[1:-1]


def _readable_json(value: Shown) -> str:
    return _inner_json(value) if isinstance(value, str) else readable(value)


def _shortest(value: np.float32) -> float | None:
    """The shortest number that is rounded to `value`; None for NaN."""
    return None if value != value else float(str(value))  # noqa: PLR0124 NumPy's own function takes ten times as long


def _code(name: str, item: Feature | Derived) -> str:
    if item.reason is not None:
        return item.reason.code
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name.upper())
    return letters if letters[0].isalpha() else f"F_{letters}"


_THREE_DIGITS = 100


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
    if abs(value) >= _THREE_DIGITS:
        return f"{value:,.0f}"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if places else text
