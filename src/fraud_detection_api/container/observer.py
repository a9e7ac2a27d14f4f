"""Builds the observer, which has a process of its own."""

from functools import partial

from fraud_detection_api.adapters.sql.labels import SqlLabelStore
from fraud_detection_api.adapters.sql.reviews import SqlReviewStore
from fraud_detection_api.container.deployment import build_monitoring
from fraud_detection_api.container.registry import patient_registry
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import (
    Stores,
    build_clock,
    build_lock,
    build_sequencer,
    require_database,
    stores_in,
)
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.models.aliases import CHALLENGER, CHAMPION, Alias
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.models.follower import AliasFollower
from fraud_detection_api.services.models.registry import ModelRegistry
from fraud_detection_api.services.models.stored_models import StoredModels
from fraud_detection_api.services.observing.leadership import LeaderElection
from fraud_detection_api.services.observing.observer import ObservedModels, Observer
from fraud_detection_api.services.observing.shadow import ObserverMetrics, Shadowing
from fraud_detection_api.services.reporting.monitoring import ObserverReports
from fraud_detection_api.services.reviewing.queue_metrics import QueueMetrics
from fraud_detection_api.services.storage.patience import PatientThreads, patient
from fraud_detection_api.settings import Settings


def build_observer(settings: Settings, tallies: Tallies) -> LeaderElection:
    """Observes the decisions of the store that FRAUD_STORE names. Raises NoStore, InvalidSetting, MissingExtra."""
    database = require_database(settings, synchronous="NORMAL")  # observations that are lost are made again
    registry, metrics = patient_registry(settings.registry), ObserverMetrics(tallies)
    # a store that hangs is reported, and the lag grows meanwhile
    threads = PatientThreads(timeout_seconds=settings.store_timeout_seconds)
    decisions, labels, observations = stores_in(database, settings)
    stores = Stores(patient(decisions, threads), patient(labels, threads), patient(observations, threads))
    challenger = _followed(registry, CHALLENGER)
    clock = partial(threads.run, build_clock(database))
    reviews = patient(SqlReviewStore(database, SqlLabelStore(database, build_recorder(settings))), threads)
    observer = Observer(
        stores.decisions,
        build_sequencer(settings, registry, threads),
        stores.observations,
        ObservedModels(StoredModels(registry)),
        Shadowing(challenger, metrics),
        metrics,
        backlog=settings.observer_backlog,
        wall_clock=clock,
    )
    monitoring = build_monitoring(settings, *stores)
    reports = ObserverReports(_followed(registry, CHAMPION), monitoring, tallies)
    return LeaderElection(
        observer,
        challenger,
        build_lock(database),
        metrics,
        reload_seconds=settings.reload_seconds,
        reports=(reports.drift, reports.performance, QueueMetrics(reviews, tallies, wall_clock=clock).tell),
    )


def _followed(registry: ModelRegistry, alias: Alias) -> AliasFollower[ServedModel]:
    """Nobody waits for an answer here, so a model that cannot be verified is dropped."""
    return AliasFollower(registry, alias, lambda model: model, on_refusal="drop")
