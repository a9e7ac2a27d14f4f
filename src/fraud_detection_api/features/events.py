"""A record as an event: its time, its entities, and what it adds to their rows."""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias

from pydantic_core import to_json

from fraud_detection_api.contract.columns import Record
from fraud_detection_api.features.layout import LARGEST, LOW_BITS, Family, Lane, Layout

EntityKey: TypeAlias = int | str | tuple[int | str, ...]
"""What names an entity in a family: the value of its column, or of several."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CODE_BYTES = 8


class Event(NamedTuple):
    """For each family, the entity, None where a key is missing, and what is added to its rows.

    `added`, of 1 + lanes whole numbers each, begins with the time in microseconds since 1970.
    """

    entities: tuple[EntityKey | None, ...]
    added: tuple[list[int], ...]


StepKind: TypeAlias = Literal["ask", "add", "remove", "fraud", "no fraud"]

STEP_KINDS: tuple[StepKind, ...] = ("ask", "add", "remove", "fraud", "no fraud")
"""The kinds of steps, by their number in the kernels."""


class Step(NamedTuple):
    """A step through what happened.

    An event's record is asked about, the event has arrived, the one that arrived last is taken back, or an event that
    arrived before is known as fraud from now on, or no longer.
    """

    kind: StepKind
    event: Event


class EventReader:
    """Makes events of records of one contract."""

    def __init__(self, layout: Layout) -> None:
        contract = layout.contract
        assert contract.time is not None, "a contract with history has a time"
        self._time = contract.time.name
        self._identifier = None if contract.identifier is None else contract.identifier.name
        self._keys = [family.keys for family in layout.families]
        self._adds = [list(_added(layout, family)) for family in layout.families]

    def event(self, record: Record, entity: str | None) -> Event:
        """The event of a record, whose time is a datetime or ISO 8601 text; `entity` is the id as the store has it.

        Raises ValueError, LookupError or TypeError where it has no time.
        """
        time = _microseconds(record[self._time])
        entities = tuple([self._entity(keys, record, entity) for keys in self._keys])
        added = []
        for adds in self._adds:
            row = [time]
            for add in adds:
                row += add(record)
            added.append(row)
        return Event(entities, tuple(added))

    def _entity(self, keys: tuple[str, ...], record: Record, entity: str | None) -> EntityKey | None:
        if len(keys) == 1:
            return entity if keys[0] == self._identifier else record.get(keys[0])
        values: list[Any] = [entity if name == self._identifier else record.get(name) for name in keys]
        return None if None in values else tuple(values)


def _microseconds(time: datetime | str) -> int:
    moment = datetime.fromisoformat(time) if isinstance(time, str) else time
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


def _added(layout: Layout, family: Family) -> Iterator[Callable[[Record], Sequence[int]]]:
    """What a record adds to the lanes, one or two at a time, as `folding.added` has it for many."""
    for lane in family.lanes:
        if lane.kind != "high":  # it follows the low part, and both are one number's
            counts = None if lane.where is None else layout.conditions[lane.where].for_one_record()
            adds = _adds(lane, layout.units(lane.of) if lane.kind == "low" and lane.of else 1.0)
            yield adds if counts is None else _if_counted(counts, adds, (0, 0) if lane.kind == "low" else _NOTHING)


_NOTHING, _ONE = (0,), (1,)


def _if_counted(
    counts: Callable[[Record], bool], adds: Callable[[Record], Sequence[int]], nothing: Sequence[int]
) -> Callable[[Record], Sequence[int]]:
    return lambda record: adds(record) if counts(record) else nothing


def _adds(lane: Lane, units: float) -> Callable[[Record], Sequence[int]]:
    """What a record that is counted adds. Its own label is not known."""
    of = lane.of or ""
    if lane.kind == "low":
        return lambda record: (0, 0) if (number := record.get(of)) is None else _parts(number, units)
    if lane.kind == "code":
        return lambda record: (code_of(record.get(of)),)
    if lane.kind == "count":
        return lambda record: _ONE if lane.of is None or record.get(of) is not None else _NOTHING
    return lambda _record: _NOTHING


def _parts(number: float, units: float) -> tuple[int, int]:
    """The low and the high part of a number in units, as `folding.parts` has them."""
    counted = round(number * units) if -LARGEST <= number <= LARGEST else round(math.copysign(LARGEST, number) * units)
    return counted & _LOW, counted >> LOW_BITS


_LOW = 2**LOW_BITS - 1


@lru_cache(maxsize=65_536)
def code_of(value: Any) -> int:
    """A number from -2^63 to 2^63 - 1 that stands for a value, and for no other that anybody meets; 0 for none."""
    if value is None:
        return 0
    digest = hashlib.blake2b(to_json(value), digest_size=_CODE_BYTES).digest()
    return int.from_bytes(digest, "big", signed=True) or 1
