"""Which records have levels of categories that a model does not know."""

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import Columns, Record
from fraud_detection_api.contract.encoding import FEW_RECORDS, Encoder, LevelCodes, records_column
from fraud_detection_api.contract.formula import called, function_of

Found: TypeAlias = Mapping[int, tuple[str, ...]]
"""Index of a record → the categories whose level is unseen, in the contract's order. Other records are left out."""


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
    """Finds levels that the model did not learn, or that its contract does not list. A missing level is none of them.

    The encoder has at least one category.
    """

    def __init__(self, encoder: Encoder[LevelCodes]) -> None:
        self._categories = [_category(encoder, name, codes) for name, codes in encoder.level_codes.items()]

    def in_records(self, records: Sequence[Record], matrix: NDArray[np.float32]) -> Found:
        """Those of validated records; `matrix` float32 (n, columns) holds them encoded."""
        if len(records) > FEW_RECORDS:
            return self._suspected(matrix, lambda name, row: records[row].get(name))
        is_known = self._is_known
        for record in records:  # a generator for `all` would take longer than the test
            if not is_known(record.get):
                each = enumerate(records)
                return {row: names for row, record in each if (names := self._names(record.get))}
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

    def _suspected(self, matrix: NDArray[np.float32], level: Callable[[str, int], str | None]) -> Found:
        """Look only at records whose number may be that of an unseen level: comparing numbers takes a fraction."""
        found: dict[int, tuple[str, ...]] = {}
        for category in self._categories:
            for row in np.flatnonzero(_has_any(matrix[:, category.columns[0]], category.suspect)).tolist():
                if level(category.name, row) not in category.known:
                    found[row] = (*found.get(row, ()), category.name)
        return dict(sorted(found.items()))

    def _names(self, get: Callable[[str], Any]) -> tuple[str, ...]:
        return tuple(category.name for category in self._categories if get(category.name) not in category.known)

    @cached_property
    def _is_known(self) -> Callable[[Callable[[str], Any]], bool]:
        """Whether no level of a record is unseen, from its `get`: `get("a") in known_0 and get("b") in known_1 …`."""
        names = {f"known_{index}": category.known for index, category in enumerate(self._categories)}
        tests: list[ast.expr] = [
            ast.Compare(called("get", ast.Constant(category.name)), [ast.In()], [ast.Name(known, ast.Load())])
            for category, known in zip(self._categories, names, strict=True)
        ]
        return function_of("get", ast.BoolOp(ast.And(), [ast.Constant(value=True), *tests]), names)


def _category(encoder: Encoder[LevelCodes], name: str, codes: LevelCodes) -> _Category:
    listed = encoder.contract.features[name].known_levels or codes.levels.keys()
    unlisted = [number for level, number in codes.levels.items() if level not in listed]
    known: frozenset[str | None] = frozenset([*(listed & codes.levels.keys()), None])
    suspect = np.unique(np.array([codes.unseen, *unlisted]).astype(np.float32))
    tables = [codes.levels] if codes.records is None else [codes.levels, codes.records.levels]
    rows = [[table[level] for table in tables] for level in known if level is not None]
    numbers = np.unique(np.array(rows, dtype=np.float32).reshape(len(rows), len(tables)), axis=0)
    columns = [name] if codes.records is None else [name, records_column(name)]
    places = np.linspace(0, len(numbers) - 1, min(len(numbers), MOST_TRIED)).round().astype(np.int64)
    return _Category(name, [encoder.column_names.index(column) for column in columns], known, suspect, numbers[places])


def _has_any(numbers: NDArray[np.float32], suspect: NDArray[np.float32]) -> NDArray[np.bool_]:
    return numbers == suspect[0] if len(suspect) == 1 else np.isin(numbers, suspect)
