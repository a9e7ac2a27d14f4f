"""The trees: matrix to margins."""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.model.kernels import add_margins
from fraud_detection_api.model.trees import load_booster, read_trees

Margins = NDArray[np.float32]

CORES = os.cpu_count() or 1
"""Asked for once: asking takes longer than scoring a record."""

ROWS_A_THREAD = 2048
"""Fewer rows are scored before a thread has started."""


class Forest:
    """A trained XGBoost model, ready to score; safe to use from several threads."""

    def __init__(self, model: bytes) -> None:
        """`model` is UBJSON as `xgboost.Booster.save_raw` writes it.

        Raises CorruptBundle where XGBoost cannot read it, or where it is not of binary-logistic trees that split numbers.
        """
        self.trees = read_trees(load_booster(model))

    def margins(self, matrix: NDArray[np.float32]) -> Margins:
        """Log-odds, float32 of shape (n,), before calibration; `matrix` is float32 (n, features), finite or NaN for missing.

        They are XGBoost's own to the bit, and a row's does not depend on the rows beside it. Raises ValueError for another
        number of features.
        """
        if matrix.ndim != 2 or matrix.shape[1] != self.trees.features:
            raise ValueError(f"the matrix must have {self.trees.features} columns")
        rows = np.ascontiguousarray(matrix)
        margins = np.empty(len(rows), dtype=np.float32)
        threads = min(CORES, len(rows) // ROWS_A_THREAD)
        if threads < 2:
            self._walk(rows, margins)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(lambda piece: self._walk(rows[piece], margins[piece]), _pieces(len(rows), threads)))
        return margins

    def _walk(self, matrix: NDArray[np.float32], margins: Margins) -> None:
        add_margins(matrix, self.trees.trees, self.trees.nodes, self.trees.base_margin, margins)


def _pieces(rows: int, count: int) -> list[slice]:
    """Rows in equal parts."""
    bounds = [rows * part // count for part in range(count + 1)]
    return [slice(*ends) for ends in pairwise(bounds)]
