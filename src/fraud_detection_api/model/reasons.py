"""Why a record scored as it did: the features that moved it most, in the contract's words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.declaration import Contract, Derived, Feature, plain_number

MOST_REASONS = 4
"""As many as Regulation B's commentary (12 CFR 1002, comment 9(b)(2)-1) finds likely to help whoever is refused."""

Direction = Literal["increases_risk", "decreases_risk"]

Shown: TypeAlias = bool | float | str
"""A value on the wire."""


@dataclass(frozen=True, slots=True)
class ReasonGiven:
    """A feature's part in a score. `value` is the record's own, or what was derived from it; None where it is missing.

    `contribution_log_odds` is what the feature adds to the margin (see `model.attribution`).
    """

    rank: int
    code: str
    feature: str
    value: Shown | None
    direction: Direction
    contribution_log_odds: float
    description: str


class Reasoner:
    """Chooses and words reasons for records of one contract; `column_names` are those of the matrix."""

    def __init__(self, contract: Contract, column_names: Sequence[str]) -> None:
        declared: dict[str, Feature | Derived] = {**contract.features, **contract.derived}
        self._declared = declared
        self._names = tuple(declared)
        sources = {column: name for name, item in declared.items() for column in _columns_of(name, item)}
        self._source = np.array([self._names.index(sources[column]) for column in column_names])
        self._column = {name: column_names.index(name) for name in contract.derived}

    def reasons(
        self,
        contributions: NDArray[np.float64],
        record: Mapping[str, Any],
        encoded: NDArray[np.float32],
        *,
        adverse: bool,
    ) -> list[ReasonGiven]:
        """At most MOST_REASONS, the strongest first; features of equal strength in the contract's order.

        `contributions`, float64 (columns,), and `encoded`, float32 (columns,), are the record's rows. For an adverse outcome
        only what pushed towards fraud is a reason. The parts of a datetime count as one feature.
        """
        totals = np.bincount(self._source, contributions, minlength=len(self._names))
        strength = totals if adverse else np.abs(totals)
        ranked = [feature for feature in np.argsort(-strength, kind="stable")[:MOST_REASONS] if strength[feature] > 0]
        return [
            self._reason(rank, self._names[feature], float(totals[feature]), record, encoded)
            for rank, feature in enumerate(ranked, 1)
        ]

    def _reason(
        self, rank: int, name: str, contribution: float, record: Mapping[str, Any], encoded: NDArray[np.float32]
    ) -> ReasonGiven:
        column = self._column.get(name)
        value = _plain(record.get(name) if column is None else encoded[column])
        return ReasonGiven(
            rank=rank,
            code=_code(name, self._declared[name]),
            feature=name,
            value=value,
            direction="increases_risk" if contribution > 0 else "decreases_risk",
            contribution_log_odds=contribution,
            description=_description(name, self._declared[name], value),
        )


def _columns_of(name: str, item: Feature | Derived) -> tuple[str, ...]:
    return item.encoded(name) if isinstance(item, Feature) and item.dtype == "datetime" else (name,)


def _plain(value: Any) -> Shown | None:
    """A value as JSON has it. A float32 becomes the shortest number that is rounded to it."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, np.floating):
        return None if np.isnan(value) else float(str(value))
    return value  # type: ignore[no-any-return]


def _code(name: str, item: Feature | Derived) -> str:
    if item.reason is not None:
        return item.reason.code
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name.upper())
    return letters if letters[0].isalpha() else f"F_{letters}"


def _description(name: str, item: Feature | Derived, value: Shown | None) -> str:
    if value is None:
        return f"{name} is missing"
    text = item.reason.text if item.reason is not None else f"{name} is {{value}}"
    return text.replace("{value}", readable(value))


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
