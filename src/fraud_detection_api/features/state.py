"""The events of entities in memory: what a server answers from, and what a replay folds again."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json, to_json

from fraud_detection_api.features.events import EntityKey, Event
from fraud_detection_api.features.folding import slots_of
from fraud_detection_api.features.kernels import ask, insert, relabel, remove
from fraud_detection_api.features.layout import Family, Layout

_FEWEST_ROWS = 4
_FIRST_ROWS = 1 << 12
_NONE = [0, 0, _FEWEST_ROWS]
"""The block of an entity that has no events."""


class History:
    """The events that have arrived, by entity. Only one thread may use it."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._tables = [EntityTable(family) for family in layout.families]

    def answers(self, requests: Sequence[Sequence[Event]]) -> NDArray[np.float64]:
        """The history features of the records of requests, float64 (n, features of the contract), NaN for missing.

        Each record sees the events that have arrived, and those of the request's records before it. Nothing is changed.
        """
        found = np.full((sum(map(len, requests)), len(self.layout.contract.history)), np.nan)
        for number, (table, places) in enumerate(zip(self._tables, self.layout.places, strict=True)):
            row = 0
            if all(len(request) == 1 for request in requests):  # none sees another
                table.ask([request[0] for request in requests], number, found, places, row)
                continue
            for request in requests:
                for event in request:
                    table.ask([event], number, found, places, row)
                    table.add(event.entities[number], event.added[number])
                    row += 1
                for event in reversed(request):
                    table.remove(event.entities[number], event.added[number])
        return found

    def add(self, event: Event) -> None:
        """An event has arrived."""
        for table, entity, added in zip(self._tables, event.entities, event.added, strict=True):
            table.add(entity, added)

    def relabel(self, event: Event, change: int) -> None:
        """An event that arrived before counts as fraud from now on, with `change` 1, or no longer, with -1."""
        for table, entity, added in zip(self._tables, event.entities, event.added, strict=True):
            if entity is not None:
                table.relabel(entity, added, change)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that is kept, for `restore`."""
        return {
            f"{number}.{name}": array
            for number, table in enumerate(self._tables)
            for name, array in table.arrays().items()
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep what another history of the same layout kept. Raises ValueError or LookupError for other arrays."""
        for number, table in enumerate(self._tables):
            table.restore(arrays[f"{number}.rows"], arrays[f"{number}.blocks"], arrays[f"{number}.entities"])

    @property
    def size_bytes(self) -> int:
        """The memory of all rows."""
        return sum(table.size_bytes for table in self._tables)

    @property
    def rows(self) -> int:
        """Events, counted once for each of their entities."""
        return sum(table.events for table in self._tables)


class EntityTable:
    """The events of a family's entities: a block of rows for each, which moves to one of twice the size when it is full."""

    def __init__(self, family: Family) -> None:
        self._family = family
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

    def ask(
        self, events: Sequence[Event], number: int, found: NDArray[np.float64], places: NDArray[np.int64], row: int
    ) -> None:
        """Write the features of records that do not see each other to these places of `found`, from that row on.

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
        known = np.array([row + index for index, _ in named], dtype=np.int64)
        found[known[:, np.newaxis], places] = answers

    def add(self, entity: EntityKey | None, added: Sequence[int]) -> None:
        """Add an event, unless its key is missing."""
        if entity is None:
            return
        block = self._with_room(entity)
        insert(self._rows, block[0], block[1], self._family.totals, np.array(added, dtype=np.int64))
        block[1] += 1
        self.events += 1

    def remove(self, entity: EntityKey | None, added: Sequence[int]) -> None:
        """Take back the event that was added last."""
        if entity is None:
            return
        block = self._blocks[entity]
        remove(self._rows, block[0], block[1], self._family.totals, np.array(added, dtype=np.int64))
        block[1] -= 1
        self.events -= 1
        if not block[1]:
            self._free[block[2]].append(block[0])
            del self._blocks[entity]

    def relabel(self, entity: EntityKey, added: Sequence[int], change: int) -> None:
        """Change whether an event counts as fraud, where it satisfies the condition."""
        first, used, _ = self._blocks[entity]
        for lane, counts in self._family.fraud_lanes:
            if counts is None or added[counts]:
                relabel(self._rows, first, used, added[0], lane, change)

    def _with_room(self, entity: EntityKey) -> list[int]:
        """The entity's block, which has room for one more row."""
        block = self._blocks.get(entity)
        if block is None:
            block = self._blocks[entity] = [self._block(_FEWEST_ROWS), 0, _FEWEST_ROWS]
        elif block[1] == block[2]:
            first, used, rows = block
            block[0], block[2] = self._block(2 * rows), 2 * rows
            self._rows[block[0] : block[0] + used] = self._rows[first : first + used]
            self._free[rows].append(first)
        return block

    def _block(self, rows: int) -> int:
        """The first row of a block that nobody uses."""
        if free := self._free[rows]:
            return free.pop()
        first, self._end = self._end, self._end + rows
        if self._end > len(self._rows):
            # in place: the kernel moves pages, and copies nothing
            self._rows.resize((max(self._end, len(self._rows) * 3 // 2), self._family.width), refcheck=False)
        return first
