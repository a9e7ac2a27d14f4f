"""What thresholds cost, where a missed fraud costs several times as much as a false alert."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.statistics.rounding import all_six_digits, six_digits
from fraud_detection_api.training.evidence.intervals import ClassWeights
from fraud_detection_api.training.evidence.scores import log_odds
from fraud_detection_api.training.evidence.thresholds import Thresholds

RATIOS = (5, 10, 25, 100)
GRID = 80
REPLICATES = 500


def cost_curve(
    is_fraud: NDArray[np.bool_], probability: NDArray[np.float64], weights: NDArray[np.float64], *, seed: int = 0
) -> dict[str, Any]:
    """Expected cost per 1,000 records against the threshold, for each ratio r of RATIOS; the unit is a false alert.

    cost(t) = 1000 · (r · missed(t) + needless(t)) / all, sums of `weights`; an alert on a fraud costs nothing. `relative`
    is this cost over that of the cheaper trivial rule, no alert (r · frauds) or an alert on every record (legitimate).
    The best threshold of a calibrated probability is 1 / (1 + r): Elkan, "The foundations of cost-sensitive learning",
    IJCAI 2001. `best_threshold` is the cheapest on these same records, so its cost is a little too good; None means no
    alerts. `low` and `high` are the 95 % bootstrap interval (REPLICATES multinomial draws of the four
    outcomes) of the relative cost at the theoretical threshold. Comparing with the better trivial rule follows Drummond
    and Holte, "Cost curves", Machine Learning 65, 2006. Arrays are (n,) with both classes.
    """
    flagged = Thresholds.of(is_fraud, probability, weights)
    classes = ClassWeights.mean(is_fraud, weights)
    margins = log_odds(probability)
    grid = 1 / (1 + np.exp(-np.linspace(margins.min(), margins.max(), GRID)))
    return {
        "threshold": all_six_digits(grid),
        "ratios": [_ratio_costs(flagged, grid, ratio, classes, np.random.default_rng(seed)) for ratio in RATIOS],
    }


def _ratio_costs(
    flagged: Thresholds,
    grid: NDArray[np.float64],
    ratio: int,
    classes: ClassWeights,
    rng: np.random.Generator,
) -> dict[str, Any]:
    missed = flagged.frauds[-1] - np.append(0, flagged.frauds)
    costs = 1000 * (ratio * missed + np.append(0, flagged.alarms)) / flagged.flagged[-1]  # [k]: k thresholds flagged
    trivial = min(costs[0], costs[-1])
    theoretical = 1 / (1 + ratio)
    at_theoretical, best = _flagged_groups(flagged, np.array([theoretical]))[0], int(np.argmin(costs))
    low, high = _relative_interval(flagged, int(at_theoretical), ratio, classes, rng)
    return {
        "ratio": ratio,
        "trivial_cost": six_digits(trivial),
        "relative": all_six_digits(costs[_flagged_groups(flagged, grid)] / trivial),
        "best_threshold": six_digits(flagged.probability[best - 1]) if best else None,
        "best_cost": six_digits(costs[best]),
        "theoretical_threshold": six_digits(theoretical),
        "theoretical_cost": six_digits(costs[at_theoretical]),
        "theoretical_relative": six_digits(costs[at_theoretical] / trivial),
        "low": six_digits(low),
        "high": six_digits(high),
    }


def _flagged_groups(flagged: Thresholds, at: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many of the distinct probabilities are at least each of `at`."""
    return np.searchsorted(-flagged.probability, -at, side="right")


def _relative_interval(
    flagged: Thresholds, groups: int, ratio: int, classes: ClassWeights, rng: np.random.Generator
) -> tuple[float, float]:
    caught, needless = np.append(0, flagged.fraud_rows)[groups], np.append(0, flagged.alarm_rows)[groups]
    counts = np.array([caught, flagged.fraud_rows[-1] - caught, needless, flagged.alarm_rows[-1] - needless])
    rows = int(counts.sum())
    caught, missed, needless, passed = rng.multinomial(rows, counts / rows, size=REPLICATES).T
    cost = ratio * classes.fraud * missed + classes.legitimate * needless
    trivial = np.minimum(ratio * classes.fraud * (caught + missed), classes.legitimate * (needless + passed))
    low, high = np.quantile(cost[trivial > 0] / trivial[trivial > 0], [0.025, 0.975])
    return float(low), float(high)
