"""Loops over trees, compiled when this module is imported, or read from the cache of an earlier time.

Values of a matrix are finite or NaN: at a leaf, whose threshold is infinite, a walk stays. Arrays are those of `Trees` and
`Groups`, one by one, for that is what is compiled without a price at each call; Numba has no types for a type checker.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
# ruff: noqa: ANN001, ANN202, PLR0913, PLR0917

import numpy as np
from numba import float32, float64, from_dtype, int8, int32, int64, njit, uint16, void

from fraud_detection_api.model.calibration import KNOTS, LOWEST_MARGIN, STEPS_PER_UNIT
from fraud_detection_api.model.trees.compilation import compiled
from fraud_detection_api.model.trees.groups import ASKED, GROUP, LEAST_SHARE, WAY
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


_GROUPS, _WAYS, _ASKED = (from_dtype(layout)[::1] for layout in (GROUP, WAY, ASKED))
_POINTS = (float64[::1], float64[::1])


@njit(inline="always")
def _pass(side, decision, node, child, slot, nodes, passes, shares):
    """Note of a split on the way to a leaf whether the record takes it, and what share of records does."""
    passes[slot] *= np.float64(side == decision)
    cover = np.float64(nodes[node].cover)
    shares[slot] *= max(np.float64(nodes[child].cover) / cover, LEAST_SHARE) if cover > 0 else 1.0


@njit(inline="always")
def _integrate(group, value, passes, shares, points, weights, found):
    """Add the contributions of one leaf to `found`, (count,)."""
    for point in range(len(points)):
        product = weights[point] * value
        for slot in range(group.count):
            product *= passes[slot] * points[point] + shares[slot] * (1 - points[point])
        for slot in range(group.count):
            factor = passes[slot] * points[point] + shares[slot] * (1 - points[point])
            found[slot] += (passes[slot] - shares[slot]) * product / factor


@njit(inline="always")
def _add_group(group, code, nodes, place, way_shares, points, weights, passes, shares, found):
    """Add the contributions of a group's leaves for a record with that code to `found`, (count,).

    `passes` and `shares` are room for as many numbers.
    """
    failures, root = code >> group.decisions, group.root
    for first in range(2 if group.decisions > 0 else 1):
        child = nodes[root].left + first if group.decisions > 0 else root
        inner = group.decisions == 3 and nodes[child].left != child
        for second in range(2 if inner else 1):
            leaf = nodes[child].left + second if inner else child
            for slot in range(group.count):
                passes[slot] = np.float64(slot >= group.on_way or (failures >> slot) & 1 == 0)
                shares[slot] = way_shares[group.first + slot]
            if group.decisions > 0:
                _pass(first, code & 1, root, child, place[root], nodes, passes, shares)
            if inner:
                _pass(second, (code >> (1 + first)) & 1, child, leaf, place[child], nodes, passes, shares)
            _integrate(group, np.float64(nodes[leaf].value), passes, shares, points, weights, found)


@compiled(void(_NODES, int32[::1], _GROUPS, uint16[::1], float64[::1], *_POINTS, float64[:, ::1], float32[::1]))
def fill_tables(nodes, place, groups, columns, way_shares, points, weights, room, table) -> None:
    """The contributions for each code of each group into `table`. `room` is float64 (3, most features of a group)."""
    for number in range(len(groups)):
        group = groups[number]
        for code in range(np.int64(1) << (group.on_way + group.decisions)):
            room[2, : group.count] = 0
            _add_group(group, code, nodes, place, way_shares, points, weights, room[0], room[1], room[2])
            for slot in range(group.count):
                table[group.table + code * group.stride + columns[group.first + slot]] = room[2, slot]


@njit(inline="always")
def _answer(matrix, row, asked, thresholds, right):
    """Of each split, and of a leaf at the end, whether a row goes right there, into `right`."""
    for number in range(len(asked) - 1):
        question, first, end = asked[number], asked[number].first, asked[number + 1].first
        value, mine, answers = matrix[row, question.feature], thresholds[first:end], right[first:end]
        missing_left = question.default_left & np.isnan(value)
        for place in range(len(mine)):
            answers[place] = not ((value < mine[place]) | missing_left)
    right[len(thresholds)] = 0


@njit(inline="always")
def _failures(way, right, codes):
    """Which features on the way to a node send a row elsewhere, as bits, once those of the way to its top are known."""
    return codes[way.top] | np.int64(right[way.split] ^ way.right) << way.place


@njit(inline="always")
def _read_codes(matrix, row, groups, ways, asked, thresholds, right, codes):
    """A row's code at each group into the last of `codes`; those before are failures at tops."""
    _answer(matrix, row, asked, thresholds, right)
    tops = len(ways) - len(groups)
    codes[0] = 0
    for number in range(1, tops):
        codes[number] = _failures(ways[number], right, codes)
    for number in range(len(groups)):
        group, failures = groups[number], _failures(ways[tops + number], right, codes)
        decided = right[group.split] | right[group.left_split] << 1 | right[group.right_split] << 2
        codes[tops + number] = failures << group.decisions | decided


_CUT_TREES = (float32[:, ::1], _GROUPS, _WAYS, _ASKED, float32[::1], uint16[::1])


@compiled(void(*_CUT_TREES, uint16[::1], float32[::1], float64[:, ::1]))
def look_up_contributions(matrix, groups, ways, asked, thresholds, features, columns, table, found) -> None:
    """Add each feature's log-odds to `found`, (rows, features), by `table`."""
    right, codes = np.empty(len(thresholds) + 1, np.uint8), np.empty(len(ways), np.int64)
    tops = len(ways) - len(groups)
    for row in range(matrix.shape[0]):
        _read_codes(matrix, row, groups, ways, asked, thresholds, right, codes)
        mine = found[row]
        for number in range(len(groups)):
            group = groups[number]
            start = group.table + codes[tops + number] * group.stride
            for slot in range(group.count):
                # unsigned, for Numba asks of any other whether it counts from the end
                place = np.uint64(group.first + slot)
                mine[features[place]] += table[np.uint64(start + columns[place])]


_TO_INTEGRATE = (_NODES, int32[::1], float64[::1], *_POINTS, float64[:, ::1])


@compiled(void(*_CUT_TREES, *_TO_INTEGRATE, float64[:, ::1]))
def work_out_contributions(
    matrix,
    groups,
    ways,
    asked,
    thresholds,
    features,
    nodes,
    place,
    way_shares,
    points,
    weights,
    room,
    found,
) -> None:
    """As `look_up_contributions`, without a table. `room` is float64 (3, most features of a group)."""
    right, codes = np.empty(len(thresholds) + 1, np.uint8), np.empty(len(ways), np.int64)
    tops = len(ways) - len(groups)
    for row in range(matrix.shape[0]):
        _read_codes(matrix, row, groups, ways, asked, thresholds, right, codes)
        for number in range(len(groups)):
            group, code = groups[number], codes[tops + number]
            room[2, : group.count] = 0
            _add_group(group, code, nodes, place, way_shares, points, weights, room[0], room[1], room[2])
            for slot in range(group.count):
                found[row, features[group.first + slot]] += room[2, slot]


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
