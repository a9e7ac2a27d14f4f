"""The models whose decisions are observed, with the bins of their references."""

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.monitoring.counts import Bins
from fraud_detection_api.services.models.stored_models import Absent, StoredModels
from fraud_detection_api.telemetry import log_event

MOST_ABSENT = 4
LOOK_AGAIN_SECONDS = 60.0


class ObservedModel(NamedTuple):
    """A verified model and the bins that its records are counted in."""

    bundle: Bundle
    bins: Bins


class ObservedModels:
    """Finds the models of decisions. A loaded model is not verified again; a missing one is looked for once a minute."""

    def __init__(self, models: StoredModels, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._models, self._clock = models, clock
        self._absent: dict[str, float] = {}

    def of(self, decision: StoredDecision) -> ObservedModel | None:
        """The model that made the decision; None where the registry no longer has it. Raises RegistryUnavailable."""
        bundle = self._models.loaded(decision.model_digest) or self._found(
            decision.model_version, decision.model_digest
        )
        return None if bundle is None else ObservedModel(bundle, Bins(bundle.reference))

    def _found(self, version: str, digest: str) -> Bundle | None:
        if digest in self._absent and self._clock() < self._absent[digest] + LOOK_AGAIN_SECONDS:
            return None
        found = self._models.find(version, digest)
        if isinstance(found, Absent):
            self._absent = {digest: self._clock(), **dict(list(self._absent.items())[:MOST_ABSENT])}
            log_event("observed_model_missing", level=logging.WARNING, reason=found.reason)
            return None
        return found
