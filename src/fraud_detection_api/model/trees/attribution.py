"""Which feature moved a margin, and how far: exact path-dependent TreeSHAP, in log-odds.

At a leaf of value v whose way from the root splits on the features F, let z_j be the share of training records, by cover,
that all splits on feature j would send towards the leaf, and o_j 1 where the record goes there and 0 where not. Lundberg et
al., "Consistent individualized feature attribution for tree ensembles", 2018, give feature i at that leaf

    v (o_i - z_i) · sum over S ⊆ F without i of |S|! (|F| - |S| - 1)! / |F|! · prod of o_j in S · prod of z_j outside S and i

The factorials are the integral of t^|S| (1 - t)^(|F| - |S| - 1) from 0 to 1, so the sum is the integral of the product of
o_j t + z_j (1 - t) over j other than i. That is a polynomial of degree |F| - 1, which the quadrature of Gauss and Legendre
integrates exactly with half as many points. Features with o = z = 1 change nothing, so the leaves of a group share their F;
and as the o_j are but a few bits, all that can come of a group stands in a table.
"""

import math

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.model.trees.attribution_kernels import (
    CODE_BITS,
    VECTOR,
    fill_tables,
    look_up_contributions,
    look_up_together,
    work_out_contributions,
)
from fraud_detection_api.model.trees.groups import Groups, cut_into_groups
from fraud_detection_api.model.trees.nodes import Trees
from fraud_detection_api.model.trees.splits import Splits

MOST_TABLE_ENTRIES = 12_000_000
"""Float32 numbers, 48 MB. Deeper trees have more; theirs are worked out for each record."""

WIDE = 2 * VECTOR
"""Models of no more features have a column for each of them in every table, and a row of it is added in a step or two."""

CACHE_LINE = 64
"""Bytes."""

FEW_ROWS = 4
"""Fewer rows are looked up one by one, and so are all rows of models with longer codes than CODE_BITS."""


class Attribution:
    """Contributions of features to margins; safe to use from several threads."""

    def __init__(self, trees: Trees, splits: Splits) -> None:
        self._trees, cut = trees, cut_into_groups(trees, splits)
        self._most_features = int(cut.groups["count"].max())
        points, weights = np.polynomial.legendre.leggauss(self._most_features // 2 + 1)
        self._points, self._weights = (points + 1) / 2, weights / 2
        self._cut, self._width = _widened(cut, trees.features)
        self._asked = (splits.asked, splits.thresholds, splits.answers, cut.features)
        self._looked_up = (self._cut.looked_up, self._cut.tops, *self._asked)
        self._begins = np.ascontiguousarray(self._cut.groups["table"])
        self._few = FEW_ROWS if cut.code_bits <= CODE_BITS else math.inf
        self._table = self._filled() if cut.table_entries <= MOST_TABLE_ENTRIES else None

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-odds that each feature adds to a row's margin, float64 (n, features).

        Their sum is the margin's distance from the mean margin of the training records, by cover.

        `matrix` is float32 (n, features) in C order, finite or NaN for missing.
        """
        found = np.zeros(matrix.shape, dtype=np.float64)
        if self._table is not None and len(matrix) < self._few:
            look_up_contributions(matrix, *self._looked_up, self._table, self._width, found)
            return found
        cut, asked = self._cut, self._asked
        if self._table is None:
            points = (self._points, self._weights)
            integrated = (self._trees.nodes, cut.place, cut.shares, *points, self._room)
            work_out_contributions(matrix, cut.groups, cut.ways, *asked, *integrated, found)
        else:
            begins = (self._begins, self._table, self._width)
            look_up_together(matrix, cut.groups, cut.ways, *asked, *begins, found)
        return found

    @property
    def _room(self) -> NDArray[np.float64]:
        return np.empty((3, self._most_features + 1), dtype=np.float64)

    def _filled(self) -> NDArray[np.float32]:
        cut = self._cut
        table = _aligned(cut.table_entries)
        points = (self._points, self._weights)
        fill_tables(self._trees.nodes, cut.place, cut.groups, cut.columns, cut.shares, *points, self._room, table)
        return table


def _aligned(entries: int) -> NDArray[np.float32]:
    """Zeros that begin where a line of the processor's cache does: so a row of a wide table is in one line, not in two."""
    room = np.zeros(entries + CACHE_LINE // 4, dtype=np.float32)
    begin = -room.ctypes.data % CACHE_LINE // 4
    return room[begin : begin + entries]


def _widened(cut: Groups, features: int) -> tuple[Groups, int]:
    """Groups with wide tables and their stride, where that is within bounds; or as they were, and 0."""
    width = -(-features // VECTOR) * VECTOR
    if features > WIDE or cut.code_bits > CODE_BITS:
        return cut, 0
    wide = cut.widened(width)
    return (wide, width) if wide.table_entries <= MOST_TABLE_ENTRIES else (cut, 0)
