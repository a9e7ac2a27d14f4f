"""How good a model's decisions were, once it is known what was true; each measure with its 95 % interval."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.statistics.estimates import Estimate, bootstrap_estimate, share_estimate
from fraud_detection_api.statistics.metrics import (
    METRICS,
    calibration_error,
    calibration_error_by_chance,
    calibration_slope,
    observed_to_expected,
)
from fraud_detection_api.statistics.scored import Cells, ScoredTest

FEWEST = 10
"""Fewest frauds, and fewest legitimate records, that a ranking is measured on: fewer give no interval to speak of."""

RANKING = {name: METRICS[name] for name in ("roc_auc", "average_precision")}

_REVIEW, _DECLINE = 1, 2  # indexes into OUTCOMES


@dataclass(frozen=True)
class Performance:
    """Of `records` decisions, `frauds` of them fraud. `measures` holds those that so many records allow.

    `calibration_error_by_chance` is what `calibration_error` would be were every probability right; None without records.
    """

    records: int
    frauds: int
    measures: dict[str, Estimate]
    calibration_error_by_chance: float | None


def measure(
    is_fraud: NDArray[np.bool_], probability: NDArray[np.float64], outcomes: NDArray[np.int8], *, seed: int = 0
) -> Performance:
    """Every measure of scored decisions, arrays (n,); `outcomes` are codes, those that were decided.

    `recall` and `precision` take what was reviewed or declined for caught, `decline_recall` and `decline_precision` what
    was declined: the policy's thresholds, whatever amounts they depend on. Rankings have bootstrap intervals over records,
    shares Wilson's.
    """
    if not len(is_fraud):
        return Performance(0, 0, {}, None)
    test = ScoredTest.sort(is_fraud, probability)
    measures: dict[str, Estimate | None] = {
        **(_resampled(is_fraud, [probability], list, seed=seed, lowest=0.0) if enough(is_fraud) else {}),
        **_at_thresholds(is_fraud, outcomes),
        "calibration_error": calibration_error(test, seed=seed),
        "calibration_slope": calibration_slope(is_fraud, probability) if enough(is_fraud) else None,
        "observed_to_expected": observed_to_expected(is_fraud, probability),
    }
    kept = {name: estimate for name, estimate in measures.items() if estimate is not None}
    return Performance(len(is_fraud), int(is_fraud.sum()), kept, calibration_error_by_chance(test))


def enough(is_fraud: NDArray[np.bool_]) -> bool:
    """Whether a ranking of these records can be measured."""
    frauds = int(is_fraud.sum())
    return frauds >= FEWEST and len(is_fraud) - frauds >= FEWEST


def ranking_differences(
    is_fraud: NDArray[np.bool_], champion: NDArray[np.float64], challenger: NDArray[np.float64], *, seed: int = 0
) -> dict[str, Estimate]:
    """How much higher each of RANKING is by the challenger's probabilities than by the champion's, arrays (n,).

    Both are measured on the same replicates, so that what the models share does not widen the interval. Empty where there
    are too few frauds or legitimate records.
    """
    if not enough(is_fraud):
        return {}

    def gains(before: list[float], after: list[float]) -> list[float]:
        return [second - first for first, second in zip(before, after, strict=True)]

    return _resampled(is_fraud, [champion, challenger], gains, seed=seed, lowest=-1.0)


def _resampled(
    is_fraud: NDArray[np.bool_],
    scores: Sequence[NDArray[np.float64]],
    combine: Callable[..., list[float]],
    *,
    seed: int,
    lowest: float,
) -> dict[str, Estimate]:
    """What `combine` makes of the RANKING of each of `scores`, float64 (n,), with bootstrap intervals over records."""
    cells = Cells.of(is_fraud, scores)

    def numbers(weights: NDArray[np.float64]) -> list[float]:
        ordered = ((test, weights[test.order]) for test in cells.tests)
        return combine(*([metric(test, own) for metric in RANKING.values()] for test, own in ordered))

    resampled = np.array([numbers(weights) for weights in cells.replicates(seed)]).T
    return {
        name: bootstrap_estimate(number, column).within(lowest, 1.0)
        for name, number, column in zip(RANKING, numbers(cells.counts), resampled, strict=True)
    }


def _at_thresholds(is_fraud: NDArray[np.bool_], outcomes: NDArray[np.int8]) -> dict[str, Estimate | None]:
    shares: dict[str, Estimate | None] = {}
    for prefix, least in (("", _REVIEW), ("decline_", _DECLINE)):
        caught = outcomes >= least
        hits = int((caught & is_fraud).sum())
        shares[f"{prefix}recall"] = share_estimate(hits, int(is_fraud.sum()))
        shares[f"{prefix}precision"] = share_estimate(hits, int(caught.sum()))
    return shares
