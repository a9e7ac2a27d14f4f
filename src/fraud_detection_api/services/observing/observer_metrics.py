"""What the observer does, told for the metrics."""

from collections import Counter
from collections.abc import Sequence

from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.metrics import catalogue
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.observing.observation_store import ShadowDecision


class ObserverMetrics:
    """Counts what is observed. For one thread at a time."""

    def __init__(self, tallies: Tallies) -> None:
        self._tallies = tallies
        self._records = tallies.counter(catalogue.OBSERVER_RECORDS)
        self._skipped = tallies.counter(catalogue.OBSERVER_SKIPPED_RECORDS)

    def observed(self, records: int, skipped: int) -> None:
        """So many decisions were counted, and so many passed over."""
        self._records.add(records)
        self._skipped.add(skipped)

    def lags(self, seconds: float) -> None:
        """How old what was not looked at yet is."""
        self._tallies.gauge(catalogue.OBSERVER_LAG).set(seconds)

    def shadowed(self, decisions: Sequence[StoredDecision], shadows: Sequence[ShadowDecision]) -> None:
        """A challenger's decisions, which are of one moment, were kept beside those of the champion, in the same order."""
        if not shadows:
            return
        version = shadows[0].model_version
        self._tallies.counter(catalogue.SHADOW_RECORDS, version).add(len(shadows))
        self._tallies.histogram(catalogue.SHADOW_DURATION, version).observe(shadows[0].duration_us / 1e6, len(shadows))
        outcomes = Counter(
            (decision.outcome, shadow.outcome) for decision, shadow in zip(decisions, shadows, strict=True)
        )
        for (champion, challenger), count in outcomes.items():
            if champion != challenger:
                self._tallies.counter(catalogue.SHADOW_OUTCOME_CHANGES, version, champion, challenger).add(count)

    def shadows_failed(self, version: str, records: int) -> None:
        """The challenger could not score so many records."""
        self._tallies.counter(catalogue.SHADOW_ERRORS, version).add(records)

    def shadows_dropped(self, version: str, records: int) -> None:
        """So many records came too fast for the challenger to score them."""
        self._tallies.counter(catalogue.SHADOW_DROPPED_RECORDS, version).add(records)

    def stand_by(self) -> None:
        """Another observer leads: what this one last measured is no more."""
        for metric in catalogue.METRICS:
            if metric.origin == "observer" and metric.kind == "gauge":
                self._tallies.forget(metric)
