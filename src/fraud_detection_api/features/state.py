"""The events of entities in memory: what a server answers from, and what a replay folds again."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json, to_json

from fraud_detection_api.contract.windows import FOREVER
from fraud_detection_api.features.events import STEP_KINDS, EntityKey, Event, Step
from fraud_detection_api.features.folding import slots_of
from fraud_detection_api.features.kernels import ask, trim, walk
from fraud_detection_api.features.layout import TIME, Family, Layout

_FEWEST_ROWS = 4
_FIRST_ROWS = 1 << 12
_SWEPT_AT_ONCE = 2_000
_NONE = [0, 0, _FEWEST_ROWS]
"""The block of an entity that has no events."""
_NUMBERS = {kind: number for number, kind in enumerate(STEP_KINDS)}
_ASK, _ADD = _NUMBERS["ask"], _NUMBERS["add"]
_LABELS = (_NUMBERS["fraud"], _NUMBERS["no fraud"])


class History:
    """The events that have arrived, by entity. Only one thread may use it.

    `newest` is the time of the newest event, in microseconds since 1970; an event from the future counts as of its
    arrival. Records that are too late for the layout have no history, so that events which only they would need can go.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout, self.newest = layout, -FOREVER
        self._tables = [EntityTable(family) for family in layout.families]

    def answers(self, requests: Sequence[Sequence[Event]]) -> NDArray[np.float64]:
        """The history features of the records of requests, float64 (n, features of the contract), NaN for missing.

        Each record sees the events that have arrived, and those of the request's records before it. Nothing is changed.
        """
        if any(len(request) > 1 for request in requests):
            return self.walk([step for request in requests for step in seeing_each_other(request)])
        events = [event for request in requests for event in request]
        found = np.full((len(events), len(self.layout.contract.history)), np.nan)
        for number, (table, places) in enumerate(zip(self._tables, self.layout.places, strict=True)):
            table.ask(events, number, found, places)
        found[[self._is_late(event) for event in events]] = np.nan
        return found

    def walk(self, steps: Sequence[Step]) -> NDArray[np.float64]:
        """Take steps in order. Returns the features of the records that they ask about, as `answers` does."""
        kinds = [_NUMBERS[step.kind] for step in steps]
        found = np.full((kinds.count(_ASK), len(self.layout.contract.history)), np.nan)
        if steps:
            for number, (table, places) in enumerate(zip(self._tables, self.layout.places, strict=True)):
                table.walk(kinds, [step.event for step in steps], number, found, places)
            found[list(self._passed(steps))] = np.nan
        return found

    def sweep(self) -> None:
        """Forget entities whose events no record can need, some at each call."""
        for table in self._tables:
            table.sweep(_SWEPT_AT_ONCE)

    def _passed(self, steps: Sequence[Step]) -> Iterator[bool]:
        """Pass steps, and say of each record that is asked about whether it is too late."""
        for kind, event in steps:
            if kind == "ask":
                yield self._is_late(event)
            elif event.arrived is not None and kind == "add":
                self.newest = max(self.newest, min(event.time, event.arrived))
        self._age()

    def _age(self) -> None:
        for table in self._tables:
            table.needed_after = self.newest - self.layout.late - table.span

    def _is_late(self, event: Event) -> bool:
        return event.time < self.newest - self.layout.late

    def add(self, event: Event) -> None:
        """An event has arrived."""
        self.walk([Step("add", event)])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that is kept, for `restore`."""
        return {"newest": np.array([self.newest])} | {
            f"{number}.{name}": array
            for number, table in enumerate(self._tables)
            for name, array in table.arrays().items()
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep what another history of the same layout kept. Raises ValueError or LookupError for other arrays."""
        self.newest = int(arrays["newest"][0])
        for number, table in enumerate(self._tables):
            table.restore(arrays[f"{number}.rows"], arrays[f"{number}.blocks"], arrays[f"{number}.entities"])
        self._age()

    @property
    def size_bytes(self) -> int:
        """The memory of all rows."""
        return sum(table.size_bytes for table in self._tables)

    @property
    def rows(self) -> int:
        """Events, counted once for each of their entities."""
        return sum(table.events for table in self._tables)


def seeing_each_other(request: Sequence[Event]) -> Iterator[Step]:
    """Steps that ask about the records of a request, each of which sees those before it. Nothing is changed in the end."""
    for event in request[:-1]:
        yield Step("ask", event)
        yield Step("add", event)
    yield from (Step("ask", event) for event in request[-1:])
    yield from (Step("remove", event) for event in reversed(request[:-1]))


class EntityTable:
    """The events of a family's entities: a block of rows for each, which moves to one of twice the size when it is full."""

    def __init__(self, family: Family) -> None:
        self._family, self.span = family, family.span
        self.needed_after = -2 * FOREVER  # no record needs events up to then, in microseconds since 1970
        self._to_sweep: list[EntityKey] = []
        self._rows = np.empty((_FIRST_ROWS, family.width), dtype=np.int64)
        self._end = _FEWEST_ROWS  # the first rows are those of entities without events
        self._free: dict[int, list[int]] = defaultdict(list)
        self._blocks: dict[EntityKey, list[int]] = {}  # the first row, how many are used, and how many there are
        slots = slots_of(family)
        self._seen, self._marks, self._mark = np.zeros(slots, np.int64), np.zeros(slots, np.int64), 1
        self.events = 0

    @property
    def size_bytes(self) -> int:
        return self._rows.nbytes

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Rows, int64 (n, 1 + lanes); blocks, int64 (entities, 3); and the entities as bytes of JSON, uint8."""
        blocks = np.array([*self._blocks.values()], dtype=np.int64).reshape(-1, 3)
        entities = np.frombuffer(to_json([*self._blocks]), dtype=np.uint8)
        return {"rows": self._rows[: self._end], "blocks": blocks, "entities": entities}

    def restore(self, rows: NDArray[np.int64], blocks: NDArray[np.int64], entities: NDArray[np.uint8]) -> None:
        """Take over what `arrays` gave. Raises ValueError."""
        if rows.shape[1:] != (self._family.width,):
            raise ValueError("rows of another layout")
        keys = [tuple(key) if isinstance(key, list) else key for key in from_json(entities.tobytes())]
        self._rows, self._end = rows, len(rows)
        self._blocks = dict(zip(keys, blocks.tolist(), strict=True))
        self.events = int(blocks[:, 1].sum())
        self._free = defaultdict(list)  # those that were free then stay unused

    def ask(self, events: Sequence[Event], number: int, found: NDArray[np.float64], places: NDArray[np.int64]) -> None:
        """Write the features of records that do not see each other to these places of `found`, row after row.

        `number` is the family's in events. Where a key is missing, nothing is written.
        """
        family = self._family
        named = [
            (index, entity) for index, event in enumerate(events) if (entity := event.entities[number]) is not None
        ]
        if not named:
            return
        blocks = [self._with_room(entity) if entity in self._blocks else _NONE for _, entity in named]
        own = [events[index] for index, _ in named]
        firsts, lengths = np.array([each[:2] for each in blocks], dtype=np.int64).T.copy()
        answers = np.empty((len(own), len(family.names)))
        ask(
            self._rows,
            firsts,
            lengths,
            family.totals,
            np.array([event.added[number] for event in own], dtype=np.int64),
            family.edges,
            family.asked,
            family.units,
            self._seen,
            self._marks,
            self._mark,
            answers,
        )
        self._mark += len(own) * len(family.names)
        known = np.array([index for index, _ in named], dtype=np.int64)
        found[known[:, np.newaxis], places] = answers

    def walk(
        self,
        kinds: Sequence[int],
        events: Sequence[Event],
        number: int,
        found: NDArray[np.float64],
        places: NDArray[np.int64],
    ) -> None:
        """Take steps of these kinds, with the event of each; `number` is the family's in events.

        Writes the features of those that are asked about to these places of `found`, row after row. This avoids NumPy's
        functions, as most often there are few steps.
        """
        family, numbers = self._family, dict[EntityKey, int]()
        own = [
            -1 if entity is None or self._is_forgotten(kind, event) else numbers.setdefault(entity, len(numbers))
            for kind, event in zip(kinds, events, strict=True)
            for entity in (event.entities[number],)
        ]
        room = [1] * len(numbers)  # what is asked about needs a row
        for kind, index in zip(kinds, own, strict=True):
            if kind == _ADD and index >= 0:
                room[index] += 1
        blocks = [self._with_room(entity, more) for entity, more in zip(numbers, room, strict=True)]
        lengths = np.array([block[1] for block in blocks], dtype=np.int64)
        answers = np.empty((len(found), len(family.names)))
        answers.fill(np.nan)
        walk(
            self._rows,
            np.array(kinds, dtype=np.int64),
            np.array(own, dtype=np.int64),
            np.array([block[0] for block in blocks], dtype=np.int64),
            lengths,
            family.totals,
            np.array([event.added[number] for event in events], dtype=np.int64),
            family.frauds,
            family.edges,
            family.asked,
            family.units,
            self._seen,
            self._marks,
            self._mark,
            answers,
        )
        if len(found):
            self._mark += len(found) * len(family.names)
            found[:, places] = answers
        for entity, block, used in zip(numbers, blocks, lengths.tolist(), strict=True):
            self.events += used - block[1]
            block[1] = used
            if not used:
                self._free[block[2]].append(block[0])
                del self._blocks[entity]

    def _is_forgotten(self, kind: int, event: Event) -> bool:
        """Whether a label is about an event that no record needs, and whose row may be gone."""
        return kind in _LABELS and event.time <= self.needed_after

    def _with_room(self, entity: EntityKey, more: int = 1) -> list[int]:
        """The entity's block, which has room for so many more rows."""
        block = self._blocks.get(entity)
        used, rows = (0, 0) if block is None else (block[1], block[2])
        if used + more <= rows and block is not None:
            return block
        if block is not None and used and self._rows[block[0], TIME] <= self.needed_after:
            left: int = trim(self._rows, block[0], used, self.needed_after)
            self.events -= used - left
            block[1] = used = left
            if used + more <= rows // 2 + 1:
                return block
        size = max(_FEWEST_ROWS, 1 << (used + more - 1).bit_length())
        moved = [self._block(size), used, size]
        if block is None:
            self._blocks[entity] = moved
            return moved
        self._rows[moved[0] : moved[0] + used] = self._rows[block[0] : block[0] + used]
        self._free[rows].append(block[0])
        block[:] = moved
        return block

    def sweep(self, entities: int) -> None:
        """Forget so many entities at most, the next of all, if no record can need their events."""
        if self._family.has_totals:
            return
        if not self._to_sweep:
            self._to_sweep = list(self._blocks)
        for entity in self._to_sweep[-entities:]:
            block = self._blocks.get(entity)
            if block is not None and self._rows[block[0] + block[1] - 1, TIME] <= self.needed_after:
                self.events -= block[1]
                self._free[block[2]].append(block[0])
                del self._blocks[entity]
        del self._to_sweep[-entities:]

    def _block(self, rows: int) -> int:
        """The first row of a block that nobody uses."""
        if free := self._free[rows]:
            return free.pop()
        first, self._end = self._end, self._end + rows
        if self._end > len(self._rows):
            # in place: the kernel moves pages, and copies nothing
            self._rows.resize((max(self._end, len(self._rows) * 3 // 2), self._family.width), refcheck=False)
        return first
