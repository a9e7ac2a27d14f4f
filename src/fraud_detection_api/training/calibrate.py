"""Calibration fitted on records that the trees were not grown on."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from fraud_detection_api.model.calibration import Calibration


def fit_calibration(margins: NDArray[np.float32], is_fraud: NDArray[np.bool_]) -> Calibration:
    """Logistic recalibration p = 1 / (1 + exp(-(a·margin + b))), tabulated.

    `margins` float32 (n,) in log-odds, `is_fraud` bool (n,). Where the fit would fall with the margin (trees that learned
    nothing), every margin gets the base rate. Source: Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    slope, intercept = _fit_logistic(margins, is_fraud)
    if slope <= 0:
        base_rate = float(is_fraud.mean())
        return Calibration.tabulate(lambda grid: np.full_like(grid, base_rate))
    return Calibration.tabulate(lambda grid: 1 / (1 + np.exp(-(slope * grid + intercept))))


def _fit_logistic(margins: NDArray[np.float32], is_fraud: NDArray[np.bool_]) -> tuple[float, float]:
    if np.ptp(margins) == 0:  # no slope can be told from a single margin, and the solver would warn of it
        return 0.0, 0.0
    regression = LogisticRegression(C=np.inf, solver="newton-cholesky").fit(margins.reshape(-1, 1), is_fraud)
    return float(regression.coef_[0, 0]), float(regression.intercept_[0])
