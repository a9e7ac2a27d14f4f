"""The history features of many events at once: those of a file, in which each record is an event of its entities."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import Columns
from fraud_detection_api.features.kernels import accumulate, answer_all, group
from fraud_detection_api.features.layout import LARGEST, LOW_BITS, TIME, Family, Lane, Layout

_TO_THE_LOW = float(2**LOW_BITS)


class Events(NamedTuple):
    """Events, (n,) each, in the order in which they arrived.

    `times`, int64, are in microseconds since 1970. `codes`, int64, number the values of a column that is a key or whose
    values are told apart, from 0, and -1 for missing ones. `columns` are those that are measured, or that conditions read.
    `is_fraud`, bool, says what the labels say.
    """

    times: NDArray[np.int64]
    codes: Mapping[str, NDArray[np.int64]]
    columns: Columns
    is_fraud: NDArray[np.bool_]

    def at(self, indexes: NDArray[np.int64]) -> "Events":
        """Those at the indexes, int64 (k,), in that order."""
        codes = {name: column[indexes] for name, column in self.codes.items()}
        columns = {name: column[indexes] for name, column in self.columns.items()}
        return Events(self.times[indexes], codes, columns, self.is_fraud[indexes])


def microseconds_of(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Times in microseconds, int64 (n,), of times in seconds, float64 (n,), none of them missing."""
    return np.rint(seconds * 1e6).astype(np.int64)


EVENTS_AT_ONCE = 500_000
"""Entities of about so many events are folded at a time by a thread, so that a large file needs few rows in memory."""


def fold(
    layout: Layout,
    events: Events,
    *,
    fill: Callable[["Folding", NDArray[np.float64]], None] | None = None,
    out: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """The history features of each event's record, float64 (n, features of the contract) with NaN for missing.

    Features that the layout lacks are NaN. They are written to `out`, if it is given, which may be a file. `fill` has them
    computed, `in_threads` for example.
    """
    found = np.empty((len(events.times), len(layout.contract.history))) if out is None else out
    found[:] = np.nan
    by_time = None if np.all(events.times[1:] >= events.times[:-1]) else np.argsort(events.times, kind="stable")
    for family, places in zip(layout.families, layout.places, strict=True):
        order, firsts = _grouped(_entities(family, events), by_time)
        folding = Folding(layout, family, places, _read_by(layout, family, events), order, firsts)
        (fill or in_threads(1))(folding, found)
    return found


def in_threads(count: int) -> Callable[["Folding", NDArray[np.float64]], None]:
    """Have so many threads of this process compute features."""

    def fill(folding: "Folding", found: NDArray[np.float64]) -> None:
        with ThreadPoolExecutor(count) as pool:
            for _ in pool.map(folding.write, folding.shares(), repeat(np.asarray(found))):
                pass  # errors are raised here

    return fill


def _read_by(layout: Layout, family: Family, events: Events) -> Events:
    """The events, with the columns alone that the family's lanes read."""
    codes = {lane.of for lane in family.lanes if lane.kind == "code"}
    read = {lane.of for lane in family.lanes if lane.kind != "code"}
    read |= {name for lane in family.lanes if lane.where for name in layout.conditions[lane.where].names}
    return events._replace(
        codes={name: column for name, column in events.codes.items() if name in codes},
        columns={name: column for name, column in events.columns.items() if name in read},
    )


class Folding(NamedTuple):
    """Folds a family's events, which are in the `order` of entities, whose events begin at `firsts`.

    `places` are those of the family's features in the contract's order.
    """

    layout: Layout
    family: Family
    places: NDArray[np.int64]
    events: Events
    order: NDArray[np.int64]
    firsts: NDArray[np.int64]

    def shares(self) -> list["Share"]:
        """The entities in shares of about EVENTS_AT_ONCE events, which do not depend on each other."""
        count = max(1, int(self.firsts[-1]) // EVENTS_AT_ONCE)
        cuts = np.searchsorted(self.firsts, np.linspace(0, self.firsts[-1], count + 1)[1:-1])
        ends = [0, *np.unique(cuts).tolist(), len(self.firsts) - 1]
        return [Share(*pair) for pair in pairwise(ends)]

    def write(self, share: "Share", found: NDArray[np.float64]) -> None:
        """Write the features of a share's events to their rows of `found`."""
        self._answer(share, self._order(share), self.places, found)

    def answers(self, share: "Share") -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The indexes of a share's events, and their features, float64 (n, features of the family)."""
        order = self._order(share)
        found = np.empty((len(order), len(self.places)))
        self._answer(share, np.arange(len(order)), np.arange(len(self.places)), found)
        return order, found

    def _order(self, share: "Share") -> NDArray[np.int64]:
        return self.order[self.firsts[share.begin] : self.firsts[share.end]]

    def _answer(
        self, share: "Share", rows_of: NDArray[np.int64], places: NDArray[np.int64], found: NDArray[np.float64]
    ) -> None:
        layout, family, order = self.layout, self.family, self._order(share)
        firsts = self.firsts[share.begin : share.end + 1] - self.firsts[share.begin]
        own = self.events.at(order)
        rows = np.empty((len(order), family.width), dtype=np.int64)
        rows[:, TIME] = own.times
        for column, lane in enumerate(family.lanes, 1):
            rows[:, column] = added(layout, lane, own)
        accumulate(rows, family.totals, firsts)
        answer_all(rows, firsts, rows_of, family.edges, family.asked, family.units, slots_of(family), places, found)


class Share(NamedTuple):
    """The entities from number `begin` to before `end`."""

    begin: int
    end: int


def slots_of(family: Family) -> int:
    """The slots of a hash table for the values that a family's `distinct` counts: a power of two, less than half used."""
    at_most = max((int(asked[8]) for asked in family.asked if asked[7] >= 0), default=0)
    return 1 << (2 * at_most + 1).bit_length()


def _entities(family: Family, events: Events) -> NDArray[np.int64]:
    """The number of each event's entity, from 0; -1 where a key is missing."""
    entities = events.codes[family.keys[0]]
    for name in family.keys[1:]:
        codes = events.codes[name]
        both = np.where((entities < 0) | (codes < 0), -1, entities * (codes.max(initial=0) + 1) + codes)
        numbers, entities = np.unique(both, return_inverse=True)
        entities = entities - (1 if len(numbers) and numbers[0] < 0 else 0)
    return np.ascontiguousarray(entities, dtype=np.int64)


def _grouped(
    entities: NDArray[np.int64], by_time: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The indexes of events by entity, then by time, then as they arrived, and where each entity's begin."""
    firsts = np.empty(entities.max(initial=-1) + 2, dtype=np.int64)
    order = np.empty(len(entities), dtype=np.int64)
    group(entities if by_time is None else entities[by_time], firsts, order)
    order = order[: firsts[-1]]
    return (order if by_time is None else by_time[order]), firsts


def added(layout: Layout, lane: Lane, events: Events) -> NDArray[np.int64]:
    """What each event adds to a lane, int64 (n,)."""
    rows = len(events.times)
    counts = np.ones(rows, dtype=np.bool_)
    if lane.where is not None:
        counts = layout.conditions[lane.where].evaluate(events.columns)
    if lane.kind == "fraud":
        return (counts & events.is_fraud).astype(np.int64)
    if lane.of is None:
        return counts.astype(np.int64)
    if lane.kind == "code":
        return np.where(counts, events.codes[lane.of] + 1, 0)
    counts = counts & ~np.isnan(events.columns[lane.of])
    if lane.kind == "count":
        return counts.astype(np.int64)
    low, high = parts(np.where(counts, events.columns[lane.of], 0.0), layout.units(lane.of))
    return low if lane.kind == "low" else high


def parts(numbers: NDArray[np.float64], units: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The low and the high part of numbers in units, int64 (n,) each: high x 2^32 + low, with low from 0 to 2^32 - 1."""
    counted = np.rint(np.clip(numbers, -LARGEST, LARGEST) * units)
    high = np.floor(counted / _TO_THE_LOW)
    return (counted - high * _TO_THE_LOW).astype(np.int64), high.astype(np.int64)
