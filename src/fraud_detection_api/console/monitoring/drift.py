"""The section of drift: the windows, and the features of one of them, those that moved most first."""

from collections.abc import Sequence
from typing import NamedTuple

from fraud_detection_api.console.figures.plots import BarPlot, bar_plot
from fraud_detection_api.console.views.service import moment
from fraud_detection_api.monitoring.drift import SCORE, Bin, FeatureDrift
from fraud_detection_api.report.numbers import count, percent
from fraud_detection_api.services.reporting.drift import WindowDrift

MOST_SHOWN, MOST_PLOTS = 12, 40
"""Plots that are not folded, and all of them: a contract may have hundreds of features."""


class WindowRow(NamedTuple):
    """A window, its decisions, and the names of what drifted."""

    window: str
    since: str
    records: str
    has_records: bool
    drifted: tuple[str, ...]


class FeatureView(NamedTuple):
    """A feature's drift. `moved` is the bin that changed most, with its shares before and now."""

    name: str
    is_score: bool
    drifted: bool
    psi: str
    alarm_level: str
    ks: str
    missing: str
    missing_before: str
    out_of_range: str
    unseen: str
    moved: tuple[str, str, str]
    plot: BarPlot | None


class DriftView(NamedTuple):
    """`window` is the one whose features are shown: `shown` and then `folded` with plots, `others` without."""

    windows: tuple[WindowRow, ...]
    window: str
    shown: tuple[FeatureView, ...]
    folded: tuple[FeatureView, ...]
    others: tuple[FeatureView, ...]

    @property
    def features(self) -> tuple[FeatureView, ...]:
        """All of them."""
        return self.shown + self.folded + self.others


def drift_view(windows: Sequence[WindowDrift], wanted: str) -> DriftView:
    """The section, for the wanted window, or else for the longest one with records."""
    rows = tuple(map(_window, windows))
    with_records = [each for each in windows if each.records]
    if not with_records:
        return DriftView(rows, "", (), (), ())
    chosen = next((each for each in with_records if each.window == wanted), with_records[-1])
    ordered = sorted(chosen.features.values(), key=_moved_most)
    views = [_feature(each, draw=k < MOST_PLOTS) for k, each in enumerate(ordered)]
    shown, folded = tuple(views[:MOST_SHOWN]), tuple(views[MOST_SHOWN:MOST_PLOTS])
    return DriftView(rows, chosen.window, shown, folded, tuple(views[MOST_PLOTS:]))


def _window(window: WindowDrift) -> WindowRow:
    return WindowRow(
        window.window, moment(window.since), count(window.records), window.records > 0, tuple(window.drifted)
    )


def _moved_most(feature: FeatureDrift) -> tuple[bool, bool, float]:
    """The score first, then what drifted, then by how far it is to the alarm level."""
    return feature.feature != SCORE, not feature.drifted, -(feature.psi or 0.0) / (feature.alarm_level or 1.0)


def _feature(feature: FeatureDrift, *, draw: bool) -> FeatureView:
    then, now = (_shares(feature.bins, side) for side in ("reference", "live"))
    names = [each.name for each in feature.bins]
    k = max(range(len(names)), key=lambda k: abs(now[k] - then[k]), default=None)
    return FeatureView(
        name=feature.feature,
        is_score=feature.feature == SCORE,
        drifted=feature.drifted,
        psi=_decimal(feature.psi),
        alarm_level=_decimal(feature.alarm_level),
        ks=_decimal(feature.ks),
        missing=percent(feature.missing),
        missing_before=percent(feature.missing_before),
        out_of_range=percent(feature.out_of_range),
        unseen=percent(feature.unseen),
        moved=("", "", "") if k is None else (names[k], percent(then[k]), percent(now[k])),
        plot=bar_plot(names, then, now) if draw and names else None,
    )


def _shares(bins: Sequence[Bin], side: str) -> list[float]:
    counts = [getattr(each, side) for each in bins]
    total = max(sum(counts), 1)
    return [count / total for count in counts]


def _decimal(number: float | None) -> str:
    return "" if number is None else f"{number:.3f}"
