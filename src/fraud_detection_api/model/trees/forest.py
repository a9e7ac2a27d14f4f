"""The trees: a matrix to margins, and what each feature adds to them."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.errors import MissingExtra
from fraud_detection_api.model.trees.compilation import kernels
from fraud_detection_api.model.trees.leaf_masks import leaf_masks
from fraud_detection_api.model.trees.nodes import Trees
from fraud_detection_api.model.trees.splits import sort_splits

if TYPE_CHECKING:
    from fraud_detection_api.model.trees.attribution import Attribution

CORES = os.cpu_count() or 1
"""Asked for once, because asking takes longer than scoring a record."""

ROWS_A_THREAD, EXPLAINED_A_THREAD = 2048, 128
"""Fewer rows are scored, or explained, before a thread has started."""

FEW_ROWS = 12
"""Fewer rows walk through the trees faster than they are compared with masks of leaves."""


class Walker(Protocol):
    """What walks the trees; matrices are float32 (n, features), in C order, finite or NaN."""

    def margins(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]: ...

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]: ...


class Forest:
    """A trained XGBoost model, ready to score; safe to use from several threads."""

    def __init__(self, trees: Trees, booster: bytes) -> None:
        """`booster` is the model that the trees were read from; it is read only where they cannot be walked.

        Raises MissingExtra where neither Numba nor XGBoost can be loaded.
        """
        self.trees, self.features = trees, trees.features
        self._walker = _walker(trees, booster)

    @classmethod
    def of_booster(cls, booster: bytes) -> "Forest":
        """`booster` is UBJSON as `xgboost.Booster.save_raw` writes it.

        Raises CorruptBundle where XGBoost cannot read it, or where it is not of binary-logistic trees.
        """
        from fraud_detection_api.model.trees.boosters import (  # noqa: PLC0415 serving needs no XGBoost
            load_booster,
            read_trees,
        )

        return cls(read_trees(load_booster(booster)), booster)

    def margins(self, matrix: NDArray[np.float32], *, threads: int = CORES) -> NDArray[np.float32]:
        """Log-odds, float32 of shape (n,), before calibration; `matrix` is float32 (n, features), finite or NaN for missing.

        They are XGBoost's own to the bit, and a row's does not depend on the rows beside it. At most so many `threads` share
        thousands of rows. Raises ValueError for another number of features.
        """
        return _shared_out(self._walker.margins, self._checked(matrix), threads, ROWS_A_THREAD)

    def contributions(self, matrix: NDArray[np.float32], *, threads: int = CORES) -> NDArray[np.float64]:
        """Log-odds that each feature adds to a row's margin, float64 (n, features).

        Exact path-dependent TreeSHAP; see `model.trees.attribution`. At most so many `threads` share hundreds of rows.
        Raises ValueError for another number of features.
        """
        return _shared_out(self._walker.contributions, self._checked(matrix), threads, EXPLAINED_A_THREAD)

    def _checked(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        if matrix.ndim != 2 or matrix.shape[1] != self.features:
            raise ValueError(f"the matrix must have {self.features} columns")
        return np.ascontiguousarray(matrix)


class CompiledTrees:
    """Margins and contributions of `trees`; matrices are float32 (n, features), in C order, finite or NaN."""

    def __init__(self, trees: Trees, loops: ModuleType) -> None:
        self._splits = splits = sort_splits(trees)
        self._trees, self._loops = trees, loops
        self._steps, self._masks = splits.steps(trees), leaf_masks(trees, splits)
        self._asked = (splits.asked, splits.thresholds, splits.answers)

    def margins(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log-odds, float32 (n,)."""
        margins = np.empty(len(matrix), dtype=np.float32)
        base = self._trees.base_margin
        if self._masks is None or len(matrix) < FEW_ROWS:
            self._loops.add_margins(matrix, self._trees.trees, self._steps, *self._asked, base, margins)
        else:
            self._loops.add_margins_together(matrix, *self._masks, *self._asked, base, margins)
        return margins

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-odds of each feature, float64 (n, features)."""
        return self._attribution.contributions(matrix)

    @cached_property
    def _attribution(self) -> "Attribution":
        from fraud_detection_api.model.trees.attribution import Attribution  # noqa: PLC0415 it needs what `kernels` loads

        return Attribution(self._trees, self._splits)  # its tables take memory, which batch scoring has no use for


def _shared_out(work: "_Work", matrix: NDArray[np.float32], threads: int, least_rows: int) -> NDArray[Any]:
    """What `work` finds for each row, by at most so many threads, with at least so many rows each."""
    threads = min(threads, len(matrix) // least_rows)
    if threads < 2:
        return work(matrix)
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate([*pool.map(work, np.array_split(matrix, threads))])


_Work: TypeAlias = Callable[[NDArray[np.float32]], NDArray[Any]]


def _walker(trees: Trees, booster: bytes) -> Walker:
    if (loops := kernels()) is not None:
        return CompiledTrees(trees, loops)
    try:
        from fraud_detection_api.model.trees.boosters import XGBoostTrees, load_booster  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtra("train", "scoring where Numba cannot be loaded") from error
    return XGBoostTrees(load_booster(booster), trees.features)
