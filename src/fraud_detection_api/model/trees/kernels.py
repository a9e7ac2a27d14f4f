"""Loops over trees, compiled when this module is imported, or read from the cache of an earlier time.

Values of a matrix are finite or NaN: at a leaf, whose threshold is infinite, a walk stays. Arrays are those of `Trees` and
`Masks`, one by one, for that is what is compiled without a price at each call; Numba has no types for a type checker.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
# ruff: noqa: ANN001, ANN202, PLR0913, PLR0917

import numpy as np
from numba import float32, float64, from_dtype, int8, int64, njit, void

from fraud_detection_api.model.calibration import KNOTS, LOWEST_MARGIN, STEPS_PER_UNIT
from fraud_detection_api.model.trees.compilation import compiled
from fraud_detection_api.model.trees.leaf_masks import (
    ALL_LEAVES,
    BIT_PRODUCT,
    MASKED,
    PRODUCT_BITS,
    SPLIT,
    bits_by_product,
)
from fraud_detection_api.model.trees.nodes import NODE, TREE

TOGETHER = 4
"""Trees that are walked in step, so that one's nodes are fetched while another's are compared."""

BLOCK = 64
"""Rows that meet a tree while its nodes are near."""

MANY, LANES = 128, 8
"""Rows that are compared with masks of leaves together, and those of them that a processor takes at a step."""

_BITS = bits_by_product()

_TREES, _NODES = from_dtype(TREE)[::1], from_dtype(NODE)[::1]


@njit(inline="always")
def _goes_right(matrix, row, node):
    value = matrix[row, np.uint16(node.feature)]
    return np.int32(not ((value < node.threshold) | (node.default_left & np.isnan(value))))


@njit(inline="always")
def _step(matrix, row, number, nodes):
    node = nodes[np.uint32(number)]
    return node.left + _goes_right(matrix, row, node)


@compiled(void(float32[:, ::1], _TREES, _NODES, float32, float32[::1]))
def add_margins(matrix, trees, nodes, base_margin, margins) -> None:
    """Log-odds of each row into `margins`: the base margin and then each tree's leaf, in the trees' order, in float32."""
    rows, in_step = matrix.shape[0], len(trees) - len(trees) % TOGETHER
    margins[:] = base_margin
    for first in range(0, rows, BLOCK):
        last = min(first + BLOCK, rows)
        for tree in range(0, in_step, TOGETHER):
            one, two, three, four = trees[tree], trees[tree + 1], trees[tree + 2], trees[tree + 3]
            steps = max(one.depth, two.depth, three.depth, four.depth)
            for row in range(first, last):
                a, b, c, d = one.root, two.root, three.root, four.root
                for _ in range(steps):
                    a = _step(matrix, row, a, nodes)
                    b = _step(matrix, row, b, nodes)
                    c = _step(matrix, row, c, nodes)
                    d = _step(matrix, row, d, nodes)
                margins[row] = (((margins[row] + nodes[a].value) + nodes[b].value) + nodes[c].value) + nodes[d].value
        for tree in range(in_step, len(trees)):
            for row in range(first, last):
                node = trees[tree].root
                for _ in range(trees[tree].depth):
                    node = _step(matrix, row, node, nodes)
                margins[row] += nodes[node].value


_MASKED, _SPLITS = from_dtype(MASKED)[::1], from_dtype(SPLIT)[::1]


@njit(inline="always")
def _clear(split, values, rows, reached):
    """Clear the leaves that rows cannot reach because of a split; `values` (rows,) are of its feature."""
    mask, threshold = split.mask, split.threshold
    if split.default_left:
        for row in range(rows):
            reached[row] &= mask | (np.uint64(values[row] >= threshold) - np.uint64(1))  # no for NaN
    else:
        for row in range(rows):
            reached[row] &= mask | (np.uint64(not (values[row] < threshold)) - np.uint64(1))


@compiled(void(float32[:, ::1], _MASKED, _SPLITS, float32[::1], float32, float32[::1]))
def add_margins_together(matrix, trees, splits, leaves, base_margin, margins) -> None:
    """As `add_margins`, to the bit, for blocks of rows: by masks of leaves instead of walks."""
    values = np.zeros((matrix.shape[1], MANY), np.float32)
    reached, sums = np.empty(MANY, np.uint64), np.empty(MANY, np.float32)
    for first in range(0, len(matrix), MANY):
        rows = min(MANY, len(matrix) - first)
        values[:, :rows] = matrix[first : first + rows].T
        steps = (rows + LANES - 1) // LANES * LANES  # a processor's loop over a rest takes longer than over whole steps
        sums[:] = base_margin
        for tree in range(len(trees) - 1):
            reached[:steps] = ALL_LEAVES
            for number in range(trees[tree].split, trees[tree + 1].split):
                split = splits[number]
                _clear(split, values[split.feature], steps, reached)
            mine = leaves[trees[tree].leaf : trees[tree + 1].leaf]
            for row in range(steps):
                lowest = reached[row] & (np.uint64(0) - reached[row])
                sums[row] += mine[_BITS[(lowest * BIT_PRODUCT) >> PRODUCT_BITS]]
        margins[first : first + rows] = sums[:rows]


@compiled(
    void(
        *(float32[::1], float64[::1], float64[::1], float32[::1], float64, float64, float64, float64),
        *(float64[::1], int64[::1], int8[::1]),
    )
)
def finish(
    margins, amounts, knots, scale, loss, review, wrong, amount_at_risk, probabilities, scores, outcomes
) -> None:
    """Fill `probabilities`, `scores` and `outcomes` of `margins`; `amounts` may be empty.

    The operations of `Calibration.probabilities`, `RiskScale.scores` and `Policy.outcomes`, in their order: a test holds
    every bit equal. For one record, NumPy's price for each call is most of the work.
    """
    for row in range(len(margins)):
        index = min(max((float64(margins[row]) - LOWEST_MARGIN) * STEPS_PER_UNIT, 0.0), KNOTS - 1.0)
        left = min(int64(index), KNOTS - 2)
        low, high = knots[left], knots[left + 1]
        probability = min(low + (index - left) * (high - low), high)
        probabilities[row] = probability
        lowest, highest = 0, len(scale)
        while lowest < highest:
            middle = (lowest + highest) // 2
            if scale[middle] < margins[row]:
                lowest = middle + 1
            else:
                highest = middle
        scores[row] = lowest
        amount = amounts[row] if len(amounts) else amount_at_risk
        if np.isnan(amount):
            amount = amount_at_risk
        approve = probability * loss * (amount if amount > 0 else 0.0)
        decline = (1.0 - probability) * wrong
        if approve <= review and approve <= decline:
            outcomes[row] = 0
        else:
            outcomes[row] = 1 if review <= decline else 2
