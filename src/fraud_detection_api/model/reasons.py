"""Why a record scored as it did: the features that moved it most, in the contract's words."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from fraud_detection_api.contract.declaration import Contract, Derived, Feature
from fraud_detection_api.decision.decided import Shown
from fraud_detection_api.decision.row_format import json_texts
from fraud_detection_api.field_texts import plain_number
from fraud_detection_api.model.trees.compilation import kernels

MOST_REASONS = 4
"""As many as Regulation B's commentary (12 CFR 1002, comment 9(b)(2)-1) finds likely to help a refused applicant."""


class Chosen(NamedTuple):
    """The reasons of n records: how many each has, and then of all, record by record and the strongest first, three lists.

    A code says which one it is: twice (rank from 0 · features + the feature's place), and one more where it increases the
    risk. A number is the derived feature's, NaN where there is none.
    """

    sizes: list[int]
    codes: list[int]
    contributions: list[float]
    numbers: list[float]


class Reasoner:
    """Chooses and words reasons for records of one contract; `column_names` are those of the matrix."""

    def __init__(self, contract: Contract, column_names: Sequence[str]) -> None:
        declared: dict[str, Feature | Derived] = {**contract.features, **contract.derived}
        places = {column: place for place, column in enumerate(column_names)}
        features = [_Worded.of(name, item, places) for name, item in declared.items()]
        self._first = [feature.columns[0] for feature in features]
        self._spread = [(place, feature) for place, feature in enumerate(features) if len(feature.columns) > 1]
        derived = [feature.columns[0] if feature.is_derived else -1 for feature in features]
        self._derived = np.array(derived, dtype=np.int64)
        self._is_whole = self._first == list(range(len(column_names)))
        self._choose = _loop()
        ranks = range(1, MOST_REASONS + 1)
        words = [feature.of_number if feature.is_derived else feature.of_record for feature in features]
        self._words = [word for _ in ranks for word in words for _ in _MIDDLES]
        self._heads = [f'{{"rank":{rank},{head}' for rank in ranks for feature in features for head in feature.heads]

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
        chosen = self._choose(self._totals(contributions), adverse, matrix, self._derived)
        words, numbered = self._words, zip(chosen.codes, chosen.numbers, strict=True)
        worded = [
            words[code](record, number)
            for record, size in zip(records, chosen.sizes, strict=True)
            for code, number in islice(numbered, size)
        ]
        values = json_texts([value for value, _ in worded])
        parts = zip(chosen.codes, values, json_texts(chosen.contributions), worded, strict=True)
        heads, middles = self._heads, _MIDDLES
        reasons = iter(
            [f"{heads[code]}{value}{middles[code & 1]}{added}{end}" for code, value, added, (_, end) in parts]
        )
        return [f"[{','.join(islice(reasons, size))}]" for size in chosen.sizes]

    def _totals(self, contributions: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each feature adds, float64 (n, features)."""
        if self._is_whole:
            return contributions
        totals = contributions[:, self._first]
        for place, feature in self._spread:
            # `sum` rounds one way before Python 3.12 and another way since
            totals[:, place] = [math.fsum(parts) for parts in contributions[:, feature.columns].tolist()]
        return totals


def choose_plainly(
    totals: NDArray[np.float64], adverse: NDArray[np.bool_], matrix: NDArray[np.float32], derived: NDArray[np.int64]
) -> Chosen:
    """The strongest reasons of each record by `totals`, float64 (n, features).

    `derived` int64 (features,) are the columns in `matrix` float32 (n, columns) of derived features, -1 for others.
    """
    strength = np.where(adverse[:, np.newaxis], totals, np.abs(totals))
    places = np.argsort(-strength, axis=1, kind="stable")[:, :MOST_REASONS]
    rows, ranks = np.nonzero(np.take_along_axis(strength, places, axis=1) > 0)
    places = places[rows, ranks]
    contributions, columns = totals[rows, places], derived[places]
    codes = 2 * (ranks * totals.shape[1] + places) + (contributions > 0)
    numbers = [shortest(value) for value in np.where(columns < 0, np.float32(np.nan), matrix[rows, columns])]
    sizes = np.bincount(rows, minlength=len(totals))
    return Chosen(sizes.tolist(), codes.tolist(), contributions.tolist(), numbers)


def choose_compiled(
    totals: NDArray[np.float64], adverse: NDArray[np.bool_], matrix: NDArray[np.float32], derived: NDArray[np.int64]
) -> Chosen:
    """As `choose_plainly`, in a compiled loop."""
    from fraud_detection_api.model.reason_kernels import choose  # noqa: PLC0415 see `_loop`

    most = MOST_REASONS * len(totals)
    whole, real = np.empty(len(totals) + most, np.int64), np.empty((3, most))
    choose(totals, adverse, matrix, derived, whole, real)
    integers = whole.tolist()
    sizes = integers[: len(totals)]
    end = sum(sizes)
    contributions, numbers, encoded = real[:, :end].tolist()
    if math.inf in numbers:
        numbers = [shortest(np.float32(b)) if a == math.inf else a for a, b in zip(numbers, encoded, strict=True)]
    return Chosen(sizes, integers[len(totals) : len(totals) + end], contributions, numbers)


def _loop() -> Callable[..., Chosen]:
    """`choose_compiled`, loaded before a request needs it, or where Numba cannot be loaded `choose_plainly`."""
    if kernels() is None:
        return choose_plainly
    import_module("fraud_detection_api.model.reason_kernels")
    return choose_compiled


def shortest(value: np.float32) -> float:
    """The shortest number that is rounded to `value`.

    >>> shortest(np.float32(0.1))
    0.1
    """
    return float(str(value))  # NumPy's own function takes ten times as long


_MIDDLES = tuple(f',"direction":"{verb}_risk","contribution_log_odds":' for verb in ("decreases", "increases"))
"""What stands in JSON between a reason's value and its contribution, by whether that is above 0."""


@dataclass(frozen=True, slots=True)
class _Worded:
    """A feature's name and columns of the matrix, and its parts of a reason, as they stand in JSON.

    `heads` go before the value, for a feature that decreases the risk and for one that increases it. Ends go after the
    contribution: `missing` where there is no value, else `around`, with the readable value in between.
    """

    name: str
    columns: tuple[int, ...]
    is_derived: bool
    is_time: bool
    heads: tuple[str, str]
    missing: str
    around: tuple[str, ...]
    floored: "tuple[_Floored, ...]"

    @classmethod
    def of(cls, name: str, item: Feature | Derived, places: Mapping[str, int]) -> "_Worded":
        text = item.reason.text if item.reason is not None else f"{name} is {{value}}"
        code = _code(name, item)
        favourable = item.reason.favourable_code if item.reason is not None else None
        decreases, increases = (
            f'"code":{_json(one)},"feature":{_json(name)},"value":' for one in (favourable or code, code)
        )
        return cls(
            name,
            tuple(places[column] for column in _columns_of(name, item)),
            is_derived=isinstance(item, Derived),
            is_time=isinstance(item, Feature) and item.dtype == "datetime",
            heads=(decreases, increases),
            missing=_end(_inner_json(f"{name} is missing")),
            around=tuple(_end(_inner_json(text)).split("{value}")),
            floored=_floored(name, item) if isinstance(item, Derived) else (),
        )

    def of_record(self, record: Mapping[str, Any], _number: float) -> tuple[Shown | None, str]:
        """A record's value and the end of the reason."""
        value: Any = record.get(self.name)
        if value is None:
            return None, self.missing
        if self.is_time:
            value = value.isoformat().replace("+00:00", "Z")
        return value, _readable_json(value).join(self.around)

    def of_number(self, record: Mapping[str, Any], number: float) -> tuple[Shown | None, str]:
        """A derived value, NaN for none, and the end of the reason."""
        if number != number:  # noqa: PLR0124 at half the price of `isnan`
            return None, self.missing
        for floored in self.floored:
            if floored.applies_to(record):
                return number, floored.end(number, record)
        return number, readable(number).join(self.around)


@dataclass(frozen=True, slots=True)
class _Floored:
    """The end of a reason for records to which a floor applies, with the names of the formula's columns."""

    text: str
    names: tuple[str, ...]
    applies_to: Callable[[Mapping[str, Any]], bool]

    def end(self, value: Shown, record: Mapping[str, Any]) -> str:
        text = self.text.replace("{value}", _readable_json(value))
        for name in self.names:
            text = text.replace(f"{{{_inner_json(name)}}}", _readable_json(record[name]))
        return text


def _floored(name: str, item: Derived) -> tuple[_Floored, ...]:
    declared = item.reason.floored_text if item.reason is not None else None
    texts = [
        declared
        or f"{name} is {{value}}, where {floor.divisor.source} below {plain_number(floor.at_least)} counts as "
        f"{plain_number(floor.at_least)}"
        for floor in item.parsed.floors
    ]
    return tuple(
        _Floored(_end(_inner_json(text)), item.parsed.names, floor.for_one_record())
        for text, floor in zip(texts, item.parsed.floors, strict=True)
    )


def _columns_of(name: str, item: Feature | Derived) -> tuple[str, ...]:
    return item.encoded(name) if isinstance(item, Feature) and item.dtype == "datetime" else (name,)


def _end(text: str) -> str:
    """A reason's description, and its end."""
    return f',"description":"{text}"}}'


def _json(text: str) -> str:
    return to_json(text).decode()


def _inner_json(text: str) -> str:
    """A text as it stands in JSON, without its quotes."""
    return to_json(text).decode()[1:-1]


def _readable_json(value: Shown) -> str:
    return _inner_json(value) if isinstance(value, str) else readable(value)


def _code(name: str, item: Feature | Derived) -> str:
    if item.reason is not None:
        return item.reason.code
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name.upper())
    return letters if letters[0].isalpha() else f"F_{letters}"


_FIXED, _THREE_DIGITS, _MOST_WHOLE = 1e-4, 100, 10**16
"""Python's format `g` changes to another notation below the first."""


def readable(value: Shown) -> str:
    """A value as people read it: three significant digits, or more where whole numbers have more.

    >>> [readable(value) for value in (16.20089, 0.0333333, 200000.0, 123456.789, 2, 5e-9, True, "DE")]
    ['16.2', '0.0333', '200,000', '123,457', '2', '0.000000005', 'yes', 'DE']
    """
    if isinstance(value, float):
        size = abs(value)
        if _FIXED <= size < _THREE_DIGITS:
            return f"{value:.3g}"
        return f"{value:,.0f}" if _THREE_DIGITS <= size < _MOST_WHOLE else _readable_extreme(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    # an int, which mypy takes for a float
    return f"{value:,}" if abs(value) < _MOST_WHOLE else plain_number(float(value))  # type: ignore[unreachable]


def _readable_extreme(value: float) -> str:
    """As `readable`, of a number that is large, small or 0."""
    if value.is_integer():
        return plain_number(value)
    return f"{value:.{2 - math.floor(math.log10(abs(value)))}f}".rstrip("0").rstrip(".")
