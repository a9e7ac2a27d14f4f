"""What the challenger would have said of records that were decided on."""

import logging
import time
from collections.abc import Callable, Sequence

from fraud_detection_api.contract.columns import Columns
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.models.follower import AliasFollower
from fraud_detection_api.services.observing.observation_store import ShadowDecision
from fraud_detection_api.services.observing.observer_metrics import ObserverMetrics
from fraud_detection_api.telemetry import log_event, log_failure


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

    def decisions(self, rows: Sequence[StoredDecision], columns: Columns) -> list[ShadowDecision]:
        """The challenger's decisions on the records of `rows`, which are of one model; none where it made these itself.

        `columns` are the records', (n,) each.
        """
        model = self._challenger.current
        if model is None or rows[0].model_digest == model.bundle.digest:
            return []
        if rows[0].contract != model.bundle.contract.record_fingerprint:
            self._failed(model, len(rows))
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
        _matrix, margins, probabilities, _scores, codes = bundle.engine.assess(columns)
        duration_us = (self._clock() - began) / len(rows) * 1e6
        made_by = (model.version, bundle.digest, bundle.policy.version)
        observed_at = int(self._wall_clock() * 1000)
        said = zip(rows, margins.tolist(), probabilities.tolist(), codes.tolist(), strict=True)
        return [
            ShadowDecision(row.decision_id, *made_by, margin, probability, OUTCOMES[code], duration_us, observed_at)
            for row, margin, probability, code in said
        ]

    def _failed(self, model: ServedModel, records: int, error: Exception | None = None) -> None:
        """Counted each time, told once for each version."""
        self._metrics.shadows_failed(model.version, records)
        if self._failing == model.version:
            return
        self._failing = model.version
        if error is not None:
            log_failure("challenger_failed", error, version=model.version)
        else:
            reason = "it takes records of another contract than those that are decided on"
            log_event("challenger_refused", level=logging.ERROR, version=model.version, reason=reason)
