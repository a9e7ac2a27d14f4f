"""Loops over trees, compiled when this module is imported, or read from the cache of an earlier time.

Values of a matrix are finite or NaN: at a leaf, whose threshold is infinite, a walk stays. Arrays are those of `Trees` and
`Groups`, one by one, for that is what is compiled without a price at each call; Numba has no types for a type checker.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
# ruff: noqa: ANN001, ANN202, PLR0913, PLR0917

import numpy as np
from numba import float32, float64, from_dtype, int32, int64, njit, void

from fraud_detection_api.model.compilation import compiled
from fraud_detection_api.model.groups import CUT, GROUP, LEAST_SHARE
from fraud_detection_api.model.trees import NODE, TREE

TOGETHER = 4
"""Trees that are walked in step, so that one's nodes are fetched while another's are compared."""

BLOCK = 64
"""Rows that meet a tree while its nodes are near."""

_TREES, _NODES = from_dtype(TREE)[::1], from_dtype(NODE)[::1]


@njit(inline="always")
def _goes_right(matrix, row, node):
    value = matrix[row, node.feature]
    return np.int32(not ((value < node.threshold) | (node.default_left & np.isnan(value))))


@njit(inline="always")
def _step(matrix, row, number, nodes):
    node = nodes[number]
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


_CUTS, _GROUPS = from_dtype(CUT)[::1], from_dtype(GROUP)[::1]
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


@compiled(void(_NODES, int32[::1], _GROUPS, float64[::1], *_POINTS, float64[:, ::1], float32[::1]))
def fill_tables(nodes, place, groups, way_shares, points, weights, room, table) -> None:
    """The contributions for each code of each group into `table`. `room` is float64 (3, most features of a group)."""
    for number in range(len(groups)):
        group = groups[number]
        for code in range(np.int64(1) << (group.on_way + group.decisions)):
            room[2, : group.count] = 0
            _add_group(group, code, nodes, place, way_shares, points, weights, room[0], room[1], room[2])
            for slot in range(group.count):
                table[group.table + code * group.count + slot] = room[2, slot]


@njit(inline="always")
def _note_failures(matrix, row, root, tops, first, last, nodes, place, failed):
    """For each node below a tree's tops, which of its way's features send the row elsewhere, as bits."""
    failed[0] = 0
    for number in tops[first:last]:
        node = nodes[number]
        before, bit = failed[number - root], np.int64(1) << place[number]
        right = _goes_right(matrix, row, node)
        failed[node.left - root] = before | bit * right
        failed[node.left - root + 1] = before | bit * (1 - right)


@njit(inline="always")
def _code(matrix, row, group, nodes, failures):
    code = failures << group.decisions
    if group.decisions > 0:
        node = nodes[group.root]
        code |= _goes_right(matrix, row, node)
        if group.decisions == 3:
            code |= _goes_right(matrix, row, nodes[node.left]) << 1
            code |= _goes_right(matrix, row, nodes[node.left + 1]) << 2
    return code


_CUT_TREES = (float32[:, ::1], _TREES, _NODES, _CUTS, int32[::1], int32[::1], _GROUPS, int32[::1])


@compiled(void(*_CUT_TREES, float32[::1], int64[::1], float64[:, ::1]))
def look_up_contributions(matrix, trees, nodes, cuts, tops, place, groups, features, table, failed, found) -> None:
    """Add each feature's log-odds to `found`, (rows, features), by `table`. `failed` has room for a tree's nodes."""
    for tree in range(len(trees)):
        root, cut, end = trees[tree].root, cuts[tree], cuts[tree + 1]
        for row in range(matrix.shape[0]):
            _note_failures(matrix, row, root, tops, cut.top, end.top, nodes, place, failed)
            for number in range(cut.group, end.group):
                group = groups[number]
                start = group.table + _code(matrix, row, group, nodes, failed[group.root - root]) * group.count
                for slot in range(group.count):
                    found[row, features[group.first + slot]] += table[start + slot]


@compiled(void(*_CUT_TREES, float64[::1], *_POINTS, float64[:, ::1], int64[::1], float64[:, ::1]))
def work_out_contributions(
    matrix, trees, nodes, cuts, tops, place, groups, features, way_shares, points, weights, room, failed, found
) -> None:
    """As `look_up_contributions`, without a table. `room` is float64 (3, most features of a group)."""
    for tree in range(len(trees)):
        root, cut, end = trees[tree].root, cuts[tree], cuts[tree + 1]
        for row in range(matrix.shape[0]):
            _note_failures(matrix, row, root, tops, cut.top, end.top, nodes, place, failed)
            for number in range(cut.group, end.group):
                group = groups[number]
                code = _code(matrix, row, group, nodes, failed[group.root - root])
                room[2, : group.count] = 0
                _add_group(group, code, nodes, place, way_shares, points, weights, room[0], room[1], room[2])
                for slot in range(group.count):
                    found[row, features[group.first + slot]] += room[2, slot]
