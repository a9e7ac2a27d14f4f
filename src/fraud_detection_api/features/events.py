"""A record as an event: its time, its entities, and what it adds to their rows."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from fraud_detection_api.contract.columns import Record
from fraud_detection_api.contract.times import parse_time
from fraud_detection_api.features.layout import LARGEST, LOW_BITS, Family, Lane, Layout

EntityKey: TypeAlias = int | str | tuple[int | str, ...]
"""What names an entity in a family: the value of its column, or of several."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CODE_BYTES = 8


class Event(NamedTuple):
    """`time` is in microseconds since 1970. For each family, the entity, None where a key is missing, and what is added.

    `added`, int64 (1 + lanes,) each, begins with the time.
    """

    time: int
    entities: tuple[EntityKey | None, ...]
    added: tuple[NDArray[np.int64], ...]


class EventReader:
    """Makes events of records of one contract."""

    def __init__(self, layout: Layout) -> None:
        contract = layout.contract
        assert contract.time is not None, "a contract with history has a time"
        self._time = contract.time.name
        self._identifier = None if contract.identifier is None else contract.identifier.name
        self._families = [(family, [_adds(layout, lane) for lane in family.lanes]) for family in layout.families]

    def event(self, record: Record, entity: str | None) -> Event:
        """The event of a record, whose time is a datetime or ISO 8601 text; `entity` is the id as the store has it.

        Raises ValueError or LookupError where it has no time.
        """
        time = _microseconds(record[self._time])
        entities = tuple(self._entity(family, record, entity) for family, _ in self._families)
        lanes = (np.array([time, *(adds(record) for adds in own)], dtype=np.int64) for _, own in self._families)
        return Event(time, entities, tuple(lanes))

    def _entity(self, family: Family, record: Record, entity: str | None) -> EntityKey | None:
        values = [entity if name == self._identifier else record.get(name) for name in family.keys]
        if None in values:
            return None
        return values[0] if len(values) == 1 else tuple(values)  # type: ignore[arg-type]


def _microseconds(time: datetime | str | None) -> int:
    moment = parse_time(time) if isinstance(time, str) else time
    if moment is None:
        raise ValueError("no time")
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


def _adds(layout: Layout, lane: Lane) -> Callable[[Record], int]:
    """What a record adds to a lane, as `folding.added` has it for many. Its own label is not known."""
    counts = _always if lane.where is None else layout.conditions[lane.where].for_one_record()
    of = lane.of or ""
    if lane.kind == "fraud":
        return lambda _record: 0
    if lane.kind == "code":
        return lambda record: code_of(record.get(of)) if counts(record) else 0
    if lane.kind == "count":
        return lambda record: int(counts(record) and (lane.of is None or record.get(of) is not None))
    part, units = ("low", "high").index(lane.kind), layout.units(of)
    return lambda record: _parts(record[of], units)[part] if record.get(of) is not None and counts(record) else 0


def _always(_record: Record) -> bool:
    return True


def _parts(number: float, units: float) -> tuple[int, int]:
    """The low and the high part of a number in units, as `folding.parts` has them."""
    counted = round(min(max(float(number), -LARGEST), LARGEST) * units)
    return counted & _LOW, counted >> LOW_BITS


_LOW = 2**LOW_BITS - 1


@lru_cache(maxsize=65_536)
def code_of(value: bool | int | float | str | None) -> int:
    """A number from -2^63 to 2^63 - 1 that stands for a value, and for no other that anybody meets; 0 for none."""
    if value is None:
        return 0
    digest = hashlib.blake2b(to_json(value), digest_size=_CODE_BYTES).digest()
    return int.from_bytes(digest, "big", signed=True) or 1
