"""The models whose decisions are observed, and the bins of their references."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.monitoring.counts import Bins
from fraud_detection_api.services.models.stored_models import Absent, StoredModels
from fraud_detection_api.telemetry import log_event

MOST_HELD = 4
LOOK_AGAIN_SECONDS = 60.0


class ObservedModel(NamedTuple):
    """A verified model and the bins that its records are counted in."""

    bundle: Bundle
    bins: Bins


class ObservedModels:
    """Models by digest, verified when they are read and then held, for each piece of decisions asks for them."""

    def __init__(self, models: StoredModels, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._models, self._clock = models, clock
        self._held: OrderedDict[str, ObservedModel] = OrderedDict()
        self._absent: dict[str, float] = {}

    def of(self, decision: StoredDecision) -> ObservedModel | None:
        """The model that made the decision; None where the registry has it no more. Raises RegistryUnavailable."""
        digest = decision.model_digest
        if (held := self._held.get(digest)) is not None:
            self._held.move_to_end(digest)
            return held
        if self._clock() < self._absent.get(digest, 0.0) + LOOK_AGAIN_SECONDS and digest in self._absent:
            return None
        found = self._models.find(decision.model_version, digest)
        if isinstance(found, Absent):
            self._absent = {digest: self._clock(), **dict(list(self._absent.items())[:MOST_HELD])}
            log_event("observed_model_missing", level=logging.WARNING, reason=found.fault)
            return None
        self._held[digest] = model = ObservedModel(found, Bins(found.reference))
        while len(self._held) > MOST_HELD:
            self._held.popitem(last=False)
        return model
