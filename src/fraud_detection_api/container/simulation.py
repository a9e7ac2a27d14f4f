"""Builds the services that a past is played with: those of a server, on a clock that its player sets."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.events import SqlEventStore
from fraud_detection_api.adapters.sql.labels import SqlLabelStore
from fraud_detection_api.adapters.sql.log import SqlLogStore
from fraud_detection_api.adapters.sql.observations import SqlObservationStore
from fraud_detection_api.adapters.sql.quality import SqlQualityStore
from fraud_detection_api.container.entities import StoredHistories
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import require_database
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.auditing.sequencing import Sequencer
from fraud_detection_api.services.deciding.decisions import DecisionService
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.entities.local import LocalHistory
from fraud_detection_api.services.history.events import EventService
from fraud_detection_api.services.labels.recording import LabelService
from fraud_detection_api.services.models.aliases import CHALLENGER
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.models.follower import AliasFollower
from fraud_detection_api.services.models.registry import ModelRegistry
from fraud_detection_api.services.models.rollout import RolloutService
from fraud_detection_api.services.models.stored_models import StoredModels
from fraud_detection_api.services.observing.observer import ObservedModels, Observer
from fraud_detection_api.services.observing.shadow import ObserverMetrics, Shadowing
from fraud_detection_api.services.reviewing.quality import QualityService, QualityStores
from fraud_detection_api.services.storage.decision_store import DecisionStore
from fraud_detection_api.settings import Settings


@dataclass(frozen=True)
class Simulation:
    """The services of a server whose time is given. For one thread."""

    registry: ModelRegistry
    rollout: RolloutService
    store: DecisionStore
    recorder: Recorder
    decisions: DecisionService
    entities: LocalHistory
    events: EventService
    labels: LabelService
    quality: QualityService
    challenger: AliasFollower[ServedModel]
    observer: Observer


def build_simulation(settings: Settings, wall_clock: Callable[[], float]) -> Simulation:
    """What is stored gets the times of `wall_clock`, in seconds since 1970. The registry is a folder.

    Raises NoStore, InvalidSetting.
    """
    # a past that is lost is played again
    database, recorder = require_database(settings, synchronous="NORMAL"), build_recorder(settings)
    registry = FileRegistry(Path(settings.registry), wall_clock)
    store = SqlDecisionStore(database, idempotency_seconds=settings.idempotency_hours * 3600, wall_clock=wall_clock)
    challenger: AliasFollower[ServedModel] = AliasFollower(registry, CHALLENGER, lambda model: model, on_refusal="drop")
    metrics = ObserverMetrics(Tallies())
    observer = Observer(
        store,
        Sequencer(SqlLogStore(database), recorder.log_key, changes=registry.audit, wall_clock=wall_clock),
        SqlObservationStore(database),
        ObservedModels(StoredModels(registry)),
        Shadowing(challenger, metrics, wall_clock=wall_clock),
        metrics,
        backlog=settings.observer_backlog,
        wall_clock=wall_clock,
    )
    label_store = SqlLabelStore(database, recorder, wall_clock=wall_clock)
    quality = QualityStores(SqlQualityStore(database), store, label_store)
    return Simulation(
        registry=registry,
        rollout=RolloutService(registry),
        store=store,
        recorder=recorder,
        decisions=DecisionService(fallback=settings.fallback_outcome, wall_clock=wall_clock),
        entities=LocalHistory(StoredHistories(settings).opened, recorder),
        events=EventService(SqlEventStore(database), recorder, wall_clock=wall_clock),
        labels=LabelService(label_store, recorder, wall_clock=wall_clock),
        quality=QualityService(quality, wall_clock=wall_clock),
        challenger=challenger,
        observer=observer,
    )
