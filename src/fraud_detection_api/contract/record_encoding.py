"""A record's row of the matrix, without the cost of arrays and with the bits of `Encoder.encode`.

The row is compiled once for a contract, as one expression; a function call for each column would take three times as long.
"""

import ast
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from fraud_detection_api.contract.columns import epoch_seconds
from fraud_detection_api.contract.declaration import FLOAT32_MAX, Contract, Feature, Part
from fraud_detection_api.contract.encoding import SECONDS_A_DAY, Encoder, LevelCodes
from fraud_detection_api.contract.formula import OF_FLOATS, called, function_of

FEW_RECORDS = 16
"""Up to this many records, Python's numbers are faster than arrays."""


def row_encoder(encoder: Encoder[LevelCodes]) -> Callable[[Callable[[str], Any]], list[float]]:
    """A function that makes a record's row of the matrix from the record's `get`.

    As float32, the row has the bits that `Encoder.encode` gives the record among others.
    """
    contract, codes = encoder.contract, encoder.level_codes
    names = {**_NAMES, **{_code_name(index): codes[name].encode_one for index, name in enumerate(codes)}}
    columns = [column for name, feature in contract.features.items() for column in _columns(encoder, name, feature)]
    columns += [_clipped(item.parsed.of_floats(_values(contract))) for item in contract.derived.values()]
    both = ast.Tuple([ast.List(_reads(contract), ast.Load()), ast.List(columns, ast.Load())], ast.Load())
    return function_of("get", ast.Subscript(both, ast.Constant(1), ast.Load()), names)


def _reads(contract: Contract) -> list[ast.expr]:
    """Expressions that read each field into a variable: a float (seconds for a datetime, NaN for none), a level or None."""
    dtypes = {name: feature.dtype for name, feature in contract.features.items()}
    dtypes |= {contract.time.name: "datetime"} if contract.time is not None else {}
    return [_read(_variable(index), name, dtype) for index, (name, dtype) in enumerate(dtypes.items())]


def _read(variable: str, name: str, dtype: str) -> ast.expr:
    target, sent = ast.Name(variable, ast.Store()), called("get", ast.Constant(name))
    if dtype == "category":
        return ast.NamedExpr(target, sent)
    number = called("seconds" if dtype == "datetime" else "float", _loaded(variable))
    is_missing = ast.Compare(ast.NamedExpr(target, sent), [ast.Is()], [ast.Constant(None)])
    return ast.NamedExpr(target, ast.IfExp(is_missing, _loaded("nan"), number))


def _columns(encoder: Encoder[LevelCodes], name: str, feature: Feature) -> list[ast.expr]:
    value = _values(encoder.contract)[name]
    if feature.dtype == "category":
        return [called(_code_name(list(encoder.level_codes).index(name)), value)]
    if feature.dtype != "datetime":
        return [value]  # the contract's bounds keep it within float32
    parts = [called("part", value, ast.Constant(part)) for part in feature.parts]
    return parts + ([] if feature.elapsed_days_since is None else [_elapsed_days(encoder.contract, value, feature)])


def _elapsed_days(contract: Contract, value: ast.expr, feature: Feature) -> ast.expr:
    since = str(feature.elapsed_days_since)
    values = _values(contract)
    origin = values[since] if since in values else ast.Constant(epoch_seconds(datetime.fromisoformat(since)))
    elapsed = ast.BinOp(value, ast.Sub(), origin)
    return _clipped(ast.BinOp(elapsed, ast.Div(), ast.Constant(SECONDS_A_DAY)))


def _values(contract: Contract) -> dict[str, ast.expr]:
    """The variable that each field is read into."""
    fields = [*contract.features, *([contract.time.name] if contract.time is not None else [])]
    return {name: _loaded(_variable(index)) for index, name in enumerate(fields)}


def _loaded(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _variable(index: int) -> str:
    return f"field_{index}"


def _code_name(index: int) -> str:
    return f"code_{index}"


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
