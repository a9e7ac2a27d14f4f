"""Groups of people from a separate file: they measure fairness, and are never features."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraud_detection_api.contract.declaration import Contract, Identifier
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.services.reporting.groups import EntityGroups
from fraud_detection_api.tables.checking import rows_text
from fraud_detection_api.tables.files import reading, scan_file
from fraud_detection_api.tables.reading import read_column, read_ids

MOST_COLUMNS = 20


def load_groups(
    path: Path | None, contract: Contract, *, records: Path, separator: str | None = None
) -> Mapping[str, NDArray[Any]]:
    """The columns of groups in a file of ids and groups, for each record of the file `records`, in its order.

    Without a file there are none. A column is float64 (n,) with NaN where all values are numbers, else an object array of
    str and None; both mean that no group is known. `separator` is that of `records`. Raises InvalidDataset where ids or
    columns do not fit.
    """
    if path is None:
        return {}
    grouped = _read(path, contract)
    theirs = _ids_of(records, grouped.identifier, separator)
    own = pl.DataFrame({"id": grouped.ids, "at": np.arange(len(grouped.ids))})
    found = pl.DataFrame({"id": theirs}).join(own.drop_nulls(), on="id", how="left", maintain_order="left")["at"]
    if found.null_count() == len(found):
        raise InvalidDataset(
            str(path), [f"has none of the ids in {records.name}: is {grouped.identifier.name!r} the same id?"]
        )
    return {column.name: _values(column.gather(found)) for column in grouped.columns}


def load_entity_groups(path: Path, contract: Contract, entities: Callable[[str], Sequence[str]]) -> EntityGroups:
    """The groups in such a file for decisions in a store, where `entities` are the forms in which an id may be stored.

    Raises InvalidDataset where ids or columns do not fit.
    """
    grouped = _read(path, contract)
    rows = {form: at for at, text in enumerate(grouped.ids) if text is not None for form in (text, *entities(text))}
    return EntityGroups(rows, {column.name: _values(column) for column in grouped.columns})


class _Grouped(NamedTuple):
    """A file of groups: `ids` as text, null for none, and a column for each way to group them."""

    identifier: Identifier
    ids: pl.Series
    columns: pl.DataFrame


def _read(path: Path, contract: Contract) -> _Grouped:
    identifier = contract.identifier
    if identifier is None:
        raise InvalidDataset(str(path), ["the contract has no [id], so no record can be found in this file; add it"])
    scan, _rows = scan_file(path)
    with reading(path):
        table = scan.collect()
    if problems := list(_problems(table, contract, identifier)):
        raise InvalidDataset(str(path), problems)
    return _Grouped(identifier, _ids(table[identifier.name], identifier), table.drop(identifier.name))


def _problems(table: pl.DataFrame, contract: Contract, identifier: Identifier) -> Iterator[str]:
    if identifier.name not in table.columns:
        yield f"has no column {identifier.name!r}, which is the contract's id"
        return
    ids = _ids(table[identifier.name], identifier)
    twice = np.flatnonzero((ids.is_duplicated() & ids.is_not_null()).to_numpy()) + 1
    if twice.size:
        yield f"an id must occur once: {rows_text(twice)} repeat an id"
    groups = [name for name in table.columns if name != identifier.name]
    if not 0 < len(groups) <= MOST_COLUMNS:
        yield f"must have 1 to {MOST_COLUMNS} columns of groups beside {identifier.name!r}, and has {len(groups)}"
    yield from _feature_problems(groups, contract)


def _feature_problems(groups: Sequence[str], contract: Contract) -> Iterator[str]:
    for name in groups:
        if name in contract.inputs or name in contract.derived:
            yield f"{name!r} is a feature of the contract: declare it protected there, or name this column otherwise"


def _ids(column: pl.Series, identifier: Identifier) -> pl.Series:
    """Ids as text, null for none."""
    ids, unreadable, _missing = read_ids(column, identifier.dtype)
    return (read_ids(column, "str")[0] if unreadable.any() else ids).cast(pl.String)


def _ids_of(records: Path, identifier: Identifier, separator: str | None) -> pl.Series:
    scan, _rows = scan_file(records, separator)
    with reading(records, separator):
        if identifier.name not in scan.collect_schema().names():
            raise InvalidDataset(str(records), [f"has no column {identifier.name!r}, by which groups are found"])
        return _ids(scan.select(identifier.name).collect()[identifier.name], identifier)


def _values(column: pl.Series) -> NDArray[Any]:
    numbers, unreadable, _missing = read_column(column, "float")[:3]
    if column.dtype != pl.Boolean and not unreadable.any():
        return np.asarray(numbers, dtype=np.float64)
    texts = column.cast(pl.String).str.strip_chars()
    return np.array([text or None for text in texts], dtype=object)
