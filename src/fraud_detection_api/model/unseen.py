"""Which records have what a model's training data never had: levels of categories, and missing values."""

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import Columns, Record
from fraud_detection_api.contract.encoding import FEW_RECORDS, Encoder, LevelCodes, records_column
from fraud_detection_api.contract.formula import called, function_of
from fraud_detection_api.decision.decided import UNSEEN_LEVEL, UNSEEN_MISSING, Unseen

Found: TypeAlias = Mapping[int, tuple[Unseen, ...]]
"""Index of a record → what is unseen: of categories in the contract's order, then of others. Other records are left out.

Whether a review is required is found later.
"""


MOST_TRIED = 64
"""So many levels show what a category can do: a record is scored once for each."""


class _Category(NamedTuple):
    """A category: its columns of the matrix, the numbers that unseen levels may have there, and those of known levels."""

    name: str
    columns: list[int]
    known: frozenset[str | None]
    suspect: NDArray[np.float32]
    tried: NDArray[np.float32]


class UnseenLevels:
    """Finds levels that the model did not learn, or that its contract does not list.

    And missing values of the features that were `never_missing` in training.
    """

    def __init__(self, encoder: Encoder[LevelCodes], never_missing: Sequence[str] = ()) -> None:
        codes = encoder.level_codes
        self._categories = [_category(encoder, name, codes[name], may_miss=name not in never_missing) for name in codes]
        # the first column of a datetime is missing where the datetime is
        read = {name: [name, *encoder.contract.inputs[name].encoded(name)] for name in never_missing}
        self._present = {
            name: next(at for at, column in enumerate(encoder.column_names) if column in read[name])
            for name in never_missing
            if name not in codes
        }

    def in_records(self, records: Sequence[Record], matrix: NDArray[np.float32]) -> Found:
        """Those of validated records; `matrix` float32 (n, columns) holds them encoded."""
        if len(records) > FEW_RECORDS:
            return self._suspected(matrix, lambda name, row: records[row].get(name))
        is_known = self._is_known
        for record in records:  # a generator for `all` would take longer than the test
            if not is_known(record.get):
                each = enumerate(records)
                return {row: unseen for row, record in each if (unseen := self._unseen(record.get))}
        return {}

    def in_columns(self, columns: Columns, matrix: NDArray[np.float32]) -> Found:
        """Those of records in columns, (n,) each; `matrix` float32 (n, columns) holds them encoded."""
        return self._suspected(matrix, lambda name, row: columns[name][row])

    def tried(self, name: str) -> tuple[list[int], NDArray[np.float32]]:
        """A category's columns of the matrix, and the numbers of its known levels there, float32 (k, columns).

        k <= MOST_TRIED: of more levels, those at even distances in their order, with the first and the last.
        """
        category = next(each for each in self._categories if each.name == name)
        return category.columns, category.tried

    def _suspected(self, matrix: NDArray[np.float32], value: Callable[[str, int], Any]) -> Found:
        """Look only at records whose number may be that of something unseen: comparing numbers takes a fraction."""
        found: dict[int, tuple[Unseen, ...]] = {}
        for category in self._categories:
            for row in np.flatnonzero(_has_any(matrix[:, category.columns[0]], category.suspect)).tolist():
                if (level := value(category.name, row)) not in category.known:
                    found[row] = (*found.get(row, ()), _unseen(category.name, level))
        for name, column in self._present.items():
            for row in np.flatnonzero(np.isnan(matrix[:, column])).tolist():
                if (number := value(name, row)) is None or number != number:  # noqa: PLR0124 NaN
                    found[row] = (*found.get(row, ()), _unseen(name, None))
        return dict(sorted(found.items()))

    def _unseen(self, get: Callable[[str], Any]) -> tuple[Unseen, ...]:
        levels = ((each.name, get(each.name), each.known) for each in self._categories)
        unseen = [_unseen(name, level) for name, level, known in levels if level not in known]
        return (*unseen, *(_unseen(name, None) for name in self._present if get(name) is None))

    @cached_property
    def _is_known(self) -> Callable[[Callable[[str], Any]], bool]:
        """Whether nothing of a record is unseen, from its `get`: `get("a") in known_0 and get("b") is not None and …`."""
        names = {f"known_{index}": category.known for index, category in enumerate(self._categories)}
        tests: list[ast.expr] = [
            ast.Compare(called("get", ast.Constant(category.name)), [ast.In()], [ast.Name(known, ast.Load())])
            for category, known in zip(self._categories, names, strict=True)
        ]
        present: list[ast.expr] = [
            ast.Compare(called("get", ast.Constant(name)), [ast.IsNot()], [ast.Constant(None)])
            for name in self._present
        ]
        return function_of("get", ast.BoolOp(ast.And(), [ast.Constant(value=True), *tests, *present]), names)


def _unseen(name: str, value: object) -> Unseen:
    return Unseen(name, requires_review=False, code=UNSEEN_MISSING if value is None else UNSEEN_LEVEL)


def _category(encoder: Encoder[LevelCodes], name: str, codes: LevelCodes, *, may_miss: bool) -> _Category:
    listed = encoder.contract.inputs[name].known_levels or codes.levels.keys()
    unlisted = [number for level, number in codes.levels.items() if level not in listed]
    levels = frozenset(listed & codes.levels.keys())
    known: frozenset[str | None] = levels | {None} if may_miss else levels
    suspected = [codes.unseen, *unlisted] if may_miss else [codes.unseen, codes.missing, *unlisted]
    suspect = np.unique(np.array(suspected).astype(np.float32))
    tables = [codes.levels] if codes.records is None else [codes.levels, codes.records.levels]
    rows = [[table[level] for table in tables] for level in levels]
    numbers = np.unique(np.array(rows, dtype=np.float32).reshape(len(rows), len(tables)), axis=0)
    columns = [name] if codes.records is None else [name, records_column(name)]
    places = np.linspace(0, len(numbers) - 1, min(len(numbers), MOST_TRIED)).round().astype(np.int64)
    return _Category(name, [encoder.column_names.index(column) for column in columns], known, suspect, numbers[places])


def _has_any(numbers: NDArray[np.float32], suspect: NDArray[np.float32]) -> NDArray[np.bool_]:
    return numbers == suspect[0] if len(suspect) == 1 else np.isin(numbers, suspect)
