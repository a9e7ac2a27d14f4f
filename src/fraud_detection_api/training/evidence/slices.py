"""The segments of the test part for which the model is worst."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.statistics.estimates import Estimate, Z, six_digits, wilson
from fraud_detection_api.statistics.segments import Segment, segments
from fraud_detection_api.training.evidence.thresholds import ClassWeights, Thresholds

FALSE_POSITIVE_RATE = 0.01
MIN_ROWS = 50
MIN_FRAUDS = 10
WORST = 12
MEASURES = ("recall", "false_positive_rate", "calibration")


@dataclass(frozen=True)
class ScoredPart:
    """The test part and one threshold; arrays are (n,)."""

    is_fraud: NDArray[np.bool_]
    probability: NDArray[np.float64]
    weights: NDArray[np.float64]
    threshold: float


def slices(
    columns: Mapping[str, NDArray[Any]],
    is_fraud: NDArray[np.bool_],
    probability: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> dict[str, Any]:
    """The WORST segments at the threshold that flags 1 % of all legitimate records, the surest first.

    Measured are the `segments` of each column with at least MIN_ROWS records, MIN_FRAUDS frauds and MIN_FRAUDS legitimate
    records, if they are not all records. A segment is worse where fewer frauds are caught, more legitimate records are
    flagged, or the mean probability differs from the fraud rate. `sureness` is the distance from the whole in standard
    errors (Z where the 95 % interval ends at the whole's value); `worse_in` is the measure for which it is largest. With
    `looked_at` segments and three measures some exceed 1.96 by chance: `beyond_chance` is True where Bonferroni's
    bound at 5 % for all of them is exceeded too. Segments overlap and are correlated, which makes the bound strict. Rates
    are weighted; `rows` and `frauds` are not. Source: Chung et al., "Slice Finder: automated data slicing
    for model validation", ICDE 2019.
    """
    part = ScoredPart(is_fraud, probability, weights, _threshold(is_fraud, probability))
    everything = np.ones(len(is_fraud), dtype=np.bool_)
    whole = _figures(part, everything)
    found = [s for name, values in columns.items() for s in segments(name, values) if _is_large(s, is_fraud)]
    bound = NormalDist().inv_cdf(1 - 0.025 / (len(MEASURES) * max(1, len(found))))
    measured = [_slice(part, segment, whole, bound) for segment in found]
    measured.sort(key=lambda figures: -figures["sureness"])
    return {
        "threshold": six_digits(part.threshold),
        "looked_at": len(found),
        "whole": whole,
        "worst": [figures for figures in measured[:WORST] if figures["sureness"] > 0],
    }


def _threshold(is_fraud: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    """The lowest that flags at most FALSE_POSITIVE_RATE of the legitimate records; the highest, if even that flags more."""
    flagged = Thresholds.of(is_fraud, probability)
    at = flagged.last_within(flagged.alarms, FALSE_POSITIVE_RATE * float(flagged.alarms[-1]))
    return float(flagged.probability[0 if at is None else at])


def _is_large(segment: Segment, is_fraud: NDArray[np.bool_]) -> bool:
    rows, frauds = int(segment.rows.sum()), int((segment.rows & is_fraud).sum())
    return MIN_ROWS <= rows < len(is_fraud) and frauds >= MIN_FRAUDS and rows - frauds >= MIN_FRAUDS


def _slice(part: ScoredPart, segment: Segment, whole: dict[str, float], bound: float) -> dict[str, Any]:
    figures = _figures(part, segment.rows)
    sureness = _sureness(figures, whole)
    worst = max(MEASURES, key=lambda measure: sureness[measure])
    return {
        "column": segment.column,
        "band": segment.band,
        **figures,
        "worse_in": worst,
        "sureness": six_digits(sureness[worst]),
        "beyond_chance": bool(sureness[worst] > bound),
    }


def _figures(part: ScoredPart, rows: NDArray[np.bool_]) -> dict[str, float]:
    is_fraud, probability, weights = part.is_fraud[rows], part.probability[rows], part.weights[rows]
    flagged = probability >= part.threshold
    count, frauds = len(is_fraud), int(is_fraud.sum())
    fraud_rate, mean = float(np.average(is_fraud, weights=weights)), float(np.average(probability, weights=weights))
    rate_low, rate_high = ClassWeights.mean(part.is_fraud, part.weights).interval(frauds, count)
    caught, needless = int((flagged & is_fraud).sum()), int((flagged & ~is_fraud).sum())
    return {
        "rows": count,
        "frauds": frauds,
        "fraud_rate": six_digits(fraud_rate),
        "mean_probability": six_digits(mean),
        **Estimate(mean - fraud_rate, mean - rate_high, mean - rate_low).suffixed("calibration_gap"),
        **Estimate(caught / frauds, *wilson(caught, frauds)).suffixed("recall"),
        **Estimate(needless / (count - frauds), *wilson(needless, count - frauds)).suffixed("false_positive_rate"),
    }


def _sureness(figures: Mapping[str, float], whole: Mapping[str, float]) -> dict[str, float]:
    """For each measure, Z times the distance to the whole, over the distance to the interval's end on that side."""
    recall, rate, gap = figures["recall"], figures["false_positive_rate"], figures["calibration_gap"]
    toward_0 = gap - figures["calibration_gap_low"] if gap > 0 else figures["calibration_gap_high"] - gap
    distances = {
        "recall": (whole["recall"] - recall, figures["recall_high"] - recall),
        "false_positive_rate": (rate - whole["false_positive_rate"], rate - figures["false_positive_rate_low"]),
        "calibration": (abs(gap), toward_0),
    }
    return {name: Z * distance / half if half > 0 else 0.0 for name, (distance, half) in distances.items()}
