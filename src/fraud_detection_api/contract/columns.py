"""Records as columns, the form that constraints and the encoding read in training and in serving."""

import ast
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.declaration import Constraint, Contract, Dtype
from fraud_detection_api.contract.formula import OF_FLOATS, called, function_of

Record: TypeAlias = Mapping[str, Any]
"""Column name → value of one record: int, float, bool, str or datetime. A column that is None or absent is missing."""

Columns: TypeAlias = Mapping[str, NDArray[Any]]
"""Column name → array of shape (n,): float64 with NaN for missing (bool as 0/1, datetime as seconds since 1970 in UTC),
or for a category an object array of str, None for missing."""


def columns_from_records(contract: Contract, records: Sequence[Record]) -> Columns:
    """Columns of validated records.

    Shapes (n,), in the records' order: the features, the history features, and the time column where the contract has one.
    """
    return {
        name: column_from_values([record.get(name) for record in records], dtype)
        for name, dtype in contract.dtypes.items()
    }


def column_from_values(values: list[Any], dtype: Dtype) -> NDArray[Any]:
    """A column of n validated values, None where missing, as in `Columns`."""
    if dtype == "category":
        column = np.empty(len(values), dtype=object)
        column[:] = values
        return column
    if dtype == "datetime":
        values = [None if moment is None else epoch_seconds(moment) for moment in values]
    return np.array(values, dtype=np.float64)


def epoch_seconds(moment: datetime) -> float:
    """Seconds since 1970-01-01T00:00Z. A time without an offset is in UTC.

    >>> epoch_seconds(datetime(1970, 1, 2))
    86400.0
    """
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def constraint_violations(contract: Contract, columns: Columns) -> dict[str, NDArray[np.bool_]]:
    """For each constraint, a mask of shape (n,): True where the record breaks it. A missing operand breaks none."""
    return {
        name: _broken(constraint.parsed.names, constraint.parsed.evaluate(columns), columns)
        for name, constraint in contract.enforced.items()
    }


def constraint_check(contract: Contract) -> Callable[[Record], bool] | None:
    """A function that says whether a validated record satisfies all constraints; None where there are none."""
    checks = [_satisfied(number, each) for number, each in enumerate(contract.enforced.values())]
    return function_of("record", _all_of(checks), {**OF_FLOATS, "float": float}) if checks else None


def _all_of(checks: list[ast.expr]) -> ast.expr:
    return ast.BoolOp(ast.And(), checks) if len(checks) > 1 else checks[0]


def _satisfied(number: int, constraint: Constraint) -> ast.expr:
    """For example, `(a := record.get("a")) is None or (b := record.get("b")) is None or float(a) <= float(b)`."""
    variables = {name: f"field_{number}_{index}" for index, name in enumerate(constraint.parsed.names)}
    get = ast.Attribute(ast.Name("record", ast.Load()), "get", ast.Load())
    missing: list[ast.expr] = [
        ast.Compare(
            ast.NamedExpr(ast.Name(variable, ast.Store()), ast.Call(get, [ast.Constant(name)], [])),
            [ast.Is()],
            [ast.Constant(None)],
        )
        for name, variable in variables.items()
    ]
    floats = {name: called("float", ast.Name(variable, ast.Load())) for name, variable in variables.items()}
    return ast.BoolOp(ast.Or(), [*missing, constraint.parsed.of_floats(floats)])


def _broken(names: Sequence[str], satisfied: NDArray[np.bool_], columns: Columns) -> NDArray[np.bool_]:
    missing = np.any([np.isnan(columns[name]) for name in names], axis=0)
    return np.asarray(~(satisfied | missing), dtype=np.bool_)
