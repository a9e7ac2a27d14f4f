"""How far the records of a window of time, and their scores, are from the reference, and how far chance alone moves them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.encoding import MOST_LEVELS_BY_SETS
from fraud_detection_api.contract.times import names_a_year, year_text
from fraud_detection_api.monitoring.counts import Counts, FeatureCounts, LevelCounts, NumberCounts

HALVINGS = 200
"""More than a bisection of float64 ever takes."""


def chi_square_tail(x: float, degrees: int) -> float:
    """Chance that a chi-square variable of that many degrees of freedom exceeds `x`, at least 0.

    All terms are positive, so nothing cancels, however small the tail. Source: Abramowitz and Stegun, "Handbook of
    Mathematical Functions", 1964, 26.4.4 and 26.4.5. Raises ValueError below 1 degree.

    >>> round(chi_square_tail(3.841458820694124, 1), 12), round(chi_square_tail(18.307038053275146, 10), 12)
    (0.05, 0.05)
    """
    if degrees < 1:
        raise ValueError("a chi-square variable has at least 1 degree of freedom")
    if x <= 0:
        return 1.0
    half, odd = x / 2, degrees % 2
    first = 0.5 if odd else 0.0  # powers of x/2: half ones for odd degrees, whole ones for even
    terms = (
        math.exp((i + first) * math.log(half) - half - math.lgamma(i + first + 1)) for i in range((degrees - odd) // 2)
    )
    return min(1.0, math.fsum(terms) + (math.erfc(math.sqrt(half)) if odd else 0.0))


@lru_cache(maxsize=1024)
def chi_square_quantile(tail: float, degrees: int) -> float:
    """The number that a chi-square variable exceeds with chance `tail`, within 0 to 1; to float64's precision.

    Raises ValueError below 1 degree, and for a tail that is no such chance.

    >>> round(chi_square_quantile(0.05, 1), 9), round(chi_square_quantile(1e-9, 20), 6)
    (3.841458821, 83.479124)
    """
    if not 0 < tail < 1:
        raise ValueError("a tail is a chance above 0 and below 1")
    low, high = 0.0, float(degrees)
    while chi_square_tail(high, degrees) > tail:
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if chi_square_tail(middle, degrees) > tail else (low, middle)
    return high


FALSE_ALARM = 1e-6
"""Chance that any of the features of any window passes its noise floor when looked at once, and nothing drifted.

Looked at every five minutes, 8,640 times a month: less than one false alarm in a hundred months, by Boole's inequality.
"""

_HALF = 0.5


def psi(reference: NDArray[np.int64], live: NDArray[np.int64]) -> float | None:
    """Population stability index of two counts, int64 (bins,) each; None where either counts nothing.

    Sum over bins of (q - p) ln(q / p), with p and q the shares of the reference and the live records. Half a record is added
    to each bin, so that an empty one stays finite; a bin that is empty in both does not count. Below 0.1 is commonly read as
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


SCORE = "fraud_probability"
"""Name of the score among the features."""


@dataclass(frozen=True)
class Bin:
    """A bin by its name, and the records in it: of the reference, and live."""

    name: str
    reference: int
    live: int


@dataclass(frozen=True)
class FeatureDrift:
    """How far a feature's live records are from the reference's; numbers are None where there are no records to measure.

    It drifted where `psi` exceeds `alarm_level`: the level that is set, or the noise floor where so few records reach that
    by chance. `missing`, `out_of_range` (beyond the reference's smallest and largest) and `unseen` (levels that it does not
    have) are shares of the live records, `missing_before` of the reference's. `bins` are those of the reference in their
    order, with what is below, above, unseen and missing where either side has any.
    """

    feature: str
    records: int
    reference_records: int
    psi: float | None
    noise_floor: float | None
    alarm_level: float
    ks: float | None
    ks_noise_floor: float | None
    missing: float
    missing_before: float
    out_of_range: float
    unseen: float
    bins: tuple[Bin, ...]

    @property
    def drifted(self) -> bool:
        return self.psi is not None and self.psi > self.alarm_level


def drift_of_features(
    reference: Mapping[str, Any], live: Counts, *, psi_level: float, windows: int
) -> dict[str, FeatureDrift]:
    """Drift of each feature of a bundle's `reference`, then of the score; so many `windows` are looked at together.

    `live` are counts that fit the reference.
    """
    expected, counts = _expected(reference), _counted(live)
    tests = windows * len(expected)
    return {name: _drift(name, before, counts[name], psi_level, tests) for name, before in expected.items()}


def fits(reference: Mapping[str, Any], live: Counts) -> bool:
    """Whether these are counts over the bins of that reference."""
    expected, counts = _expected(reference), _counted(live)
    return expected.keys() == counts.keys() and all(_fit(before, counts[name]) for name, before in expected.items())


def _fit(before: Mapping[str, Any], live: FeatureCounts) -> bool:
    if isinstance(live, LevelCounts):
        return "levels" in before and live.levels.keys() <= before["levels"].keys()
    return "counts" in before and len(before["counts"]) == len(live.counts)


def _expected(reference: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {**reference["features"], SCORE: reference["probability"]}


def _counted(live: Counts) -> dict[str, FeatureCounts]:
    return {**live.features, SCORE: live.probability}


def _drift(name: str, before: Mapping[str, Any], live: FeatureCounts, psi_level: float, tests: int) -> FeatureDrift:
    bins = _level_bins(before, live) if isinstance(live, LevelCounts) else _number_bins(name, before, live)
    then, now = _columns(bins)
    floor, total = noise_floor(then, now, tests=tests), max(int(now.sum()), 1)
    levels = isinstance(live, LevelCounts)  # they have no order
    present = _columns([] if levels else [each for each in bins if each.name != MISSING])
    return FeatureDrift(
        feature=name,
        records=int(now.sum()),
        reference_records=int(then.sum()),
        psi=psi(then, now),
        noise_floor=floor,
        alarm_level=max(psi_level, floor or 0.0),
        ks=ks(*present),
        ks_noise_floor=ks_noise_floor(*present, tests=tests),
        missing=live.missing / total,
        missing_before=before["missing"] / max(int(then.sum()), 1),
        out_of_range=0.0 if isinstance(live, LevelCounts) else (live.below + live.above) / total,
        unseen=live.unseen / total if isinstance(live, LevelCounts) else 0.0,
        bins=tuple(bins),
    )


MISSING, UNSEEN, BELOW, ABOVE = "missing", "unseen", "below", "above"


def _number_bins(name: str, before: Mapping[str, Any], live: NumberCounts) -> list[Bin]:
    edges, short = before["edges"], _year if names_a_year(name) else _short
    inner = [
        Bin(_interval(low, high, short), then, now)
        for low, high, then, now in zip(edges[:-1], edges[1:], before["counts"], live.counts, strict=True)
    ]
    below, above, missing = (
        [each] if each.live or each.reference else []
        for each in (
            Bin(BELOW, 0, live.below),
            Bin(ABOVE, 0, live.above),
            Bin(MISSING, before["missing"], live.missing),
        )
    )
    return [*below, *inner, *above, *missing]


GROUPED_SHARE = 0.02
"""Of a category with more than MOST_LEVELS_BY_SETS levels, those with a smaller share of the reference are grouped."""


def _level_bins(before: Mapping[str, Any], live: LevelCounts) -> list[Bin]:
    levels = [Bin(level, then, live.levels.get(level, 0)) for level, then in before["levels"].items()]
    expected = 0
    if len(levels) > MOST_LEVELS_BY_SETS:
        levels, expected = _grouped(levels, GROUPED_SHARE * sum(each.reference for each in levels), live.unseen)
    others = [Bin(UNSEEN, expected, live.unseen), Bin(MISSING, before["missing"], live.missing)]
    return [*levels, *(each for each in others if each.live or each.reference)]


def _grouped(levels: Sequence[Bin], least: float, unseen: int) -> tuple[list[Bin], int]:
    """The levels of `least` records or more, groups of so many among the others, and how many unseen records to expect.

    Thousands of bins with a few records each have a PSI far above 0 without any drift, and new levels keep coming: up to as
    many records as there are levels that the reference has once. Fewer `unseen` ones, as where records repeat those of
    training, are no drift. The groups have so many fewer, so that the sum stays. Groups are of neighbours. Source: Good,
    "The population frequencies of species and the estimation of population parameters", Biometrika 40, 1953.

    >>> _grouped([Bin("a", 50, 5), Bin("b", 1, 0), Bin("c", 4, 1), Bin("d", 5, 0), Bin("e", 2, 7)], 5, unseen=4)[0][1:]
    [Bin(name='d', reference=5, live=0), Bin(name='b to c', reference=4, live=1), Bin(name='e', reference=2, live=7)]
    """
    common = [each for each in levels if each.reference >= least]
    rare = [each for each in levels if each.reference < least]
    then, now = _columns(rare)
    total, once = int(then.sum()), int((then == 1).sum())
    once = min(once, total * unseen // max(int(now.sum()) + unseen, 1))
    starts = np.flatnonzero(np.diff((np.cumsum(then) - then) // least, prepend=-1))
    seen = np.rint(np.add.reduceat(then, starts) * (1 - once / max(total, 1))).astype(np.int64)
    ends = [*starts[1:].tolist(), len(rare)]
    groups = [
        Bin(_names(rare[start], rare[end - 1]), *counts)
        for start, end, *counts in zip(
            starts.tolist(), ends, seen.tolist(), np.add.reduceat(now, starts).tolist(), strict=True
        )
    ]
    return [*common, *groups], total - int(seen.sum())


def _names(first: Bin, last: Bin) -> str:
    return first.name if first is last else f"{first.name} to {last.name}"


def _interval(low: float, high: float, short: Callable[[float], str]) -> str:
    """A bin's name.

    >>> _interval(0.00123456, 0.5, _short), _interval(17730.0, 1234567.0, _short), _interval(2010.0, 2015.0, _year)
    ('0.00123 to 0.5', '17,730 to 1,234,567', '2010 to 2015')
    """
    return f"{short(low)} to {short(high)}"


def _year(edge: float) -> str:
    return year_text(edge) or _short(edge)


def _short(edge: float) -> str:
    return f"{edge:,.0f}" if abs(edge) >= 1000 else f"{edge:.3g}"


def _columns(bins: list[Bin]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return (
        np.array([each.reference for each in bins], dtype=np.int64),
        np.array([each.live for each in bins], dtype=np.int64),
    )
