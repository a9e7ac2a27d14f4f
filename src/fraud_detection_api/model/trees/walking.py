"""Trees walked by compiled loops."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.model.trees.attribution import Attribution
from fraud_detection_api.model.trees.kernels import add_margins
from fraud_detection_api.model.trees.nodes import Trees

CORES = os.cpu_count() or 1
"""ParsedRequest for once: asking takes longer than scoring a record."""

ROWS_A_THREAD = 2048
"""Fewer rows are scored before a thread has started."""


class CompiledTrees:
    """Margins and contributions of `trees`; matrices are float32 (n, features), in C order, finite or NaN."""

    def __init__(self, trees: Trees) -> None:
        self._trees = trees

    def margins(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log-odds, float32 (n,)."""
        margins = np.empty(len(matrix), dtype=np.float32)
        threads = min(CORES, len(matrix) // ROWS_A_THREAD)
        if threads < 2:
            self._walk(matrix, margins)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(lambda piece: self._walk(matrix[piece], margins[piece]), _pieces(len(matrix), threads)))
        return margins

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-odds of each feature, float64 (n, features)."""
        return self._attribution.contributions(matrix)

    @property
    def bias(self) -> float:
        """Mean margin over the training records, in log-odds."""
        return self._attribution.bias

    @cached_property
    def _attribution(self) -> Attribution:
        return Attribution(self._trees)  # its tables take memory, which batch scoring has no use for

    def _walk(self, matrix: NDArray[np.float32], margins: NDArray[np.float32]) -> None:
        add_margins(matrix, self._trees.trees, self._trees.nodes, self._trees.base_margin, margins)


def _pieces(rows: int, count: int) -> list[slice]:
    """Rows in equal parts."""
    bounds = [rows * part // count for part in range(count + 1)]
    return [slice(*ends) for ends in pairwise(bounds)]
