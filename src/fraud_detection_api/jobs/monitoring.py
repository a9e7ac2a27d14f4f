"""Report on the champion, and compare it with a challenger, from the configured store and registry."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fraud_detection_api.container.deployment import build_comparisons, build_monitoring
from fraud_detection_api.container.registry import existing_registry
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import open_stores
from fraud_detection_api.services.models.aliases import CHALLENGER, CHAMPION
from fraud_detection_api.services.models.contracts import contract_held
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.reporting.comparison import Compared, ComparisonService
from fraud_detection_api.services.reporting.groups import NO_GROUPS, EntityGroups
from fraud_detection_api.services.reporting.monitoring import MonitoringReport, MonitoringService
from fraud_detection_api.settings import Settings


def report_on_champion(settings: Settings, groups_file: Path | None = None) -> MonitoringReport:
    """Drift and performance of the champion, and its fairness, by the groups of a file too.

    Raises NoChampion, NoStore, StoreUnavailable, RegistryUnavailable, and InvalidDataset where the file does not fit.
    """
    with _opened(settings, groups_file) as (models, monitoring, _):
        return monitoring.report(models.load(CHAMPION))


def compare_models(settings: Settings, version: str) -> Compared:
    """The champion beside a version that is, or was, challenger. Raises as `report_on_champion`, and UnknownModel."""
    with _opened(settings) as (models, _, comparisons):
        return comparisons.compare(models.load(CHAMPION), models.load(version))


def monitoring_page(settings: Settings, groups_file: Path | None = None) -> tuple[str, bytes]:
    """The champion's version, and an HTML page with everything about it. Raises as `report_on_champion`."""
    from fraud_detection_api.pages.monitoring import monitoring_html

    with _opened(settings, groups_file) as (models, monitoring, comparisons):
        champion, version = models.load(CHAMPION), models.assigned(CHALLENGER)
        compared = None if version is None else comparisons.compare(champion, models.load(version))
        report, trend = monitoring.report(champion), monitoring.trend(champion)
        return champion.version, monitoring_html(report, trend, compared)


@contextmanager
def _opened(
    settings: Settings, groups_file: Path | None = None
) -> Iterator[tuple[ModelService, MonitoringService, ComparisonService]]:
    registry = existing_registry(settings.registry)
    models = ModelService(registry)
    with open_stores(settings, contract=contract_held(registry)) as stores:
        comparisons = build_comparisons(settings, stores.labels, stores.observations)
        groups = NO_GROUPS if groups_file is None else _groups(groups_file, models, settings)
        yield models, build_monitoring(settings, *stores, groups=groups), comparisons


def _groups(file: Path, models: ModelService, settings: Settings) -> EntityGroups:
    from fraud_detection_api.training.data.groups import load_entity_groups

    return load_entity_groups(file, models.contract(CHAMPION), build_recorder(settings).entities)
