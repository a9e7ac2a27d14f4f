"""Calibration fitted on records that the trees were not grown on."""

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from fraud_detection_api.model.calibration import STEPS_PER_UNIT, Calibration

# The margins of trees that learned almost nothing lie so close together that the fitted slope can have any size. With more
# than half a unit of log-odds between two knots, straight lines between the knots would miss the curve by over 3 %.
STEEPEST = STEPS_PER_UNIT / 2

_WEAKEST_PENALTY = 1e6  # keeps the fit finite where margins separate the classes; otherwise too weak to matter
_HALVINGS = 100  # of an interval of log-odds: down to the last bit


def fit_calibration(
    margins: NDArray[np.float32], is_fraud: NDArray[np.bool_], *, deployed_base_rate: float | None = None
) -> Calibration:
    """Logistic recalibration p = 1 / (1 + exp(-(a·margin + b))), tabulated.

    `margins` float32 (n,) in log-odds, `is_fraud` bool (n,). Where the probability would fall with the margin (trees
    that learned nothing), every margin gets the base rate. With `deployed_base_rate` the probabilities are those of a
    population with that share of fraud. Source: Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    base_rate = float(is_fraud.mean())
    slope, intercept = _fit_logistic(margins.astype(np.float64), is_fraud)
    if slope <= 0:
        slope, intercept = 0.0, _log_odds(base_rate)
    intercept += prior_shift(base_rate, deployed_base_rate)
    return Calibration.tabulate(lambda grid: _probabilities(slope * grid + intercept))


def uncalibrated(margins: NDArray[np.float32]) -> NDArray[np.float64]:
    """The probabilities of the trees themselves, float64 (n,), for margins float32 (n,) in log-odds."""
    return _probabilities(margins.astype(np.float64))


def prior_shift(base_rate: float, deployed_base_rate: float | None) -> float:
    """What to add to log-odds learned at one share of fraud for use at another share; 0 for None.

    This is right where the sample was drawn by class alone, so that frauds look the same in both. Source: Saerens, Latinne
    and Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities", Neural Computation 14(1), 2002.

    >>> round(prior_shift(0.5, 0.01), 4)
    -4.5951
    """
    return 0.0 if deployed_base_rate is None else _log_odds(deployed_base_rate) - _log_odds(base_rate)


def deployment_weights(is_fraud: NDArray[np.bool_], deployed_base_rate: float | None) -> NDArray[np.float64] | None:
    """Weights, float64 (n,), that give the records the deployed share of fraud; None for None."""
    if deployed_base_rate is None:
        return None
    base_rate = float(is_fraud.mean())
    return np.where(is_fraud, deployed_base_rate / base_rate, (1 - deployed_base_rate) / (1 - base_rate))


def _fit_logistic(margins: NDArray[np.float64], is_fraud: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope, at most STEEPEST, and intercept."""
    if np.ptp(margins) == 0:  # a single margin determines no slope, and the solver would warn
        return 0.0, 0.0
    centre, spread = float(margins.mean()), float(margins.std())
    # margins that hardly vary, or are far from 0, would make the solver's equations ill-conditioned
    scaled = ((margins - centre) / spread).reshape(-1, 1)
    regression = LogisticRegression(C=_WEAKEST_PENALTY, solver="newton-cholesky", tol=1e-9)
    with warnings.catch_warnings():
        # where margins separate the classes, another solver continues from there, and the slope is capped anyway
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(scaled, is_fraud)
    slope, level = float(regression.coef_[0, 0]) / spread, float(regression.intercept_[0])
    if slope > STEEPEST:
        slope, level = STEEPEST, _level(STEEPEST * (margins - centre), float(is_fraud.mean()))
    return slope, level - slope * centre


def _level(log_odds: NDArray[np.float64], base_rate: float) -> float:
    """What to add to `log_odds` so that the mean probability is the base rate, found by bisection."""
    target = _log_odds(base_rate)
    low, high = target - float(log_odds.max()), target - float(log_odds.min())
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _probabilities(log_odds + middle).mean() < base_rate else (low, middle)
    return (low + high) / 2


def _log_odds(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def _probabilities(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    probabilities: NDArray[np.float64] = np.exp(-np.logaddexp(0, -log_odds))  # this form never overflows
    return probabilities
