"""What monitoring says of the champion now: drift of its windows, and performance where the truth is known."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from fraud_detection_api.errors import NoStore
from fraud_detection_api.services.labels.label_store import LabelStore
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.observing.observation_store import ObservationStore
from fraud_detection_api.services.reporting.drift import DriftReader, TrendPoint, WindowDrift
from fraud_detection_api.services.reporting.performance import MaturedPerformance, Maturity, PerformanceReader
from fraud_detection_api.services.storage.decision_store import DecisionStore

PERFORMANCE_SECONDS = 300.0
"""For so long a measured performance is told again: it changes by the day, and reads all matured decisions."""


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
    """Reports on a model. For any thread; whoever asks while the performance is measured waits for that."""

    def __init__(
        self,
        store: DecisionStore | None,
        labels: LabelStore | None,
        observations: ObservationStore | None,
        *,
        limits: MonitoringLimits,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._drift = None if observations is None else DriftReader(observations, psi_level=limits.psi)
        self._performance: PerformanceReader | None = None
        if store is not None and labels is not None:
            self._performance = PerformanceReader(store, labels, limits.maturity)
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
