"""Report on the champion, and compare it with a challenger, from the configured store and registry."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from fraud_detection_api.container.deployment import build_comparisons, build_monitoring
from fraud_detection_api.container.registry import build_registry
from fraud_detection_api.container.storage import open_stores
from fraud_detection_api.services.models.aliases import CHALLENGER, CHAMPION
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.reporting.comparison import Compared, ComparisonService
from fraud_detection_api.services.reporting.monitoring import MonitoringReport, MonitoringService
from fraud_detection_api.settings import Settings


class _Opened(NamedTuple):
    models: ModelService
    monitoring: MonitoringService
    comparisons: ComparisonService

    def served(self, version: str) -> ServedModel:
        return self.models.load(version)


def report_on_champion(settings: Settings) -> MonitoringReport:
    """Drift and performance of the champion. Raises NoChampion, NoStore, StoreUnavailable, RegistryUnavailable."""
    with _opened(settings) as opened:
        return opened.monitoring.report(opened.served(CHAMPION))


def compare_models(settings: Settings, version: str) -> Compared:
    """The champion beside a version that is, or was, challenger. Raises as `report_on_champion`, and UnknownModel."""
    with _opened(settings) as opened:
        return opened.comparisons.compare(opened.served(CHAMPION), opened.served(version))


def monitoring_page(settings: Settings) -> tuple[str, bytes]:
    """The champion's version, and all that is known of it as one HTML page. Raises as `report_on_champion`."""
    from fraud_detection_api.pages.monitoring import monitoring_html

    with _opened(settings) as opened:
        champion, compared = opened.served(CHAMPION), None
        if (version := opened.models.assigned(CHALLENGER)) is not None:
            compared = opened.comparisons.compare(champion, opened.served(version))
        report, trend = opened.monitoring.report(champion), opened.monitoring.trend(champion)
        return champion.version, monitoring_html(report, trend, compared)


@contextmanager
def _opened(settings: Settings) -> Iterator[_Opened]:
    models = ModelService(build_registry(settings.registry))
    with open_stores(settings) as stores:
        comparisons = build_comparisons(settings, stores.labels, stores.observations)
        yield _Opened(models, build_monitoring(settings, *stores), comparisons)
