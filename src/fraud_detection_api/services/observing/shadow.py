"""What the challenger would have decided on stored records, and the observer's metrics."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence

from fraud_detection_api.contract.columns import Columns
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.metrics import catalogue
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.models.follower import AliasFollower
from fraud_detection_api.services.observing.observation_store import ShadowDecision
from fraud_detection_api.telemetry import log_event, log_failure

OTHER_RECORDS = "it takes records of another contract than those that are decided on"
OTHER_HISTORY = "it has other history features than those that are stored with decisions"


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


class Shadowing:
    """Scores with the challenger. Whatever it does, it stops nothing: its failures are counted."""

    def __init__(
        self,
        challenger: AliasFollower[ServedModel],
        metrics: ObserverMetrics,
        *,
        clock: Callable[[], float] = time.perf_counter,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._challenger, self._metrics, self._clock, self._wall_clock = challenger, metrics, clock, wall_clock
        self._failing: str | None = None

    def decisions(self, rows: Sequence[StoredDecision], contract: Contract, columns: Columns) -> list[ShadowDecision]:
        """The challenger's decisions on the records of `rows`, which are of one model; none where it made these itself.

        `contract` is that model's, and `columns` are the records', (n,) each. History features are those that the records
        have: a challenger that declares others is refused.
        """
        model = self._challenger.current
        if model is None or rows[0].model_digest == model.bundle.digest:
            return []
        own = model.bundle.contract
        if rows[0].contract not in own.record_fingerprints:
            self._refused(model, len(rows), OTHER_RECORDS)
            return []
        if not all(own.shares_history(name, contract) for name in own.history):
            self._refused(model, len(rows), OTHER_HISTORY)
            return []
        try:
            return self._scored(model, rows, columns)
        except Exception as error:  # noqa: BLE001 a model that is on trial may fail in any way, and counting goes on
            self._failed(model, len(rows), error)
            return []

    def dropped(self, records: int) -> None:
        """So many records are passed over for lack of time."""
        if (model := self._challenger.current) is not None:
            self._metrics.shadows_dropped(model.version, records)

    def _scored(self, model: ServedModel, rows: Sequence[StoredDecision], columns: Columns) -> list[ShadowDecision]:
        bundle, began = model.bundle, self._clock()
        assessment = bundle.engine.assess(columns, threads=1)
        duration_us = (self._clock() - began) / len(rows) * 1e6
        made_by = (model.version, bundle.digest, bundle.policy.version)
        observed_at = int(self._wall_clock() * 1000)
        arrays = (assessment.margins, assessment.probabilities, assessment.outcomes)
        said = zip(rows, *(array.tolist() for array in arrays), strict=True)
        return [
            ShadowDecision(row.decision_id, *made_by, margin, probability, OUTCOMES[code], duration_us, observed_at)
            for row, margin, probability, code in said
        ]

    def _failed(self, model: ServedModel, records: int, error: Exception) -> None:
        """Counted each time, logged once for each version."""
        if self._counts_first(model, records):
            log_failure("challenger_failed", error, version=model.version)

    def _refused(self, model: ServedModel, records: int, reason: str) -> None:
        """Counted each time, logged once for each version."""
        if self._counts_first(model, records):
            log_event("challenger_refused", level=logging.ERROR, version=model.version, reason=reason)

    def _counts_first(self, model: ServedModel, records: int) -> bool:
        """Count records; whether they are the first of this version."""
        self._metrics.shadows_failed(model.version, records)
        is_first, self._failing = self._failing != model.version, model.version
        return is_first
