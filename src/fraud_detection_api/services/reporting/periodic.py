"""What monitoring says of the champion, told by the observer for the metrics, now and then."""

from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.models.follower import AliasFollower
from fraud_detection_api.services.reporting.gauges import tell_drift, tell_performance
from fraud_detection_api.services.reporting.monitoring import MonitoringService


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
