"""The format of stored rows, derived from one declaration: a NamedTuple whose last field is `seal`.

A row's JSON is an array of its fields in declared order, then the seal as hex digits. The seal covers that same JSON.
"""

import hashlib
import hmac
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Generic, Literal, NamedTuple, TypeVar, get_args, get_type_hints

from pydantic.fields import FieldInfo
from pydantic_core import to_json

_DIGEST_BYTES = 16
SEAL_BYTES = 1 + _DIGEST_BYTES
"""A seal: the version of what it covers, and a digest."""

FIRST_SEAL = b"\1"
"""The first version of seals."""

Table = Literal["decisions", "deciders"]
Row = TypeVar("Row", bound=NamedTuple)


class Stored(NamedTuple):
    """Marks a field, in `Annotated`, that is more than a column of `decisions` with the field's own name.

    `name` is the column's in SQL and on the wire. `is_erasable` says that an erasure makes it None. `sealed_since` is the
    first version of the seal that covers it.
    """

    name: str = ""
    table: Table = "decisions"
    is_erasable: bool = False
    sealed_since: int = 1


class Column(NamedTuple):
    """What a field's declaration says. `wire` is its annotation where the wire shows the plain value, else None."""

    field: str
    name: str
    table: Table
    is_erasable: bool
    sealed_since: int
    wire: Any


def columns_of(row_type: type[NamedTuple]) -> tuple[Column, ...]:
    """The columns that a row type declares, in order."""
    return tuple(_column(field, hint) for field, hint in get_type_hints(row_type, include_extras=True).items())


def types_of(row_type: type[NamedTuple]) -> dict[str, type]:
    """The type of each field's values that are not None; that of a Literal of texts is str."""
    hints = get_type_hints(row_type).items()
    return {name: next((each for each in (hint, *get_args(hint)) if each in _NOT_TEXT), str) for name, hint in hints}


_NOT_TEXT = (int, float, bytes)


def picked(row_type: type[NamedTuple], fields: Iterable[str]) -> Callable[[Any], tuple[Any, ...]]:
    """A function that takes these fields, two or more, out of a row: by name, at the speed of an index."""
    return itemgetter(*map(row_type._fields.index, fields))


class RowFormat(Generic[Row]):
    """JSON and seals of rows. What follows from the declaration is derived once, as thousands of rows a second use it.

    Columns are declared in the order of `sealed_since`, so that an earlier version of the seal covers the first of them.
    """

    def __init__(self, row_type: type[Row]) -> None:
        *columns, last = columns_of(row_type)
        versions = [column.sealed_since for column in columns]
        assert last.field == "seal", "the seal is the last field"
        assert versions == sorted(versions), "fields that a later seal covers follow the others"
        self._make: Callable[[Iterable[Any]], Row] = row_type._make
        self._version = bytes([versions[-1]])
        self._covered = {bytes([version]): bisect_right(versions, version) for version in range(1, versions[-1] + 1)}
        self._absent = {covered: (None,) * (len(columns) - covered) for covered in self._covered.values()}

    def seals(self, rows: Iterable[Iterable[str]], key: bytes) -> list[bytes]:
        """The seals of new rows from the JSON of their fields, in declared order without the seal."""
        return [seal(self._version, f"[{','.join(fields)}]".encode(), key) for fields in rows]

    def values(self, row: Row) -> tuple[Any, ...]:
        """The values of the JSON of a row that has its seal."""
        *fields, digest = row
        return *fields, digest.hex()

    def row(self, values: Sequence[Any]) -> Row:
        """The row from the values of its JSON; fields that did not exist when it was written are None.

        Raises ValueError or TypeError where no version writes such values.
        """
        *fields, digits = values
        fields += self._absent.get(len(fields), ())
        fields.append(bytes.fromhex(digits))
        return self._make(fields)

    def sealed(self, row: Row, key: bytes) -> Row:
        """The row with the seal that `key` gives its other fields, whatever seal it had."""
        *fields, _ = row
        return self._make((*fields, seal(self._version, to_json(fields), key)))

    def is_intact(self, row: Row, key: bytes) -> bool:
        """Whether the row's seal is that of its other fields; those that it does not cover must be None."""
        *fields, stored = row
        version = stored[:1]
        covered = self._covered.get(version, 0)
        own = seal(version, to_json(fields[:covered]), key)
        return (
            covered > 0
            and hmac.compare_digest(stored, own)
            and not any(value is not None for value in fields[covered:])
        )


def json_texts(column: Sequence[Any]) -> list[str]:
    """The JSON of each value of a column: numbers, truths, texts or None.

    >>> json_texts([0.1, None, 5.0]), json_texts(["a,b", 1])
    (['0.1', 'null', '5.0'], ['"a,b"', '1'])
    """
    # in one step; the JSON of a text has no line breaks
    return to_json(column, indent=1).decode()[3:-2].split(",\n ") if column else []


def _column(field: str, hint: Any) -> Column:
    marks = getattr(hint, "__metadata__", ())
    stored = next((mark for mark in marks if isinstance(mark, Stored)), Stored())
    on_wire = any(isinstance(mark, FieldInfo) for mark in marks)
    return Column(field, *stored._replace(name=stored.name or field), wire=hint if on_wire else None)


def seal(version: bytes, content: bytes, key: bytes) -> bytes:
    r"""BLAKE2b, keyed where `key` is not empty, so that only the key's holders can make it.

    >>> seal(b"\x01", b"[]", b"").hex()
    '017ebb3c7c2a87b1a2f8a7ed729ecb040d'
    """
    digest = _begun(key).copy()
    digest.update(content)
    return version + digest.digest()


@lru_cache(maxsize=2)
def _begun(key: bytes) -> "hashlib.blake2b":
    """BLAKE2b before any content: to copy it takes less time than to set it up with a key."""
    return hashlib.blake2b(digest_size=_DIGEST_BYTES, key=key)
