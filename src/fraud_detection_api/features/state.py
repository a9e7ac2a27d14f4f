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
from fraud_detection_api.features.kernels import trim, walk
from fraud_detection_api.features.layout import TIME, Family, Layout

_FEWEST_ROWS = 4
_FIRST_ROWS = 1 << 12
_SWEPT_AT_ONCE = 2_000
_BLOCK = 3
"""A block is its first row, how many are used, and how many there are."""
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
        self._features = len(layout.contract.history)
        self._tables = [EntityTable(family) for family in layout.families]

    def walk(self, steps: Sequence[Step]) -> NDArray[np.float64]:
        """Take steps in order.

        Returns the features of the records that they ask about, float64 (n, features of the contract) with NaN for missing.
        """
        late = list(self._passed(steps))
        found = np.empty((len(late), self._features))
        if steps:
            numbered = [(_NUMBERS[step.kind], step.event) for step in steps]
            for number, (table, places) in enumerate(zip(self._tables, self.layout.places, strict=True)):
                table.walk(numbered, number, found, places)
            self._age()
        if True in late:
            found[late] = np.nan
        return found

    def sweep(self) -> None:
        """Forget entities whose events no record can need, some at each call."""
        for table in self._tables:
            table.sweep(_SWEPT_AT_ONCE)

    def _passed(self, steps: Sequence[Step]) -> Iterator[bool]:
        """Pass the times of steps, and say of each record that is asked about whether it is too late."""
        for kind, event in steps:
            if kind == "ask":
                yield self._is_late(event)
            elif event.arrived is not None and kind == "add":
                self.newest = max(self.newest, min(event.time, event.arrived))

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
        self._end = 0
        self._free: dict[int, list[int]] = defaultdict(list)
        self._blocks: dict[EntityKey, list[int]] = {}  # the first row, how many are used, and how many there are
        self._table, self._mark = np.zeros((2, slots_of(family)), dtype=np.int64), 1
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

    def walk(
        self,
        steps: Sequence[tuple[int, Event]],
        number: int,
        found: NDArray[np.float64],
        places: NDArray[np.int64],
    ) -> None:
        """Take steps, each a kind and an event; `number` is the family's in events.

        Writes the features of those that are asked about to these places of `found`, row after row. This avoids NumPy's
        functions, as most often there are few steps.
        """
        family, numbers = self._family, dict[EntityKey, int]()
        rows, room = [], list[int]()
        for kind, event in steps:
            entity, index = event.entities[number], -1
            if entity is not None and not (kind in _LABELS and event.time <= self.needed_after):
                index = numbers.setdefault(entity, len(room))
                if index == len(room):
                    room.append(1)  # what is asked about needs a row
                if kind == _ADD:
                    room[index] += 1
            rows.append((kind, index, *event.added[number]))
        own = [self._with_room(entity, more) for entity, more in zip(numbers, room, strict=True)]
        blocks = np.array(own, dtype=np.int64).reshape(-1, _BLOCK)
        walk(
            self._rows,
            np.array(rows, dtype=np.int64),
            blocks,
            family.totals,
            family.frauds,
            family.edges,
            family.asked,
            family.units,
            self._table,
            self._mark,
            places,
            found,
        )
        self._mark += len(found) * len(family.names)
        for entity, block, (first, used, size) in zip(numbers, own, blocks.tolist(), strict=True):
            self.events += used - block[1]
            block[1] = used
            if not used:
                self._free[size].append(first)
                del self._blocks[entity]

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
