"""Trees cut for attribution: tops, and below them groups of at most four leaves that are looked up together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.model.trees.nodes import Trees
from fraud_detection_api.model.trees.splits import Splits

GROUP_HEIGHT = 2
"""Splits above a group's leaves: one look-up serves four leaves, by a table smaller than four of single leaves."""

WAY = np.dtype([("top", np.uint32), ("split", np.uint32), ("place", np.uint8), ("right", np.uint8)], align=True)
"""How a node is reached: from the top of number `top`, to its right or not. That one's split has the number `split`, and its
feature stands at `place` among those on the way. To a tree's root: from top 0, which is none, by the split of a leaf."""

GROUP = np.dtype(
    [
        ("table", np.int64),
        ("root", np.uint32),
        ("first", np.uint32),
        ("split", np.uint32),
        ("left_split", np.uint32),
        ("right_split", np.uint32),
        ("count", np.int16),
        ("on_way", np.int16),
        ("decisions", np.int16),
        ("stride", np.int16),
    ],
    align=True,
)
"""A node `root` with few splits below. A record's code there has a bit for each of the `on_way` features, between the tree's
root and this one, that would send it elsewhere; they are shifted by `decisions` bits, which say where it goes right from
here: at `root`, at its left child, at its right child, by the splits of those numbers. The features on the way and below,
`count` in all, begin at `first` among those of all groups. The rows of its table, one of `stride` numbers for each code,
begin at `table`."""

LOOK_UP = np.dtype(
    [
        *((name, np.uint32) for name in ("top", "split", "decided", "left_split", "right_split", "table", "first")),
        *((name, np.uint16) for name in ("count", "stride")),
        *((name, np.uint8) for name in ("place", "right", "decisions")),
    ],
    align=True,
)
"""A group with the way to it, as WAY and GROUP have them, in less memory: what is read for a single row. `decided` is the
`split` of the group."""


@dataclass(frozen=True, slots=True)
class Groups:
    """All trees, cut.

    `groups` has dtype GROUP; those of one `count` stand together, or a processor would guess wrong at the end of each.
    `ways` has WAY: first that of top 0, then those to the nodes above groups, the tops, parents first, then those to the
    groups. `place` int32 (nodes,) is where among its group's features a node's own one stands. `features` uint16,
    `columns` uint16 and `shares` float64 hold each group's features, their columns in its table, and the share of the
    training records, by cover, that those on the way would send to the group; 1 for those below.
    """

    groups: NDArray[np.void]
    ways: NDArray[np.void]
    splits: Splits
    place: NDArray[np.int32]
    features: NDArray[np.uint16]
    columns: NDArray[np.uint16]
    shares: NDArray[np.float64]

    @property
    def table_entries(self) -> int:
        """Numbers that the tables of all groups hold."""
        last = self.groups[-1]
        return int(last["table"]) + (int(last["stride"]) << int(last["on_way"] + last["decisions"]))

    @property
    def code_bits(self) -> int:
        """Bits of the longest code."""
        return int((self.groups["on_way"] + self.groups["decisions"]).max())

    @property
    def tops(self) -> NDArray[np.void]:
        """The ways to tops."""
        return self.ways[: len(self.ways) - len(self.groups)]

    @property
    def looked_up(self) -> NDArray[np.void]:
        """The groups as LOOK_UP, whose numbers hold the tables that are within bounds."""
        found, ways = np.zeros(len(self.groups), dtype=LOOK_UP), self.ways[len(self.ways) - len(self.groups) :]
        for name in ("left_split", "right_split", "table", "first", "count", "stride", "decisions"):
            found[name] = self.groups[name]
        found["decided"] = self.groups["split"]
        for name in ("top", "split", "place", "right"):
            found[name] = ways[name]
        return found

    def widened(self, stride: int) -> "Groups":
        """The same with tables that have a column for each feature of a row, and more up to `stride`."""
        groups = self.groups.copy()
        codes = np.left_shift(1, groups["on_way"].astype(np.int64) + groups["decisions"])
        groups["stride"], groups["table"] = stride, stride * (np.cumsum(codes) - codes)
        return replace(self, groups=groups, columns=self.features)


def cut_into_groups(trees: Trees, splits: Splits) -> Groups:
    """Groups as high as GROUP_HEIGHT allows; `splits` are those of the trees."""
    cutting = _Cutting(trees, splits)
    for root in trees.trees["root"].tolist():
        cutting.cut(root)
    return cutting.groups()


LEAST_SHARE = 1e-30
"""A child that no training record reached still divides."""

_Way: TypeAlias = tuple[int, int, int, int]
"""As WAY has it."""


class _Group(NamedTuple):
    root: int
    way: _Way
    on_way: int
    shares: Mapping[int, float]
    decisions: int


class _Cutting:
    def __init__(self, trees: Trees, splits: Splits) -> None:
        nodes = trees.nodes
        self._left, self._feature, self._cover = (nodes[name].tolist() for name in ("left", "feature", "cover"))
        self._splits = splits
        self._split = self._splits.number.tolist()
        self._place = np.zeros(len(nodes), dtype=np.int32)
        self._height = [0] * len(nodes)
        for node in reversed(range(len(nodes))):  # children stand after their parents
            if self._left[node] != node:
                below = self._left[node]
                self._height[node] = 1 + max(self._height[below], self._height[below + 1])
        self._ways: list[_Way] = [self._to_root]
        self._groups: list[_Group] = []

    def cut(self, root: int) -> None:
        """Take a tree, its tops in the order of their numbers."""
        level: list[tuple[int, _Way, dict[int, float]]] = [(root, self._to_root, {})]
        for node, way, shares in level:
            if self._height[node] <= GROUP_HEIGHT:
                self._add_group(node, way, shares)
            else:
                level += self._children(node, len(self._ways), shares)
                self._ways.append(way)

    def groups(self) -> Groups:
        """What was found in all trees."""
        groups, features, shares, entries = list[tuple[int, ...]](), list[int](), list[float](), 0
        columns = list[int]()
        found = sorted(self._groups, key=lambda group: len(group.shares))
        for group in found:
            count, splits = len(group.shares), [self._split[node] for node in self._deciding(group.root)]
            groups.append((entries, group.root, len(features), *splits, count, group.on_way, group.decisions, count))
            entries += count << (group.on_way + group.decisions)
            features += group.shares
            columns += range(count)
            shares += group.shares.values()
        return Groups(
            np.array(groups, dtype=GROUP),
            np.array(self._ways + [group.way for group in found], dtype=WAY),
            self._splits,
            self._place,
            np.array(features, dtype=np.uint16),
            np.array(columns, dtype=np.uint16),
            np.array(shares, dtype=np.float64),
        )

    @property
    def _to_root(self) -> _Way:
        return 0, len(self._splits.thresholds), 0, 0

    def _children(
        self, node: int, top: int, shares: Mapping[int, float]
    ) -> Iterator[tuple[int, _Way, dict[int, float]]]:
        asked, before, left = self._feature[node], shares.get(self._feature[node], 1.0), self._left[node]
        self._place[node] = place = _place(shares, asked)
        for right, child in enumerate((left, left + 1)):
            share = self._cover[child] / self._cover[node] if self._cover[node] else 1.0
            way = (top, self._split[node], place, right)
            yield child, way, {**shares, asked: before * max(share, LEAST_SHARE)}

    def _add_group(self, root: int, way: _Way, shares: Mapping[int, float]) -> None:
        asked, decisions = dict(shares), (0, 1, 3)[self._height[root]]
        for node in self._deciding(root)[:decisions]:
            if self._height[node]:
                self._place[node] = _place(asked, self._feature[node])
                asked.setdefault(self._feature[node], 1.0)
        self._groups.append(_Group(root, way, len(shares), asked, decisions))

    def _deciding(self, root: int) -> tuple[int, int, int]:
        """The nodes of a group that may split; a leaf stands for its children."""
        left = self._left[root]
        return root, left, left if left == root else left + 1


def _place(asked: Mapping[int, float], feature: int) -> int:
    """Where a feature stands among those asked before, or would stand after them."""
    return list(asked).index(feature) if feature in asked else len(asked)
