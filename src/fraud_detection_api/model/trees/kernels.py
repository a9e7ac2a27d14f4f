"""Loops over trees, compiled when this module is imported, or read from the cache of an earlier time.

Arrays are those of `Trees`, `Splits` and `Masks`, one by one, for that is what is compiled without a price at each call;
Numba has no types for a type checker. A change to what is inlined here must reach `attribution_kernels`, whose machine code
Numba keeps by that file's own time: touch it too.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
# ruff: noqa: ANN001, ANN202, PLR0913, PLR0917

import numpy as np
from numba import float32, float64, from_dtype, int8, int64, njit, uint8, void

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
from fraud_detection_api.model.trees.nodes import TREE
from fraud_detection_api.model.trees.splits import ASKED, STEP

TOGETHER = 4
"""Trees that are walked in step, so that one's nodes are fetched while another's are compared."""

MANY, LANES = 128, 8
"""Rows that are compared with masks of leaves together, and those of them that a processor takes at a step."""

_BITS = bits_by_product()

ASKED_SPLITS = (from_dtype(ASKED)[::1], float32[::1], uint8[::1])
_TREES, _STEPS = from_dtype(TREE)[::1], from_dtype(STEP)[::1]


@njit(inline="always")
def answers_row(value, question) -> np.int64:
    """Which row of a category's answers is a value's."""
    levels = question.levels
    if np.isnan(value):
        return np.int64(levels + 1)
    return np.int64(value) if 0 <= value < levels else np.int64(levels)


@njit(inline="always")
def answer(matrix, row, asked, thresholds, answers, right) -> None:
    """Of each split, and of a leaf at the end, whether a row goes right there, into `right`."""
    for number in range(len(asked) - 1):
        question, first, end = asked[number], asked[number].first, asked[number + 1].first
        value, mine, found = matrix[row, question.feature], thresholds[first:end], right[first:end]
        if question.levels > 0:
            begin = question.table + answers_row(value, question) * len(mine)
            found[:] = answers[begin : begin + len(mine)]
            continue
        missing_left = question.default_left & np.isnan(value)
        for place in range(len(mine)):
            found[place] = not ((value < mine[place]) | missing_left)
    right[len(thresholds)] = 0


@njit(inline="always")
def _step(number, steps, right):
    step = steps[number]
    return step.left + np.uint32(right[step.split])


@compiled(void(float32[:, ::1], _TREES, _STEPS, *ASKED_SPLITS, float32, float32[::1]))
def add_margins(matrix, trees, steps, asked, thresholds, answers, base_margin, margins) -> None:
    """Log-odds of each row into `margins`: the base margin and then each tree's leaf, in the trees' order, in float32."""
    right, in_step = np.empty(len(thresholds) + 1, np.uint8), len(trees) - len(trees) % TOGETHER
    for row in range(matrix.shape[0]):
        answer(matrix, row, asked, thresholds, answers, right)
        margin = base_margin
        for tree in range(0, in_step, TOGETHER):
            one, two, three, four = trees[tree], trees[tree + 1], trees[tree + 2], trees[tree + 3]
            a, b, c, d = np.uint32(one.root), np.uint32(two.root), np.uint32(three.root), np.uint32(four.root)
            for _ in range(max(one.depth, two.depth, three.depth, four.depth)):
                a = _step(a, steps, right)
                b = _step(b, steps, right)
                c = _step(c, steps, right)
                d = _step(d, steps, right)
            margin = (((margin + steps[a].value) + steps[b].value) + steps[c].value) + steps[d].value
        for tree in range(in_step, len(trees)):
            node = np.uint32(trees[tree].root)
            for _ in range(trees[tree].depth):
                node = _step(node, steps, right)
            margin += steps[node].value
        margins[row] = margin


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


@njit(inline="always")
def _clear_by_level(split, answered, rows, answers, reached):
    """As `_clear`, for a split of a category. `answered` (features, rows or more) has rows of its answers."""
    for row in range(rows):
        place = split.table + np.int64(answered[np.uint64(split.feature), row]) * split.stride
        reached[row] &= split.mask | (np.uint64(answers[np.uint64(place)]) - np.uint64(1))


@compiled(void(float32[:, ::1], _MASKED, _SPLITS, float32[::1], *ASKED_SPLITS, float32, float32[::1]))
def add_margins_together(matrix, trees, splits, leaves, asked, _thresholds, answers, base_margin, margins) -> None:
    """As `add_margins`, to the bit, for blocks of rows: by masks of leaves instead of walks."""
    values = np.zeros((matrix.shape[1], MANY), np.float32)
    reached, sums = np.empty(MANY, np.uint64), np.empty(MANY, np.float32)
    for first in range(0, len(matrix), MANY):
        rows = min(MANY, len(matrix) - first)
        values[:, :rows] = matrix[first : first + rows].T
        for number in range(len(asked) - 1):
            question = asked[number]
            if (
                question.levels > 0
            ):  # the last row of a category's answers is for a missing value, whichever way it goes
                for row in range(rows):
                    values[question.feature, row] = answers_row(matrix[first + row, question.feature], question)
        steps = (rows + LANES - 1) // LANES * LANES  # a processor's loop over a rest takes longer than over whole steps
        sums[:] = base_margin
        for tree in range(len(trees) - 1):
            reached[:steps] = ALL_LEAVES
            for number in range(trees[tree].split, trees[tree].by_level):
                split = splits[number]
                _clear(split, values[split.feature], steps, reached)
            for number in range(trees[tree].by_level, trees[tree + 1].split):
                split = splits[number]
                _clear_by_level(split, values, steps, answers, reached)
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
