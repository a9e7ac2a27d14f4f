"""What is kept of each event for the history features of a contract, as rows of whole numbers.

Features with the same key share a family: a table of the events of each entity, in the order of time, and of arrival where
times are equal. A row's first column is the event's time in microseconds since 1970. The others are lanes: most hold running
totals from the entity's first event on, so that any window is the difference of two rows, in whatever order events came.
Totals are whole numbers modulo 2^64, and exact: a float's value counts in millionths.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.conditions import Condition
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.windows import FOREVER, NUMERIC_MEASURES, HistoryFeature, Measure, microseconds

TIME = 0
"""The column of the time in a row."""

MEASURES: tuple[Measure, ...] = (
    "count",
    "sum",
    "mean",
    "min",
    "max",
    "std",
    "distinct",
    "share_fraud",
    "since_last",
    "since_first",
)
"""The measures, by their number in the kernels."""

MILLIONTHS = 1e6
"""How many units a float of 1 has."""

LARGEST = 1e18
"""Numbers beyond it, of either sign, count as this one."""

LOW_BITS = 32
"""A total is high x 2^32 + low: two lanes, so that sums of billions of numbers stay exact."""


class Lane(NamedTuple):
    """A column of rows: a running total of the events that satisfy `where`, or the codes of their values.

    `count` counts those whose `of` is not missing; `low` and `high` are the two parts of the sum of `of`; `fraud` counts
    those known as fraud; `code` is 0 for a missing value, and no total.
    """

    kind: str
    of: str | None
    where: str | None


class Asked(NamedTuple):
    """What a feature asks of a family's rows, as the kernels read it: indexes of lanes are -1 where there is none.

    `right` and `left` are indexes into the family's edges. `bound` is the most values that `distinct` counts, or for
    `share_fraud` the edge until which labels are known.
    """

    measure: int
    right: int
    left: int
    include: int
    counts: int
    low: int
    fraud: int
    code: int
    bound: int


@dataclass(frozen=True)
class Family:
    """The history features `names` of one key. `lanes` are the columns of a row after its time.

    `edges`, int64 (e,), are times before a record's own, in microseconds, ascending: the ends of windows. `asked`, int64
    (m, 9), has an `Asked` for each feature, and `units`, float64 (m,), the units of 1 in its sum.
    """

    keys: tuple[str, ...]
    names: tuple[str, ...]
    lanes: tuple[Lane, ...]
    edges: NDArray[np.int64]
    asked: NDArray[np.int64]
    units: NDArray[np.float64]

    @property
    def width(self) -> int:
        """The columns of a row."""
        return 1 + len(self.lanes)

    @cached_property
    def totals(self) -> NDArray[np.bool_]:
        """Which columns of a row are running totals, bool (1 + lanes,)."""
        return np.array([False, *(lane.kind != "code" for lane in self.lanes)])

    @cached_property
    def frauds(self) -> NDArray[np.int64]:
        """The columns that count frauds, and those that say whether an event satisfies the condition, -1 for none.

        int64 (f, 2).
        """
        place = {lane: index for index, lane in enumerate(self.lanes, 1)}
        frauds = [lane for lane in self.lanes if lane.kind == "fraud"]
        counted = [(place[lane], place.get(lane._replace(kind="count"), -1)) for lane in frauds]
        return np.array(counted, dtype=np.int64).reshape(-1, 2)

    @cached_property
    def span(self) -> int:
        """How long before a record its events are needed one by one, in microseconds. Totals have those before."""
        unlimited = set(self.asked[self.asked[:, 2] < 0, 0].tolist())
        return FOREVER if unlimited & _OF_TIMES else int(self.edges[-1])

    @cached_property
    def has_totals(self) -> bool:
        """Whether there are unlimited windows, in which events count however old they are."""
        return bool((self.asked[:, 2] < 0).any())


_OF_TIMES = {MEASURES.index("since_last"), MEASURES.index("since_first")}


@dataclass(frozen=True)
class Layout:
    """The families of a contract, and where in the contract's order each feature stands.

    A record whose time is `late` microseconds before that of the newest event, or more, has no history.
    """

    contract: Contract
    families: tuple[Family, ...]
    late: int

    @cached_property
    def places(self) -> tuple[NDArray[np.int64], ...]:
        """For each family, the places of its features in the contract's order."""
        order = {name: place for place, name in enumerate(self.contract.history)}
        return tuple(np.array([order[name] for name in family.names], dtype=np.int64) for family in self.families)

    @cached_property
    def conditions(self) -> dict[str, Condition]:
        """The conditions of features, by their text."""
        conditions = [each.condition for each in self.contract.history.values()]
        return {each.source: each for each in conditions if each is not None}

    @property
    def measured(self) -> frozenset[str]:
        """The columns that are measured."""
        return frozenset(each.of for each in self.contract.history.values() if each.of is not None)

    @cached_property
    def coded(self) -> tuple[str, ...]:
        """The columns whose values are told apart: keys, and what `distinct` counts."""
        features = self.contract.history.values()
        counted = [each.of for each in features if each.measure == "distinct" and each.of is not None]
        return tuple(dict.fromkeys([*(name for each in features for name in each.by), *counted]))

    @cached_property
    def valued(self) -> tuple[str, ...]:
        """The columns whose values are summed, or read by conditions."""
        features = self.contract.history.values()
        summed = [each.of for each in features if each.measure in NUMERIC_MEASURES and each.of is not None]
        read = [name for condition in self.conditions.values() for name in condition.names]
        return tuple(dict.fromkeys([*summed, *read]))

    def units(self, column: str) -> float:
        """How many units 1 has in the sums of a column."""
        return units_of(self.contract, column)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The record's columns that are read, beside the time: keys, what is measured, and what conditions read."""
        named: dict[str, None] = {}
        for feature in self.contract.history.values():
            named |= dict.fromkeys(feature.by)
            named |= {} if feature.of is None else {feature.of: None}
        for condition in self.conditions.values():
            named |= dict.fromkeys(condition.names)
        return tuple(named)


def units_of(contract: Contract, column: str) -> float:
    """How many units 1 has in the sums of a column."""
    return MILLIONTHS if contract.features[column].dtype == "float" else 1.0


def layout_of(contract: Contract, *, online: bool = True, only: Sequence[str] | None = None) -> Layout:
    """The layout of a contract's history features, or of `only` some of them.

    Online, whatever has arrived is known. In a file, an event is known after the contract's `arrival_delay`, and its label
    after `label_delay_days`.
    """
    by_key: dict[tuple[str, ...], dict[str, HistoryFeature]] = {}
    for name, feature in contract.history.items():
        if only is None or name in only:
            by_key.setdefault(feature.by, {})[name] = feature
    arrival = 0 if online or contract.time is None else microseconds(contract.time.arrival_delay)
    label = 0 if online else round(contract.target.label_delay_days * 86_400e6)
    families = tuple(_family(contract, keys, some, arrival, label) for keys, some in by_key.items())
    late = FOREVER if contract.time is None or not online else microseconds(contract.time.late)
    return Layout(contract, families, late)


def _family(
    contract: Contract, keys: tuple[str, ...], features: dict[str, HistoryFeature], arrival: int, label: int
) -> Family:
    lanes: dict[Lane, int] = {}
    edges = sorted({offset for each in features.values() for offset in _offsets(each, arrival, label)})
    asked, units = [], []
    for feature in features.values():
        lane = _Lanes(contract, feature, lanes)
        right, known, left = _offsets(feature, arrival, label)
        asked.append(
            Asked(
                MEASURES.index(feature.measure),
                edges.index(right),
                -1 if feature.window_us == FOREVER else edges.index(left),
                int(feature.current == "include" and not feature.delay_us),
                lane.count(),
                lane.low(),
                lane.fraud(),
                lane.code(),
                edges.index(known) if feature.measure == "share_fraud" else feature.at_most,
            )
        )
        units.append(lane.units)
    names, columns = tuple(features), tuple(lanes)
    return Family(keys, names, columns, np.array(edges), np.array(asked), np.array(units, dtype=np.float64))


def _offsets(feature: HistoryFeature, arrival: int, label: int) -> tuple[int, int, int]:
    """How long before a record a window ends, until when labels are known, and when it begins."""
    right = max(feature.delay_us, arrival)
    known = max(right, label) if feature.measure == "share_fraud" else right
    return right, known, right if feature.window_us == FOREVER else feature.delay_us + feature.window_us


class _Lanes:
    """Finds a feature's lanes among those of its family, and adds what is missing."""

    def __init__(self, contract: Contract, feature: HistoryFeature, lanes: dict[Lane, int]) -> None:
        self._feature, self._lanes = feature, lanes
        self._number = contract.features.get(feature.of or "") if feature.measure in NUMERIC_MEASURES else None
        self.units = 1.0 if self._number is None else units_of(contract, feature.of or "")

    def count(self) -> int:
        """Without a condition and without missing values, places count: unless of all events, the first of which may go."""
        feature = self._feature
        of = feature.of if self._number is not None and self._number.nullable else None
        is_plain = of is None and feature.where is None and feature.window_us != FOREVER
        if is_plain or feature.measure == "distinct":
            return -1
        return self._lane("count", of)

    def low(self) -> int:
        if self._number is None:
            return -1
        low = self._lane("low", self._feature.of)
        self._lane("high", self._feature.of)
        return low

    def fraud(self) -> int:
        return self._lane("fraud", None) if self._feature.measure == "share_fraud" else -1

    def code(self) -> int:
        return self._lane("code", self._feature.of) if self._feature.measure == "distinct" else -1

    def _lane(self, kind: str, of: str | None) -> int:
        return self._lanes.setdefault(Lane(kind, of, self._feature.where), len(self._lanes) + 1)
