"""Windows of time up to now: how far the records that the champion decided on are from those it learned from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

from fraud_detection_api.monitoring.counts import UNREADABLE_COUNTS, Counts
from fraud_detection_api.monitoring.drift import FeatureDrift, drift_of_features, fits
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.observing.observation_store import CountedSlot, ObservationStore

TREND_HOURS = 6


class Span(NamedTuple):
    """A window by its name: so many slots of so many seconds, the last of which is still being counted into."""

    window: str
    slots: int
    slot_seconds: int

    def since(self, now: int) -> int:
        """When its first slot began, in milliseconds since 1970."""
        slot = self.slot_seconds * 1000
        return now - now % slot - (self.slots - 1) * slot


SPANS = (Span("hour", 12, 300), Span("day", 24, 3600), Span("week", 168, 3600))


@dataclass(frozen=True)
class WindowDrift:
    """Of one window, from `since` on (milliseconds since 1970). Without records there are no features."""

    window: str
    since: int
    records: int
    outcomes: Mapping[str, int]
    features: Mapping[str, FeatureDrift]

    @property
    def drifted(self) -> list[str]:
        """Names of the features that drifted, the score's among them."""
        return [name for name, feature in self.features.items() if feature.drifted]


class TrendPoint(NamedTuple):
    """A part of the week from `since` on: its records, outcomes, and PSI with its alarm level by feature."""

    since: int
    records: int
    outcomes: Mapping[str, int]
    psi: Mapping[str, float]
    alarm_level: Mapping[str, float]


class DriftReader:
    """Reads windows from the slots that the observer counts."""

    def __init__(self, observations: ObservationStore, *, psi_level: float) -> None:
        self._observations, self._psi_level = observations, psi_level

    def windows(self, model: ServedModel, now: int) -> tuple[WindowDrift, ...]:
        """Of every span, for the decisions of that model. Raises StoreUnavailable."""
        return tuple(
            self._window(span.window, span.since(now), model, self._counts(model, span.since(now), span.slot_seconds))
            for span in SPANS
        )

    def trend(self, model: ServedModel, now: int) -> list[TrendPoint]:
        """The week in parts of TREND_HOURS, those without records left out. Raises StoreUnavailable."""
        week, step = SPANS[-1], TREND_HOURS * 3_600_000
        parts: dict[int, dict[int, Counts]] = {}
        for start, counts in self._counts(model, week.since(now), week.slot_seconds).items():
            parts.setdefault(start - start % step, {})[start] = counts
        windows = [self._window("part", start, model, slots) for start, slots in sorted(parts.items())]
        return [
            TrendPoint(
                window.since,
                window.records,
                window.outcomes,
                {name: feature.psi for name, feature in window.features.items() if feature.psi is not None},
                {name: feature.alarm_level for name, feature in window.features.items()},
            )
            for window in windows
            if window.records
        ]

    def _window(self, name: str, since: int, model: ServedModel, slots: Mapping[int, Counts]) -> WindowDrift:
        counts = reduce(Counts.merged, slots.values()) if slots else None
        if counts is None or not counts.rows:
            return WindowDrift(name, since, 0, {}, {})
        features = drift_of_features(model.bundle.reference, counts, psi_level=self._psi_level, windows=len(SPANS))
        return WindowDrift(name, since, counts.rows, counts.outcomes, features)

    def _counts(self, model: ServedModel, since: int, seconds: int) -> dict[int, Counts]:
        """By the slots' starts; slots that another version of the software counted otherwise are left out."""
        slots = self._observations.slots(since=since, seconds=seconds)
        return dict(_readable([slot for slot in slots if slot.model_digest == model.bundle.digest], model))


def _readable(slots: Sequence[CountedSlot], model: ServedModel) -> Iterator[tuple[int, Counts]]:
    for slot in slots:
        try:
            counts = Counts.from_json(slot.counts)
        except UNREADABLE_COUNTS:
            continue
        if fits(model.bundle.reference, counts):
            yield slot.start, counts
