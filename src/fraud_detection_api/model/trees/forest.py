"""The trees: matrix to margins, and what each feature has to do with them."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.model.trees.compilation import kernels
from fraud_detection_api.model.trees.nodes import Trees


class Engine(Protocol):
    """What walks the trees; matrices are float32 (n, features), in C order, finite or NaN."""

    def margins(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]: ...

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]: ...

    @property
    def bias(self) -> float: ...


class Forest:
    """A trained XGBoost model, ready to score; safe to use from several threads."""

    def __init__(self, trees: Trees, booster: bytes) -> None:
        """`booster` is the model that the trees were read from; it is looked at only where they cannot be walked."""
        self.trees, self.features = trees, trees.features
        self._engine = _engine(trees, booster)

    @classmethod
    def of_booster(cls, booster: bytes) -> "Forest":
        """`booster` is UBJSON as `xgboost.Booster.save_raw` writes it.

        Raises CorruptBundle where XGBoost cannot read it, or where it is not of binary-logistic trees that split numbers.
        """
        from fraud_detection_api.model.trees.boosters import (  # noqa: PLC0415 serving needs no XGBoost
            load_booster,
            read_trees,
        )

        return cls(read_trees(load_booster(booster)), booster)

    def margins(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log-odds, float32 of shape (n,), before calibration; `matrix` is float32 (n, features), finite or NaN for missing.

        They are XGBoost's own to the bit, and a row's does not depend on the rows beside it. Raises ValueError for another
        number of features.
        """
        return self._engine.margins(self._checked(matrix))

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-odds that each feature adds to a row's margin, float64 (n, features); with `bias` they sum up to the margin.

        Exact path-dependent TreeSHAP; see `model.attribution`. Raises ValueError for another number of features.
        """
        return self._engine.contributions(self._checked(matrix))

    @property
    def bias(self) -> float:
        """Mean margin over the training records, in log-odds: where contributions begin."""
        return self._engine.bias

    def _checked(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        if matrix.ndim != 2 or matrix.shape[1] != self.features:
            raise ValueError(f"the matrix must have {self.features} columns")
        return np.ascontiguousarray(matrix)


def _engine(trees: Trees, booster: bytes) -> Engine:
    if kernels() is None:
        from fraud_detection_api.model.trees.boosters import XGBoostTrees, load_booster  # noqa: PLC0415

        return XGBoostTrees(load_booster(booster), trees.features)
    from fraud_detection_api.model.trees.walking import CompiledTrees  # noqa: PLC0415 it needs what `kernels` looks for

    return CompiledTrees(trees)
