"""Loops over trees, compiled when this module is imported, or read from the cache of an earlier time.

Values of a matrix are finite or NaN: at a leaf, whose threshold is infinite, a walk stays. Arrays are those of `Trees`.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
# ruff: noqa: ANN001, ANN202

import numpy as np
from numba import float32, from_dtype, njit, void

from fraud_detection_api.model.trees import NODE, TREE

TOGETHER = 4
"""Trees that are walked in step, so that one's nodes are fetched while another's are compared."""

BLOCK = 64
"""Rows that meet a tree while its nodes are near."""

_TREES, _NODES = from_dtype(TREE)[::1], from_dtype(NODE)[::1]


@njit(inline="always")
def _step(matrix, row, number, nodes):
    node = nodes[number]
    value = matrix[row, node.feature]
    goes_left = (value < node.threshold) | (node.default_left & np.isnan(value))
    return node.left + np.int32(not goes_left)


@njit(void(float32[:, ::1], _TREES, _NODES, float32, float32[::1]), cache=True, nogil=True)
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
