"""Drift of each feature of a window of time, and of the score, from counts over the reference's bins."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.monitoring.counts import Counts, FeatureCounts, LevelCounts, NumberCounts
from fraud_detection_api.monitoring.drift import ks, ks_noise_floor, noise_floor, psi

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
    """How far a feature's live records are from the reference's; numbers are None where there is nothing to tell from.

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
    told, counts = _told(reference), _counted(live)
    tests = windows * len(told)
    return {name: _drift(name, before, counts[name], psi_level, tests) for name, before in told.items()}


def fits(reference: Mapping[str, Any], live: Counts) -> bool:
    """Whether these are counts over the bins of that reference."""
    told, counts = _told(reference), _counted(live)
    return told.keys() == counts.keys() and all(_fit(before, counts[name]) for name, before in told.items())


def _fit(before: Mapping[str, Any], live: FeatureCounts) -> bool:
    if isinstance(live, LevelCounts):
        return "levels" in before and live.levels.keys() <= before["levels"].keys()
    return "counts" in before and len(before["counts"]) == len(live.counts)


def _told(reference: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {**reference["features"], SCORE: reference["probability"]}


def _counted(live: Counts) -> dict[str, FeatureCounts]:
    return {**live.features, SCORE: live.probability}


def _drift(name: str, before: Mapping[str, Any], live: FeatureCounts, psi_level: float, tests: int) -> FeatureDrift:
    bins = _level_bins(before, live) if isinstance(live, LevelCounts) else _number_bins(before, live)
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


def _number_bins(before: Mapping[str, Any], live: NumberCounts) -> list[Bin]:
    edges = before["edges"]
    inner = [
        Bin(_interval(low, high), then, now)
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


def _level_bins(before: Mapping[str, Any], live: LevelCounts) -> list[Bin]:
    levels = [Bin(level, then, live.levels.get(level, 0)) for level, then in before["levels"].items()]
    others = [Bin(UNSEEN, 0, live.unseen), Bin(MISSING, before["missing"], live.missing)]
    return [*levels, *(each for each in others if each.live or each.reference)]


def _interval(low: float, high: float) -> str:
    """A bin's name.

    >>> _interval(0.00123456, 0.5), _interval(17730.0, 1234567.0)
    ('0.00123 to 0.5', '17,730 to 1,234,567')
    """
    return f"{_short(low)} to {_short(high)}"


def _short(edge: float) -> str:
    return f"{edge:,.0f}" if abs(edge) >= 1000 else f"{edge:.3g}"


def _columns(bins: list[Bin]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return (
        np.array([each.reference for each in bins], dtype=np.int64),
        np.array([each.live for each in bins], dtype=np.int64),
    )
