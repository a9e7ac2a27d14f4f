"""Columns to the float32 matrix that the trees read, in training and in serving."""

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from operator import itemgetter
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import Columns, epoch_seconds
from fraud_detection_api.contract.declaration import FLOAT32_MAX, Contract, Feature, Part
from fraud_detection_api.contract.formula import OF_FLOATS, called, function_of

SECONDS_A_DAY = 86_400.0

MOST_LEVELS_BY_SETS = 32
"""Categories of more levels are read as rates, unless a training has other settings."""


class LevelEncoding(Protocol):
    """Replaces the levels of a category by numbers, and says how frequent they are where there are `records`."""

    @property
    def records(self) -> "LevelEncoding | None": ...

    def encode(self, values: NDArray[np.object_]) -> NDArray[np.float64]:
        """Shape (n,) of str or None → float64 (n,)."""


@dataclass(frozen=True, slots=True)
class LevelCodes:
    """The numbers of a category: of each level in the training data, of unseen levels, and of a missing level.

    Where there are `records`, the trees also read how frequent a level is, in a column of its own. `reviews_unseen` says
    whether a record with an unseen level is not approved where the category matters.
    """

    levels: Mapping[str, float]
    unseen: float
    missing: float
    records: "LevelCodes | None" = None
    reviews_unseen: bool = False

    def encode(self, values: NDArray[np.object_]) -> NDArray[np.float64]:
        """Shape (n,) of str or None → float64 (n,).

        >>> LevelCodes({"A": 0.5}, unseen=0.1, missing=0.2).encode(np.array(["A", "Z", None], dtype=object))
        array([0.5, 0.1, 0.2])
        """
        levels, unseen = self.levels, self.unseen
        codes = [self.missing if level is None else levels.get(level, unseen) for level in values]
        return np.array(codes, dtype=np.float64)

    def of_one(self) -> Callable[[str | None], float]:
        """A function that gives the number of one level: a look-up, in a fifth of the time of a method."""
        return _Numbers(self).__getitem__


class _Numbers(dict[str | None, float]):
    """Numbers by level, and the number of all other levels."""

    def __init__(self, codes: LevelCodes) -> None:
        super().__init__(codes.levels.items())
        self[None] = codes.missing
        self._unseen = codes.unseen

    def __missing__(self, _level: str | None) -> float:
        return self._unseen


Levels = TypeVar("Levels", bound=LevelEncoding)


@dataclass(frozen=True)
class Encoder(Generic[Levels]):
    """Encodes columns of one contract; `level_codes` has the numbers of each category feature."""

    contract: Contract
    level_codes: Mapping[str, Levels] = field(default_factory=dict)

    @cached_property
    def _steps(self) -> dict[str, Callable[[Columns], NDArray[np.float64]]]:
        steps: dict[str, Callable[[Columns], NDArray[np.float64]]] = {}
        for name, feature in self.contract.features.items():
            steps |= self._feature_steps(name, feature)
        steps |= {name: itemgetter(name) for name in self.contract.history}
        steps |= {name: derived.parsed.evaluate for name, derived in self.contract.derived.items()}
        for name, codes in self.level_codes.items():
            if codes.records is not None:
                steps[records_column(name)] = _encoding_step(name, codes.records)
        return steps

    def _feature_steps(self, name: str, feature: Feature) -> dict[str, Callable[[Columns], NDArray[np.float64]]]:
        if feature.dtype == "category":
            return {name: _encoding_step(name, self.level_codes[name])}
        if feature.dtype != "datetime":
            return {name: lambda columns: columns[name]}
        return _datetime_steps(name, feature)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the matrix's columns, in order: features (a datetime's as `opened_at.hour`), history, derived.

        Last come the columns that say how frequent a category's level is.
        """
        return tuple(self._steps)

    def encode(self, columns: Columns) -> NDArray[np.float32]:
        """The matrix of shape (n, len(column_names)), float32, C order, NaN for missing; rows in the columns' order.

        Numbers beyond float32 are clipped to its largest number.
        """
        rows = len(next(iter(columns.values())))
        exact, matrix = np.empty((len(self._steps), rows)), np.empty((rows, len(self._steps)), dtype=np.float32)
        for position, step in enumerate(self._steps.values()):
            exact[position] = step(columns)
        np.clip(exact.T, -FLOAT32_MAX, FLOAT32_MAX, out=matrix, casting="same_kind")
        return matrix


def records_column(name: str) -> str:
    """The column that says how frequent the level of a category is."""
    return f"{name}.records"


def _encoding_step(name: str, codes: LevelEncoding) -> Callable[[Columns], NDArray[np.float64]]:
    return lambda columns: codes.encode(columns[name])


def _datetime_steps(name: str, feature: Feature) -> dict[str, Callable[[Columns], NDArray[np.float64]]]:
    steps: dict[str, Callable[[Columns], NDArray[np.float64]]] = {}
    for part in feature.parts:
        steps[f"{name}.{part}"] = lambda columns, part=part: calendar_part(columns[name], part)  # type: ignore[misc]
    since = feature.elapsed_days_since
    if since is not None:
        steps[f"{name}.elapsed_days"] = lambda columns: (columns[name] - _origin(columns, since)) / SECONDS_A_DAY
    return steps


def _origin(columns: Columns, since: str) -> Any:
    return columns[since] if since in columns else epoch_seconds(datetime.fromisoformat(since))


def calendar_part(seconds: NDArray[np.float64], part: Part) -> NDArray[np.float64]:
    """A number of the UTC calendar, float64 of shape (n,), for times in seconds since 1970; NaN stays NaN.

    >>> calendar_part(np.array([0.0, np.nan]), "weekday")  # 1970-01-01 was a Thursday
    array([ 3., nan])
    """
    missing = np.isnan(seconds)
    moments = np.where(missing, 0, np.floor(seconds)).astype("int64").astype("datetime64[s]")
    numbers = _CALENDAR[part](moments).astype(np.float64)
    return np.where(missing, np.nan, numbers)


def _steps_since(moments: NDArray[np.datetime64], unit: str, origin: str) -> NDArray[np.int64]:
    elapsed = moments.astype(f"datetime64[{unit}]") - moments.astype(f"datetime64[{origin}]")
    return np.asarray(elapsed.astype(np.int64), dtype=np.int64)


_CALENDAR: dict[Part, Callable[[NDArray[np.datetime64]], NDArray[np.int64]]] = {
    "year": lambda moments: moments.astype("datetime64[Y]").astype(np.int64) + 1970,
    "month": lambda moments: _steps_since(moments, "M", "Y") + 1,
    "day": lambda moments: _steps_since(moments, "D", "M") + 1,
    "weekday": lambda moments: (moments.astype("datetime64[D]").astype(np.int64) + 3) % 7,
    "hour": lambda moments: _steps_since(moments, "h", "D"),
    "minute": lambda moments: _steps_since(moments, "m", "h"),
}


FEW_RECORDS = 16
"""Up to this many records, Python's numbers are faster than arrays."""


def row_encoder(encoder: Encoder[LevelCodes]) -> Callable[[Callable[[str], Any]], list[float]]:
    """A function that makes a record's row of the matrix from the record's `get`.

    As float32, the row has the bits that `Encoder.encode` gives the record among others.
    """
    contract, values, codes = encoder.contract, _values(encoder.contract), encoder.level_codes
    counted = {name: levels.records for name, levels in codes.items() if levels.records is not None}
    coded = {name: f"code_{index}" for index, name in enumerate(codes)}
    counts = {name: f"records_{index}" for index, name in enumerate(counted)}
    names = {**_NAMES, **{coded[name]: levels.of_one() for name, levels in codes.items()}}
    names |= {counts[name]: levels.of_one() for name, levels in counted.items()}
    columns: list[ast.expr] = []
    for name, feature in contract.features.items():
        is_level = feature.dtype == "category"
        columns += [called(coded[name], values[name])] if is_level else _columns(values, name, feature)
    columns += [_clipped(values[name]) for name in contract.history]
    columns += [_clipped(item.parsed.of_floats(values)) for item in contract.derived.values()]
    columns += [called(counts[name], values[name]) for name in counted]
    both = ast.Tuple([ast.List(_reads(contract), ast.Load()), ast.List(columns, ast.Load())], ast.Load())
    return function_of("get", ast.Subscript(both, ast.Constant(1), ast.Load()), names)


def _reads(contract: Contract) -> list[ast.expr]:
    """Expressions that read each field into a variable: a float (seconds for a datetime, NaN for none), a level or None."""
    return [_read(_variable(index), name, dtype) for index, (name, dtype) in enumerate(contract.dtypes.items())]


def _read(variable: str, name: str, dtype: str) -> ast.expr:
    target, sent = ast.Name(variable, ast.Store()), called("get", ast.Constant(name))
    if dtype == "category":
        return ast.NamedExpr(target, sent)
    number = called("seconds" if dtype == "datetime" else "float", _loaded(variable))
    is_missing = ast.Compare(ast.NamedExpr(target, sent), [ast.Is()], [ast.Constant(None)])
    return ast.NamedExpr(target, ast.IfExp(is_missing, _loaded("nan"), number))


def _columns(values: Mapping[str, ast.expr], name: str, feature: Feature) -> list[ast.expr]:
    """The columns of a feature that is no category."""
    value = values[name]
    if feature.dtype != "datetime":
        return [value]  # the contract's bounds keep it within float32
    parts = [called("part", value, ast.Constant(part)) for part in feature.parts]
    return parts + ([] if feature.elapsed_days_since is None else [_elapsed_days(values, value, feature)])


def _elapsed_days(values: Mapping[str, ast.expr], value: ast.expr, feature: Feature) -> ast.expr:
    since = str(feature.elapsed_days_since)
    origin = values[since] if since in values else ast.Constant(epoch_seconds(datetime.fromisoformat(since)))
    elapsed = ast.BinOp(value, ast.Sub(), origin)
    return _clipped(ast.BinOp(elapsed, ast.Div(), ast.Constant(SECONDS_A_DAY)))


def _values(contract: Contract) -> dict[str, ast.expr]:
    """The variable that each field is read into."""
    return {name: _loaded(_variable(index)) for index, name in enumerate(contract.dtypes)}


def _loaded(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _variable(index: int) -> str:
    return f"field_{index}"


def _clipped(number: ast.expr) -> ast.expr:
    """The number within float32."""
    return called("min", called("max", number, ast.Constant(-FLOAT32_MAX)), ast.Constant(FLOAT32_MAX))


def _part(seconds: float, part: Part) -> float:
    if math.isnan(seconds):
        return math.nan
    return float(_PARTS[part](_EPOCH + timedelta(seconds=math.floor(seconds))))


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PARTS: Mapping[Part, Callable[[datetime], int]] = {
    "year": lambda moment: moment.year,
    "month": lambda moment: moment.month,
    "day": lambda moment: moment.day,
    "weekday": lambda moment: moment.weekday(),
    "hour": lambda moment: moment.hour,
    "minute": lambda moment: moment.minute,
}
_NAMES: Mapping[str, Any] = {
    **OF_FLOATS,
    "float": float,
    "nan": math.nan,
    "seconds": epoch_seconds,
    "min": min,
    "max": max,
    "part": _part,
}
