"""Stores as earlier releases left them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, get_type_hints

from fraud_detection_api.decision.row_format import columns_of, types_of
from fraud_detection_api.decision.stored import StoredDecision

_DECLARED = get_type_hints(StoredDecision, include_extras=True)
_SINCE = {column.field: column.sealed_since for column in columns_of(StoredDecision)}
_LATER = [column for column in columns_of(StoredDecision) if column.sealed_since > 1]
_SQL = {str: "TEXT", int: "BIGINT"}
_SQLITE = {str: "TEXT", int: "INTEGER"}


def decision_of(version: int) -> Any:
    """The type of a decision as it was when seals had that version."""
    fields = [(name, kind) for name, kind in _DECLARED.items() if _SINCE[name] <= version]
    return NamedTuple("Earlier", fields)


@contextmanager
def of_first_seals(database) -> Iterator[None]:
    """Decisions that are stored in the block are in a table that has no columns of later releases yet."""
    types, names = types_of(StoredDecision), _SQLITE if database.dialect == "sqlite" else _SQL
    with database.writing() as session:
        for column in _LATER:
            session.change(f"ALTER TABLE decisions ADD COLUMN {column.name} {names[types[column.field]]}")
    yield
    with database.writing() as session:
        for column in _LATER:
            session.change(f"ALTER TABLE decisions DROP COLUMN {column.name}")
