"""Golden rows: made-up records with the exact scores that a model gave them when it was made.

A bundle that does not reproduce them is not served. They are drawn from the reference histograms' edges, so that none
of them is a customer.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import Columns
from fraud_detection_api.contract.declaration import Contract

ROWS = 64
_MISSING_SHARE = 0.1

Score = Callable[[Columns], tuple[NDArray[np.float32], NDArray[np.float64]]]


def golden_rows(contract: Contract, reference: dict[str, Any], score: Score) -> dict[str, Any]:
    """JSON value of ROWS records and the margins and probabilities that `score` gives them."""
    columns = _draw_columns(contract, reference, np.random.default_rng(0))
    margins, probabilities = score(columns)
    return {
        "columns": {name: _as_json(column) for name, column in columns.items()},
        "margins": margins.tolist(),
        "probabilities": probabilities.tolist(),
    }


def golden_difference(golden: dict[str, Any], score: Score) -> str | None:
    """What differs from the golden rows when they are scored again; None where every bit agrees."""
    columns = {name: _from_json(values) for name, values in golden["columns"].items()}
    margins, probabilities = score(columns)
    for name, found in (("margin", margins.tolist()), ("probability", probabilities.tolist())):
        expected = golden["margins" if name == "margin" else "probabilities"]
        if len(expected) != ROWS:
            return f"it has {len(expected)} golden rows and must have {ROWS}"
        if differing := sum(one != other for one, other in zip(found, expected, strict=True)):
            return f"the {name} of {differing} of {len(expected)} golden rows is not reproduced"
    return None


def _draw_columns(contract: Contract, reference: dict[str, Any], rng: np.random.Generator) -> Columns:
    columns: dict[str, NDArray[Any]] = {}
    for name, feature in contract.features.items():
        described = reference["features"][name]
        choices = list(described["levels"]) if feature.dtype == "category" else described["edges"]
        column = rng.choice(np.array(choices or [None], dtype=object), size=ROWS)
        if feature.nullable:
            column[rng.random(ROWS) < _MISSING_SHARE] = None
        columns[name] = column if feature.dtype == "category" else column.astype(np.float64)
    if contract.time is not None:
        columns[contract.time.name] = np.full(ROWS, np.nan)
    return columns


def _as_json(column: NDArray[Any]) -> list[Any]:
    return [None if value is None or value != value else value for value in column.tolist()]  # noqa: PLR0124 NaN


def _from_json(values: list[Any]) -> NDArray[Any]:
    if any(isinstance(value, str) for value in values):
        column = np.empty(len(values), dtype=object)
        column[:] = values
        return column
    return np.array(values, dtype=np.float64)
