"""How a model and its policy treat groups of people: rates of outcomes and errors, calibration, adverse impact.

Definitions are those of fairlearn's user guide ("Common fairness metrics"): the selection rate is the share of a group
with an outcome, and false positive and negative rates are shares of those whose label is negative or positive.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.statistics.estimates import Estimate, six_digits, wilson
from fraud_detection_api.statistics.segments import Segment, segments

FEWEST_RECORDS, FEWEST_EVENTS = 30, 5
"""A group with fewer records, or fewer of either class, is shown and not judged."""
MOST_GROUPS = 12
AGE_BANDS = (25.0, 40.0, 62.0)
"""Lower ends of the bands of age; Regulation B calls applicants of 62 or older elderly (12 CFR 1002.2(o))."""
DECLINED_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)
"""Shares of all records for which the effect of another decline threshold is shown."""
_AGE = re.compile(r"(^|[\W_])age([\W_]|$)", re.IGNORECASE)
_APPROVE, _DECLINE = OUTCOMES.index("approve"), OUTCOMES.index("decline")


@dataclass(frozen=True)
class Decided:
    """Records with labels, probabilities and outcomes (codes of OUTCOMES); arrays are (n,). `weights` None means 1."""

    is_fraud: NDArray[np.bool_]
    probability: NDArray[np.float64]
    outcomes: NDArray[np.int8]
    weights: NDArray[np.float64] | None = None

    def take(self, rows: NDArray[np.bool_]) -> "Decided":
        weights = None if self.weights is None else self.weights[rows]
        return Decided(self.is_fraud[rows], self.probability[rows], self.outcomes[rows], weights)

    def share(self, having: NDArray[np.bool_], among: NDArray[np.bool_] | None = None) -> Estimate | None:
        """Weighted share of the records `among` that are `having`, with Wilson's interval; None where there are none.

        With weights, the interval is that of the effective number of records. Source: Kish, "Survey Sampling", 1965.
        """
        chosen = np.ones(len(self.is_fraud), dtype=np.bool_) if among is None else among
        if not chosen.any():
            return None
        weights = np.ones(int(chosen.sum())) if self.weights is None else self.weights[chosen]
        rate = float(np.average(having[chosen], weights=weights))
        return Estimate(rate, *wilson(rate * _effective(weights), _effective(weights)))


def _effective(weights: NDArray[np.float64]) -> float:
    return float(weights.sum() ** 2 / np.square(weights).sum())


def protected_columns(contract: Contract) -> list[str]:
    """The features that the contract declares protected."""
    return [name for name, feature in contract.features.items() if feature.protected]


def fairness(groups: Mapping[str, NDArray[Any]], decided: Decided) -> list[dict[str, Any]]:
    """For each column of groups, as in `contract.columns` or texts with None: its groups, and other thresholds.

    `groups`, each with its `band` (`statistics.segments.Segment`), `rows`, `frauds`, `few`, and with intervals: `declined`,
    `flagged` (reviewed or declined), `false_positive_rate` (of legitimate records, those flagged), `false_negative_rate`
    (of frauds, those approved), `observed_to_expected` (frauds over the sum of probabilities), and `impact_ratio`,
    `kept_ratio`: the share that is approved, and the share that is not declined, over that of the group that `reference`
    and `kept_reference` are the indices of: the one with the highest share among those that are not few. `thresholds`: for
    some shares of all records that could be declined, the `threshold`, the share `declined` of each group, and the lowest
    `kept_ratio` of those that are not few.
    """
    return [_column(name, values, decided) for name, values in groups.items()]


def _column(name: str, values: NDArray[Any], decided: Decided) -> dict[str, Any]:
    found = list(_groups(name, values))
    parts = [decided.take(segment.rows) for segment in found]
    few = [_few(part) for part in parts]
    reference, impact = _ratios(parts, few, [part.outcomes == _APPROVE for part in parts])
    kept_reference, kept = _ratios(parts, few, [part.outcomes != _DECLINE for part in parts])
    return {
        "column": name,
        "reference": reference,
        "kept_reference": kept_reference,
        "groups": [
            {
                "band": segment.band,
                "few": is_few,
                **_figures(part),
                **_stated("impact_ratio", ratio),
                **_stated("kept_ratio", kept_ratio),
            }
            for segment, part, is_few, ratio, kept_ratio in zip(found, parts, few, impact, kept, strict=True)
        ],
        "thresholds": [_threshold(share, decided, parts, few) for share in DECLINED_SHARES],
    }


def _groups(name: str, values: NDArray[Any]) -> Iterator[Segment]:
    """Ages in the bands of Regulation B; other numbers and levels as `segments` has them, with one group for rare levels."""
    if values.dtype != object and _AGE.search(name):
        yield from _ages(name, values)
    elif values.dtype != object:
        yield from segments(name, values)
    else:
        common = {
            level for level, _count in Counter(each for each in values if each is not None).most_common(MOST_GROUPS)
        }
        limited = np.array([each if each is None or each in common else OTHERS for each in values], dtype=object)
        yield from segments(name, limited)


OTHERS = "(all other levels)"


def _ages(name: str, ages: NDArray[np.float64]) -> Iterator[Segment]:
    for low, high in zip((-np.inf, *AGE_BANDS), (*AGE_BANDS, np.inf), strict=True):
        rows = (ages >= low) & (ages < high)
        if rows.any():
            yield Segment(name, {"from": _end(low), "under": _end(high)}, rows)
    if np.isnan(ages).any():
        yield Segment(name, {"missing": True}, np.isnan(ages))


def _end(age: float) -> float | None:
    return age if math.isfinite(age) else None


def _few(part: Decided) -> bool:
    frauds = int(part.is_fraud.sum())
    return len(part.is_fraud) < FEWEST_RECORDS or min(frauds, len(part.is_fraud) - frauds) < FEWEST_EVENTS


def _figures(part: Decided) -> dict[str, Any]:
    flagged = part.outcomes != _APPROVE
    return {
        "rows": len(part.is_fraud),
        "frauds": int(part.is_fraud.sum()),
        **_stated("declined", part.share(part.outcomes == _DECLINE)),
        **_stated("flagged", part.share(flagged)),
        **_stated("false_positive_rate", part.share(flagged, ~part.is_fraud)),
        **_stated("false_negative_rate", part.share(~flagged, part.is_fraud)),
        **_stated("observed_to_expected", _observed_to_expected(part)),
    }


def _stated(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    return dict.fromkeys((name, f"{name}_low", f"{name}_high")) if estimate is None else {**estimate.suffixed(name)}


def _observed_to_expected(part: Decided) -> Estimate | None:
    weights = np.ones(len(part.is_fraud)) if part.weights is None else part.weights
    expected = float(np.average(part.probability, weights=weights)) if len(weights) else 0.0
    rate = part.share(part.is_fraud)
    return None if rate is None or expected <= 0 else Estimate(*(end / expected for end in rate))


def _ratios(
    parts: Sequence[Decided], few: Sequence[bool], selected: Sequence[NDArray[np.bool_]]
) -> tuple[int | None, list[Estimate | None]]:
    """The group with the highest share selected, and each group's share over it."""
    shares = [part.share(chosen) for part, chosen in zip(parts, selected, strict=True)]
    judged = [k for k, share in enumerate(shares) if share is not None and share.estimate > 0 and not few[k]]
    if not judged:
        return None, [None] * len(parts)
    best = max(judged, key=lambda k: _estimate(shares[k]))
    return best, [None if k == best else _ratio(shares[k], shares[best]) for k in range(len(parts))]


def _estimate(share: Estimate | None) -> float:
    return -1.0 if share is None else share.estimate


def _ratio(share: Estimate | None, best: Estimate | None) -> Estimate | None:
    """Ratio of two shares; the interval joins theirs on a logarithmic scale, and is never empty at shares of 0 or 1.

    Source: Zou and Donner, "Construction of confidence limits about effect measures", Statistics in Medicine 27, 2008.
    """
    if share is None or best is None:
        return None
    ratio = share.estimate / best.estimate
    if share.estimate == 0:
        return Estimate(0.0, 0.0, share.upper / best.estimate)
    below = math.hypot(math.log(share.estimate / share.lower), math.log(best.upper / best.estimate))
    above = math.hypot(math.log(share.upper / share.estimate), math.log(best.estimate / best.lower))
    return Estimate(ratio, ratio / math.exp(below), ratio * math.exp(above))


def _weights(part: Decided) -> NDArray[np.float64]:
    return np.ones(len(part.is_fraud)) if part.weights is None else part.weights


def _threshold(share: float, decided: Decided, parts: Sequence[Decided], few: Sequence[bool]) -> dict[str, Any]:
    """What would happen if the records with the highest probabilities were declined: that share of all, by weight."""
    order = np.argsort(-decided.probability, kind="stable")
    reached = np.cumsum(_weights(decided)[order]) / _weights(decided).sum()
    at = float(decided.probability[order[min(int(np.searchsorted(reached, share)), len(order) - 1)]])
    declined = [part.share(part.probability >= at) for part in parts]
    kept = [1 - each.estimate for each, is_few in zip(declined, few, strict=True) if each is not None and not is_few]
    return {
        "share": share,
        "threshold": six_digits(at),
        "declined": [None if each is None else six_digits(each.estimate) for each in declined],
        "lowest_kept_ratio": six_digits(min(kept) / max(kept)) if kept and max(kept) > 0 else None,
    }
