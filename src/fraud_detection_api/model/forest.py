"""The trees: matrix to margins, and what each feature has to do with them."""

from typing import Protocol

import numpy as np
import xgboost
from numpy.typing import NDArray

from fraud_detection_api.model.compilation import kernels
from fraud_detection_api.model.trees import Trees, load_booster, read_trees


class Engine(Protocol):
    """What walks the trees; matrices are float32 (n, features), in C order, finite or NaN."""

    def margins(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]: ...

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]: ...

    @property
    def bias(self) -> float: ...


class Forest:
    """A trained XGBoost model, ready to score; safe to use from several threads."""

    def __init__(self, model: bytes) -> None:
        """`model` is UBJSON as `xgboost.Booster.save_raw` writes it.

        Raises CorruptBundle where XGBoost cannot read it, or where it is not of binary-logistic trees that split numbers.
        """
        booster = load_booster(model)
        trees = read_trees(booster)
        self.features = trees.features
        self._engine = _engine(booster, trees)

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


def _engine(booster: xgboost.Booster, trees: Trees) -> Engine:
    if kernels() is None:
        return XGBoostTrees(booster, trees.features)
    from fraud_detection_api.model.walking import CompiledTrees  # noqa: PLC0415 it needs what `kernels` looks for

    return CompiledTrees(trees)


class XGBoostTrees:
    """The booster itself, where its trees cannot be walked by compiled loops."""

    def __init__(self, booster: xgboost.Booster, features: int) -> None:
        self._booster, self.features = booster, features

    def margins(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        if not len(matrix):
            return np.empty(0, dtype=np.float32)
        margins: NDArray[np.float32] = self._booster.inplace_predict(
            matrix, predict_type="margin", validate_features=False
        )
        return margins

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        if not len(matrix):
            return np.empty(matrix.shape, dtype=np.float64)
        return self._with_bias(matrix)[:, :-1]

    @property
    def bias(self) -> float:
        return float(self._with_bias(np.zeros((1, self.features), dtype=np.float32))[0, -1])

    def _with_bias(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        rows = xgboost.DMatrix(matrix, nthread=1)
        found: NDArray[np.float32] = self._booster.predict(rows, pred_contribs=True, validate_features=False)
        return found.astype(np.float64)
