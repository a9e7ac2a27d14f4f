"""Trees as masks of leaves, which many rows can be compared with at a time.

The leaves of a tree are bits, the leftmost the lowest. A row that goes right at a split reaches none of the leaves below its
left child; of the bits that no split clears, the lowest is the leaf that the row reaches. Source: Lucchese et al.,
"QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees", 2015, there split by split in
the order of thresholds. Here splits are in the trees' order, and each is answered for many rows by a few instructions.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.model.trees.nodes import Trees
from fraud_detection_api.model.trees.splits import Splits

MOST_LEAVES = 64
"""Of a tree. Those of depth 6 have no more."""

SPLIT = np.dtype(
    [
        ("mask", np.uint64),
        ("table", np.int64),
        ("stride", np.int32),
        ("threshold", np.float32),
        ("feature", np.int16),
        ("default_left", np.bool_),
    ],
    align=True,
)
"""A split, and the leaves that a row may reach which goes right there. The answers of a category's split are among
`Splits.answers`, from `table` on and `stride` apart, one for each row of answers; the `stride` of a number is 0."""

MASKED = np.dtype([("split", np.int32), ("by_level", np.int32), ("leaf", np.int32)], align=True)
"""Where a tree's splits of numbers, its splits of categories and its leaves begin."""


ALL_LEAVES, BIT_PRODUCT, PRODUCT_BITS = np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0x03F79D71B4CB0A89), np.uint64(58)
"""A de Bruijn sequence: above PRODUCT_BITS, its product with a power of two is another number for each power."""


class Masks(NamedTuple):
    """All trees: `trees` of dtype MASKED, one more than there are; `splits` of SPLIT; `leaves` float32, in log-odds."""

    trees: NDArray[np.void]
    splits: NDArray[np.void]
    leaves: NDArray[np.float32]


def leaf_masks(trees: Trees, sorted_splits: Splits) -> Masks | None:
    """The masks of trees and of their splits, None where a tree has more than MOST_LEAVES."""
    nodes, roots = trees.nodes, trees.trees["root"].tolist()
    sizes = np.diff([*roots, len(nodes)])
    if sizes.max() > 2 * MOST_LEAVES - 1:
        return None
    begins, order, cleared, leaves = list[tuple[int, int, int]](), list[int](), list[int](), list[int]()
    left, of_category = nodes["left"].tolist(), (trees.levels[nodes["feature"]] > 0).tolist()
    for root in roots:
        tree = _Tree(left)
        tree.take(root)
        # in one loop over both kinds, the branch alone would cost more than the splits
        by_level = sorted(zip(tree.splits, tree.cleared, strict=True), key=lambda split: of_category[split[0]])
        numbers = sum(not of_category[split] for split in tree.splits)
        begins.append((len(order), len(order) + numbers, len(leaves)))
        order += [split for split, _ in by_level]
        cleared += [mask for _, mask in by_level]
        leaves += tree.leaves
    begins.append((len(order), len(order), len(leaves)))
    splits = np.zeros(len(order), dtype=SPLIT)
    splits["mask"] = ~np.array(cleared, dtype=np.uint64)
    for name in ("threshold", "feature", "default_left"):
        splits[name] = nodes[name][order]
    _refer_to_answers(splits, sorted_splits, sorted_splits.number[order])
    return Masks(np.array(begins, dtype=MASKED), splits, np.ascontiguousarray(nodes["value"][leaves]))


def _refer_to_answers(splits: NDArray[np.void], sorted_splits: Splits, number: NDArray[np.uint32]) -> None:
    """Write where each split's answers are; `number` (splits,) is its place among those sorted."""
    asked = sorted_splits.asked
    question = np.searchsorted(asked["first"], number, side="right") - 1
    stride = np.where(asked["levels"] > 0, np.diff(asked["first"], append=0), 0)[question]
    splits["stride"] = stride
    splits["table"] = np.where(stride > 0, asked["table"][question] + number - asked["first"][question], 0)


def bits_by_product() -> NDArray[np.uint8]:
    """The power of each power of two, uint8 (MOST_LEAVES,), by its product with BIT_PRODUCT."""
    bits = np.zeros(MOST_LEAVES, dtype=np.uint8)
    for bit in range(MOST_LEAVES):
        bits[(int(BIT_PRODUCT) << bit & int(ALL_LEAVES)) >> int(PRODUCT_BITS)] = bit
    return bits


class _Tree:
    """A tree's splits and leaves from left to right, as numbers of nodes; `cleared` are the bits that each split clears."""

    def __init__(self, left: list[int]) -> None:
        self._left = left
        self.splits, self.cleared, self.leaves = list[int](), list[int](), list[int]()

    def take(self, node: int) -> int:
        """Take what is below a node; returns the bits of its leaves."""
        left = self._left[node]
        if left == node:
            self.leaves.append(node)
            return 1 << (len(self.leaves) - 1)
        below = self.take(left)
        self.splits.append(node)
        self.cleared.append(below)
        return below | self.take(left + 1)
