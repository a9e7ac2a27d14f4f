"""The distribution of the probabilities of frauds and of legitimate records."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.statistics.rounding import all_six_digits

BINS = 40
FURTHEST = 9.0
"""Log-odds beyond which probabilities (below 0.012 %, above 99.988 %) go into the outermost bins."""


def score_histogram(is_fraud: NDArray[np.bool_], probability: NDArray[np.float64]) -> dict[str, Any]:
    """`edges` (bins + 1) as probabilities, and the numbers of `legitimate` and `fraud` records in each bin.

    Arrays are (n,). Edges are evenly spaced in log-odds, because most fraud probabilities are near 0.
    """
    margins = log_odds(probability)
    low, high = np.floor(2 * margins.min()) / 2, np.ceil(2 * margins.max()) / 2
    edges = np.linspace(low, high if high > low else low + 0.5, BINS + 1)
    return {
        "edges": all_six_digits(1 / (1 + np.exp(-edges))),
        "legitimate": np.histogram(margins[~is_fraud], edges)[0].tolist(),
        "fraud": np.histogram(margins[is_fraud], edges)[0].tolist(),
    }


def log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural log-odds, limited to plus or minus FURTHEST.

    >>> log_odds(np.array([0.0, 0.5]))
    array([-9.,  0.])
    """
    with np.errstate(divide="ignore"):
        margins = np.log(probability) - np.log1p(-probability)
    return np.asarray(np.clip(margins, -FURTHEST, FURTHEST), dtype=np.float64)
