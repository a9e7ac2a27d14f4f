"""Which model is in service, told for the metrics."""

from contextlib import suppress
from datetime import datetime

from fraud_detection_api.metrics.catalogue import MODEL_CREATED, MODEL_INFO, MODEL_LOADS
from fraud_detection_api.metrics.tallies import Tallies


class ModelMetrics:
    """Tells which model is in service. For one thread at a time."""

    def __init__(self, tallies: Tallies) -> None:
        self._tallies = tallies
        self._loads = {each: tallies.counter(MODEL_LOADS, each) for each in ("loaded", "refused")}

    def loaded(self, version: str, digest: str, created_at: str) -> None:
        """This model is in service from now on; `created_at` is ISO 8601."""
        self._loads["loaded"].add()
        self._tallies.forget(MODEL_INFO)
        self._tallies.gauge(MODEL_INFO, version, digest).set(1)
        with suppress(ValueError):  # no digest covers it
            self._tallies.gauge(MODEL_CREATED).set(datetime.fromisoformat(created_at).timestamp())

    def refused(self) -> None:
        """The champion could not be put into service; the model before it stays."""
        self._loads["refused"].add()
