"""Trees cut for attribution: tops, and below them groups of at most four leaves that are looked up together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.model.trees import Trees

GROUP_HEIGHT = 2
"""Splits above a group's leaves: one look-up serves four leaves, by a table smaller than four of single leaves."""

GROUP = np.dtype(
    [
        ("root", np.int32),
        ("table", np.int64),
        ("first", np.int32),
        ("count", np.int32),
        ("on_way", np.int32),
        ("decisions", np.int32),
    ],
    align=True,
)
"""A node `root` with few splits below. A record's code there has a bit for each of the `on_way` features, between the tree's
root and this one, that would send it elsewhere; they are shifted by `decisions` bits, which say where it goes right from
here: at `root`, at its left child, at its right child. The features on the way and below, `count` in all, begin at `first`
among those of all groups, and the rows of its table, one for each code, at `table`."""

CUT = np.dtype([("top", np.int32), ("group", np.int32)])
"""Where a tree's tops and its groups begin among all; the one after the last tree ends them."""


@dataclass(frozen=True, slots=True)
class Groups:
    """All trees, cut. `tops` int32 holds the nodes above groups, parents first.

    `cuts` has dtype CUT, one more than there are trees, and `groups` has GROUP. `place` int32 (nodes,) is where among its
    group's features a node's own one stands. `features` int32 and `shares` float64 hold each group's features, and the share
    of the training records, by cover, that those on the way would send to the group; 1 for those below.
    """

    cuts: NDArray[np.void]
    tops: NDArray[np.int32]
    groups: NDArray[np.void]
    place: NDArray[np.int32]
    features: NDArray[np.int32]
    shares: NDArray[np.float64]

    @property
    def table_entries(self) -> int:
        """Numbers that the tables of all groups hold."""
        last = self.groups[-1]
        return int(last["table"]) + (int(last["count"]) << int(last["on_way"] + last["decisions"]))


def cut_into_groups(trees: Trees) -> Groups:
    """Groups as high as GROUP_HEIGHT allows."""
    cutting = _Cutting(trees)
    cuts = np.zeros(len(trees.trees) + 1, dtype=CUT)
    for number, root in enumerate(trees.trees["root"].tolist()):
        cuts[number] = (len(cutting.tops), len(cutting.groups))
        cutting.cut(root)
    cuts[-1] = (len(cutting.tops), len(cutting.groups))
    return Groups(
        cuts,
        np.array(cutting.tops, dtype=np.int32),
        np.array(cutting.groups, dtype=GROUP),
        cutting.place,
        np.array(cutting.features, dtype=np.int32),
        np.array(cutting.shares, dtype=np.float64),
    )


LEAST_SHARE = 1e-30
"""A child that no training record reached still divides."""


@dataclass
class _Cutting:
    trees: Trees
    tops: list[int] = field(default_factory=list)
    groups: list[tuple[int, ...]] = field(default_factory=list)
    features: list[int] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    entries: int = 0

    def __post_init__(self) -> None:
        nodes = self.trees.nodes
        self._left, self._feature, self._cover = (nodes[name].tolist() for name in ("left", "feature", "cover"))
        self.place = np.zeros(len(nodes), dtype=np.int32)
        self._height = [0] * len(nodes)
        for node in reversed(range(len(nodes))):  # children stand after their parents
            if self._left[node] != node:
                below = self._left[node]
                self._height[node] = 1 + max(self._height[below], self._height[below + 1])

    def cut(self, root: int) -> None:
        """Take a tree, its tops in the order of their numbers."""
        level: list[tuple[int, dict[int, float]]] = [(root, {})]
        for node, way in level:
            if self._height[node] <= GROUP_HEIGHT:
                self._add_group(node, way)
            else:
                self.tops.append(node)
                level += self._children(node, way)

    def _children(self, node: int, way: Mapping[int, float]) -> Iterator[tuple[int, dict[int, float]]]:
        asked, before = self._feature[node], way.get(self._feature[node], 1.0)
        self.place[node] = _place(way, asked)
        for child in (self._left[node], self._left[node] + 1):
            share = self._cover[child] / self._cover[node] if self._cover[node] else 1.0
            yield child, {**way, asked: before * max(share, LEAST_SHARE)}

    def _add_group(self, root: int, way: Mapping[int, float]) -> None:
        asked = dict(way)
        decisions = (0, 1, 3)[self._height[root]]
        left = self._left[root]
        for node in (root, left, left + 1)[:decisions]:
            if self._height[node]:
                self.place[node] = _place(asked, self._feature[node])
                asked.setdefault(self._feature[node], 1.0)
        self.groups.append((root, self.entries, len(self.features), len(asked), len(way), decisions))
        self.entries += len(asked) << (len(way) + decisions)
        self.features += asked
        self.shares += asked.values()


def _place(asked: Mapping[int, float], feature: int) -> int:
    """Where a feature stands among those asked before, or would stand after them."""
    return list(asked).index(feature) if feature in asked else len(asked)
