"""How far counts over bins moved from the reference's, and how far chance alone moves them."""

import math

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.statistics.chi_square import chi_square_quantile

FALSE_ALARM = 1e-6
"""Chance that any of the features of any window passes its noise floor when looked at once, and nothing drifted.

Looked at every five minutes, 8,640 times a month: less than one false alarm in a hundred months, by Boole's inequality.
"""

_HALF = 0.5


def psi(reference: NDArray[np.int64], live: NDArray[np.int64]) -> float | None:
    """Population stability index of two counts, int64 (bins,) each; None where either counts nothing.

    Sum over bins of (q - p) ln(q / p), with p and q the shares of the reference and the live records. Half a record is added
    to each bin, so that an empty one stays finite; a bin that is empty in both is none. Below 0.1 is commonly read as
    stable, above 0.25 as shifted: see `noise_floor` for how many records that takes. It does not see which way values moved,
    nor how far within a bin or beyond the last.
    Source: Kullback and Leibler, "On information and sufficiency", Annals of Mathematical Statistics 22, 1951 (their J);
    Siddiqi, "Credit Risk Scorecards", 2006.

    >>> round(psi(np.array([500, 500]), np.array([700, 300])), 4)
    0.1691
    """
    used = filled(reference, live)
    if not reference.any() or not live.any():
        return None
    p, q = _shares(reference[used]), _shares(live[used])
    return float(np.sum((q - p) * np.log(q / p)))


def filled(reference: NDArray[np.int64], live: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The bins, bool (bins,), that count a record on either side."""
    return (reference > 0) | (live > 0)


def noise_floor(reference: NDArray[np.int64], live: NDArray[np.int64], *, tests: int) -> float | None:
    """PSI that chance exceeds at most once in 1 / FALSE_ALARM looks at `tests` features and windows together.

    Without drift PSI is (1/n + 1/m) times a chi-square variable of one degree less than there are bins, for n live and m
    reference records; at tens of records a bin that is right within a tenth, and below the half records of `psi` keep it
    lower. None where either side counts nothing, or all is in one bin: nothing can drift there yet.
    Source: Yurdakul, "Statistical properties of population stability index", Western Michigan University, 2018.

    >>> round(noise_floor(np.full(20, 5000), np.full(20, 10), tests=18), 3), round(noise_floor(
    ...     np.full(20, 5000), np.full(20, 1000), tests=18), 4)
    (0.357, 0.0043)
    """
    bins, m, n = int(filled(reference, live).sum()), int(reference.sum()), int(live.sum())
    if bins < 2 or not m or not n:
        return None
    return (1 / n + 1 / m) * chi_square_quantile(FALSE_ALARM / tests, bins - 1)


def ks(reference: NDArray[np.int64], live: NDArray[np.int64]) -> float | None:
    """Kolmogorov and Smirnov's distance of two counts over the same bins in rising order, int64 (bins,) each.

    The largest difference of the two shares at or below an edge; what happens within a bin is not seen, so it is at most the
    distance of the records themselves. None where either counts nothing.

    >>> ks(np.array([50, 30, 20]), np.array([25, 40, 35]))
    0.25
    """
    if not reference.any() or not live.any():
        return None
    apart = np.cumsum(reference) / reference.sum() - np.cumsum(live) / live.sum()
    return float(np.abs(apart).max())


def ks_noise_floor(reference: NDArray[np.int64], live: NDArray[np.int64], *, tests: int) -> float | None:
    """KS that chance exceeds at most once in 1 / FALSE_ALARM looks, as `noise_floor`; 1 is never exceeded.

    Asymptotic, and on the safe side for counts. Source: Smirnov, "Table for estimating the goodness of fit of empirical
    distributions", Annals of Mathematical Statistics 19, 1948.
    """
    m, n = int(reference.sum()), int(live.sum())
    if not m or not n:
        return None
    return min(1.0, math.sqrt(math.log(2 * tests / FALSE_ALARM) / 2 * (1 / n + 1 / m)))


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray((counts + _HALF) / (counts.sum() + _HALF * len(counts)), dtype=np.float64)
