"""What monitoring says of the champion now: drift of its windows, and performance where the truth is known."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from fraud_detection_api.contract.times import DAY_MS
from fraud_detection_api.decision.label import Label
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.errors import NoStore
from fraud_detection_api.metrics import catalogue
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.monitoring.fairness import Decided, fairness
from fraud_detection_api.monitoring.performance import Performance, measure
from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.services.labels.recording import LabelStore
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.models.follower import AliasFollower
from fraud_detection_api.services.observing.observation_store import ObservationStore
from fraud_detection_api.services.reporting.drift import DriftReader, TrendPoint, WindowDrift
from fraud_detection_api.services.reporting.groups import NO_GROUPS, EntityGroups, GroupColumns, groups_of, joined
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore

MOST_DECISIONS = 200_000
ROWS_A_PAGE = 2_000


class Maturity(NamedTuple):
    """When the truth about a decision counts as known: `label_days` after it; and how many `days` of such are looked at."""

    label_days: float = 30.0
    days: float = 30.0

    def until(self, now: int) -> int:
        """Decisions before that moment (milliseconds since 1970) are matured: legitimate, unless a label says fraud."""
        return now - int(self.label_days * DAY_MS)

    def since(self, now: int) -> int:
        """When the matured decisions that are looked at begin."""
        return self.until(now) - int(self.days * DAY_MS)


@dataclass(frozen=True)
class MaturedPerformance:
    """Of a model's decisions from `since` to `until` (milliseconds since 1970), the newest MOST_DECISIONS of them.

    `labelled` of them have a label, the others are taken for legitimate. `complete` is false where there were more.
    `fairness` is what `monitoring.fairness` found by each column of groups.
    """

    since: int
    until: int
    labelled: int
    complete: bool
    performance: Performance
    fairness: Sequence[Mapping[str, Any]] = ()

    @property
    def assumed_legitimate(self) -> int:
        """How many have no label."""
        return self.performance.records - self.labelled


class PerformanceReader:
    """Reads matured decisions and their labels, a page at a time: memory is a few numbers a decision."""

    def __init__(
        self,
        store: DecisionStore,
        labels: LabelStore,
        maturity: Maturity,
        *,
        groups: EntityGroups = NO_GROUPS,
        most: int = MOST_DECISIONS,
    ) -> None:
        self._store, self._labels, self._maturity, self._groups, self._most = store, labels, maturity, groups, most

    def matured(self, model: ServedModel, now: int) -> MaturedPerformance:
        """What became of the model's decisions. Fallbacks are not the model's decisions. Raises StoreUnavailable."""
        since, until = self._maturity.since(now), self._maturity.until(now)
        wanted, before = DecisionFilter(since=max(since, 0), until=max(until, 0)), None
        found: list[tuple[bool, float, int]] = []
        groups: list[GroupColumns] = []
        labelled, oldest = 0, until
        while len(found) < self._most and (rows := self._store.page(wanted, limit=ROWS_A_PAGE, before=before)):
            before = rows[-1].decision_id
            own = [row for row in rows if row.model_digest == model.bundle.digest and row.fraud_probability is not None]
            own = own[: self._most - len(found)]
            known = self._labels.in_force([row.decision_id for row in own]) if own else {}
            labelled += len(known)
            found += [_measured(row, known) for row in own]
            groups += [groups_of(model.bundle.contract, own, self._groups)] if own else []
            oldest = own[-1].decided_at if own else oldest
        complete = len(found) < self._most
        since, decided = since if complete else oldest, _decided(found)
        performance = measure(decided.is_fraud, decided.probability, decided.outcomes)
        return MaturedPerformance(since, until, labelled, complete, performance, fairness(joined(groups), decided))


def _measured(row: StoredDecision, known: Mapping[str, Label]) -> tuple[bool, float, int]:
    """Whether it was fraud, its probability, and its outcome's code."""
    assert row.fraud_probability is not None
    label = known.get(row.decision_id)
    return label is not None and label.is_fraud, row.fraud_probability, OUTCOMES.index(row.outcome)


def _decided(found: Sequence[tuple[bool, float, int]]) -> Decided:
    columns = list(zip(*found, strict=True)) or [(), (), ()]
    return Decided(
        np.array(columns[0], dtype=np.bool_), np.array(columns[1], np.float64), np.array(columns[2], dtype=np.int8)
    )


MEASURES = ("roc_auc", "average_precision", "recall", "calibration_error")
"""The measures that are gauges."""

_DRIFT = (
    catalogue.DRIFT_RECORDS,
    catalogue.DRIFT_PSI,
    catalogue.DRIFT_PSI_ALARM_LEVEL,
    catalogue.DRIFT_KS,
    catalogue.DRIFT_MISSING,
    catalogue.DRIFT_OUT_OF_RANGE,
    catalogue.DRIFT_UNSEEN,
)


def tell_drift(windows: Sequence[WindowDrift], tallies: Tallies) -> None:
    """Set the gauges of drift to these windows'."""
    for metric in _DRIFT:
        tallies.forget(metric)
    for window in windows:
        tallies.gauge(catalogue.DRIFT_RECORDS, window.window).set(window.records)
        for name, feature in window.features.items():
            numbers = {
                catalogue.DRIFT_PSI: feature.psi,
                catalogue.DRIFT_PSI_ALARM_LEVEL: feature.alarm_level,
                catalogue.DRIFT_KS: feature.ks,
                catalogue.DRIFT_MISSING: feature.missing,
                catalogue.DRIFT_OUT_OF_RANGE: feature.out_of_range,
                catalogue.DRIFT_UNSEEN: feature.unseen,
            }
            for metric, number in numbers.items():
                if number is not None:
                    tallies.gauge(metric, name, window.window).set(number)


def tell_performance(matured: MaturedPerformance, tallies: Tallies) -> None:
    """Set the gauges of performance; measures that cannot be measured have none."""
    tallies.forget(catalogue.PERFORMANCE)
    tallies.gauge(catalogue.PERFORMANCE_RECORDS).set(matured.performance.records)
    for name in MEASURES:
        if (measured := matured.performance.measures.get(name)) is not None:
            for bound, number in measured._asdict().items():
                tallies.gauge(catalogue.PERFORMANCE, name, bound).set(number)


PERFORMANCE_SECONDS = 300.0
"""For so long a measured performance is reported again: it changes by the day, and reads all matured decisions."""


@dataclass(frozen=True)
class MonitoringLimits:
    """What counts as drift, and as matured."""

    psi: float
    maturity: Maturity


@dataclass(frozen=True)
class MonitoringReport:
    """Of one model at `now`, milliseconds since 1970."""

    model: ServedModel
    now: int
    windows: tuple[WindowDrift, ...]
    performance: MaturedPerformance


class MonitoringService:
    """Reports on a model. For any thread; a caller who asks while the performance is measured waits."""

    def __init__(
        self,
        store: DecisionStore | None,
        labels: LabelStore | None,
        observations: ObservationStore | None,
        *,
        limits: MonitoringLimits,
        groups: EntityGroups = NO_GROUPS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._drift = None if observations is None else DriftReader(observations, psi_level=limits.psi)
        self._performance: PerformanceReader | None = None
        if store is not None and labels is not None:
            self._performance = PerformanceReader(store, labels, limits.maturity, groups=groups)
        self._clock = clock
        self._measuring = Lock()
        self._measured: tuple[str, float, MaturedPerformance] | None = None

    def report(self, model: ServedModel) -> MonitoringReport:
        """Drift as it is now, and a performance of within PERFORMANCE_SECONDS. Raises NoStore, StoreUnavailable."""
        return MonitoringReport(model, self._now(), self.drift(model), self.performance(model))

    def drift(self, model: ServedModel) -> tuple[WindowDrift, ...]:
        """Hour, day and week up to now: quick, for it reads counts alone. Raises NoStore, StoreUnavailable."""
        return self._reader.windows(model, self._now())

    def trend(self, model: ServedModel) -> list[TrendPoint]:
        """The week in parts. Raises NoStore, StoreUnavailable."""
        return self._reader.trend(model, self._now())

    def performance(self, model: ServedModel) -> MaturedPerformance:
        """Of matured decisions. Raises NoStore, StoreUnavailable."""
        if self._performance is None:
            raise NoStore
        with self._measuring:
            digest, now = model.bundle.digest, self._clock()
            if self._measured is not None and self._measured[0] == digest and now < self._measured[1]:
                return self._measured[2]
            found = self._performance.matured(model, int(now * 1000))
            self._measured = (digest, now + PERFORMANCE_SECONDS, found)
            return found

    @property
    def _reader(self) -> DriftReader:
        if self._drift is None:
            raise NoStore
        return self._drift

    def _now(self) -> int:
        return int(self._clock() * 1000)


class ObserverReports:
    """Sets the gauges of drift and performance. Without a champion they stay as they were."""

    def __init__(self, champion: AliasFollower[ServedModel], monitoring: MonitoringService, tallies: Tallies) -> None:
        self._champion, self._monitoring, self._tallies = champion, monitoring, tallies

    def drift(self) -> None:
        """Of the windows that end now. Raises StoreUnavailable."""
        if (model := self._model()) is not None:
            tell_drift(self._monitoring.drift(model), self._tallies)

    def performance(self) -> None:
        """Of matured decisions. Raises StoreUnavailable."""
        if (model := self._model()) is not None:
            tell_performance(self._monitoring.performance(model), self._tallies)

    def _model(self) -> ServedModel | None:
        self._champion.refresh()
        return self._champion.current
