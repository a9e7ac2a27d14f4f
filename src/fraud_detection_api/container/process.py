"""Builds every long-lived object, once, from the settings; used by the application, the command line and the tests."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fraud_detection_api import __version__
from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.adapters.mlflow.connection import connect
from fraud_detection_api.adapters.mlflow.location import MlflowLocation
from fraud_detection_api.adapters.mlflow.registry import MlflowRegistry
from fraud_detection_api.adapters.mlflow.tracker import MlflowTracker
from fraud_detection_api.adapters.otlp import OtlpExporter, collector_url
from fraud_detection_api.adapters.sql.postgres_storage import PostgresStorage
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.adapters.sql.sqlite_storage import SqliteStorage
from fraud_detection_api.adapters.sql.upkeep import SqlStoreUpkeep
from fraud_detection_api.container.storage import (
    build_database,
    build_keeper,
    exclusive_in,
    labels_in,
    observations_in,
    open_observations,
    open_store,
    open_stores,
    store_in,
)
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.errors import InvalidSetting, NoStore
from fraud_detection_api.metrics.catalogue import BUILD_INFO, SCORING_REQUESTS_IN_FLIGHT, WORKERS
from fraud_detection_api.metrics.sharing import SharedMetrics
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.monitoring.gate import GateLimits
from fraud_detection_api.services.admission.api_keys import SHORTEST_KEY, ApiKeys
from fraud_detection_api.services.admission.drain import Drain
from fraud_detection_api.services.admission.in_flight import AdmissionGate
from fraud_detection_api.services.deciding.decisions import DecisionService
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.history.lookup import History
from fraud_detection_api.services.history.replay import Replayer, ReplayService
from fraud_detection_api.services.labels.label_store import LabelStore
from fraud_detection_api.services.labels.recording import LabelService
from fraud_detection_api.services.models.champion import ChampionService, ServedModel
from fraud_detection_api.services.models.model_metrics import ModelMetrics
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.models.registry import ModelRegistry
from fraud_detection_api.services.models.rollout import RolloutService, Verdict
from fraud_detection_api.services.models.stored_models import StoredModels
from fraud_detection_api.services.models.tracker import ExperimentTracker
from fraud_detection_api.services.models.watched_model import WatchedModel
from fraud_detection_api.services.observing.leadership import LeaderElection
from fraud_detection_api.services.observing.observation_store import ObservationStore
from fraud_detection_api.services.observing.observed_models import ObservedModels
from fraud_detection_api.services.observing.observer import Observer
from fraud_detection_api.services.observing.observer_metrics import ObserverMetrics
from fraud_detection_api.services.observing.shadow import Shadowing
from fraud_detection_api.services.reporting.comparison import ComparisonService
from fraud_detection_api.services.reporting.monitoring import MonitoringLimits, MonitoringService
from fraud_detection_api.services.reporting.performance import Maturity
from fraud_detection_api.services.reporting.periodic import ObserverReports
from fraud_detection_api.services.storage.decision_store import DecisionStore
from fraud_detection_api.services.storage.decision_writer import DecisionWriter
from fraud_detection_api.services.storage.upkeep import UpkeepService
from fraud_detection_api.services.tracing.tracer import RequestTracer
from fraud_detection_api.settings import Settings

MLFLOW, OTLP = "mlflow:", "otlp"


@dataclass(frozen=True)
class Container:
    """What a process works with. `fallback_contract` documents the API while no model is loaded."""

    settings: Settings
    registry: ModelRegistry
    champion: ChampionService
    models: ModelService
    rollout: RolloutService
    drain: Drain
    decisions: DecisionService
    store: DecisionStore | None
    upkeep: UpkeepService | None
    keeper: DecisionWriter | None
    recorder: Recorder
    labels: LabelService
    history: History
    replays: ReplayService
    monitoring: MonitoringService
    comparisons: ComparisonService
    keys: ApiKeys
    gate: AdmissionGate
    metrics: SharedMetrics
    tracer: RequestTracer | None
    fallback_contract: Contract


def build_container(
    settings: Settings,
    *,
    registry: ModelRegistry | None = None,
    store: DecisionStore | None = None,
    observations: ObservationStore | None = None,
) -> Container:
    """Everything, from settings; `registry`, `store` and `observations` stand in for the configured ones (tests).

    Raises InvalidSetting for keys that cannot be used, InvalidContract for a contract that cannot.
    """
    registry = registry or build_registry(settings.registry)
    recorder, labels, upkeep = build_recorder(settings), None, None
    metrics, gate = SharedMetrics(Tallies(), settings.metrics_folder), AdmissionGate(settings.max_in_flight)
    _measure(metrics.tallies, gate, settings)
    if store is None and (database := build_database(settings)) is not None:
        store, labels = store_in(database, settings), labels_in(database)
        observations = observations_in(database)
        upkeep = build_upkeep(settings)
    comparisons = build_comparisons(settings, labels, observations)
    contract = load_contract(settings.contract or CREDIT)
    required = contract.record_fingerprint if settings.contract else None
    return Container(
        settings=settings,
        registry=registry,
        champion=ChampionService(registry, required_fingerprint=required, metrics=ModelMetrics(metrics.tallies)),
        models=ModelService(registry),
        rollout=RolloutService(
            registry, gate=None if settings.gate == "off" else comparisons, required_fingerprint=required
        ),
        drain=Drain(),
        decisions=DecisionService(fallback=settings.fallback_outcome),
        store=store,
        upkeep=upkeep,
        keeper=None if store is None else build_keeper(store, settings, metrics.tallies),
        recorder=recorder,
        labels=LabelService(labels, recorder),
        history=History(store, recorder),
        replays=ReplayService(store, Replayer(StoredModels(registry), recorder)),
        monitoring=build_monitoring(settings, store, labels, observations),
        comparisons=comparisons,
        keys=_api_keys(settings),
        gate=gate,
        metrics=metrics,
        tracer=build_tracer(settings),
        fallback_contract=contract,
    )


def _measure(tallies: Tallies, gate: AdmissionGate, settings: Settings) -> None:
    """What a worker tells of itself for the metrics, beside what the services count."""
    tallies.gauge(BUILD_INFO, __version__).set(1)
    tallies.gauge(WORKERS).set(settings.workers)
    in_flight = tallies.gauge(SCORING_REQUESTS_IN_FLIGHT)
    tallies.read_with(lambda: in_flight.set(gate.in_flight))


def build_registry(location: str) -> ModelRegistry:
    """The registry at that location: an MLflow server (`mlflow:http://…`), else a folder. Nothing is asked of it yet.

    Raises InvalidSetting for an address that is none, MissingExtra without the extra `mlflow`.
    """
    if location.startswith(MLFLOW):
        return MlflowRegistry(connect(_mlflow_location(location, setting="FRAUD_REGISTRY")))
    return FileRegistry(Path(location))


@dataclass(frozen=True)
class StoredGate:
    """Gate of a command, which opens the stores of these settings when it is asked, and not before."""

    settings: Settings

    def verdict(self, champion: ServedModel, challenger: ServedModel) -> Verdict:
        """By what the observer kept. Raises as `open_observations`."""
        with open_observations(self.settings) as (_, labels, observations):
            return build_comparisons(self.settings, labels, observations).verdict(champion, challenger)


def build_rollout(settings: Settings) -> tuple[ModelRegistry, RolloutService]:
    """The registry, and what promotes in it, for a command. Raises as `build_registry`."""
    registry = build_registry(settings.registry)
    return registry, RolloutService(registry, gate=None if settings.gate == "off" else StoredGate(settings))


def build_upkeep(settings: Settings) -> UpkeepService:
    """What looks after the store that FRAUD_STORE names. Raises NoStore for `none`, InvalidSetting, MissingExtra."""
    database = build_database(settings)
    if database is None:
        raise NoStore
    storage = SqliteStorage(database) if isinstance(database, SqliteDatabase) else PostgresStorage(database)
    return UpkeepService(
        store_in(database, settings),
        SqlStoreUpkeep(database, storage),
        recorder=build_recorder(settings),
        idempotency_seconds=settings.idempotency_hours * 3600,
    )


def build_monitoring(
    settings: Settings, store: DecisionStore | None, labels: LabelStore | None, observations: ObservationStore | None
) -> MonitoringService:
    """What reports on the champion, from these stores."""
    limits = MonitoringLimits(settings.drift_psi, _maturity(settings))
    return MonitoringService(store, labels, observations, limits=limits)


def build_comparisons(
    settings: Settings, labels: LabelStore | None, observations: ObservationStore | None
) -> ComparisonService:
    """What compares champion and challenger, and is the gate between them, from these stores."""
    limits = GateLimits(
        decisions=settings.gate_decisions,
        frauds=settings.gate_frauds,
        roc_auc_loss=settings.gate_roc_auc_loss,
        average_precision_loss=settings.gate_average_precision_loss,
        calibration=settings.gate_calibration,
        cost_increase=settings.gate_cost_increase,
        latency_ratio=settings.gate_latency_ratio,
    )
    return ComparisonService(labels, observations, limits=limits, maturity=_maturity(settings))


def _maturity(settings: Settings) -> Maturity:
    return Maturity(settings.label_maturity_days, settings.performance_days)


@contextmanager
def build_labels(settings: Settings) -> Iterator[LabelService]:
    """What labels decisions, while the block runs. Raises as `open_stores`."""
    with open_stores(settings) as (_, labels):
        yield LabelService(labels, build_recorder(settings))


def open_replay(settings: Settings) -> tuple[DecisionStore, Replayer]:
    """What a replay works with, for a command. Raises as `open_store` and `build_registry`."""
    return open_store(settings), Replayer(StoredModels(build_registry(settings.registry)), build_recorder(settings))


def build_observer(settings: Settings, tallies: Tallies) -> LeaderElection:
    """What observes the decisions of the store that FRAUD_STORE names. Raises NoStore, InvalidSetting, MissingExtra."""
    database = build_database(settings, synchronous="NORMAL")  # what is lost is observed once more
    if database is None:
        raise NoStore
    registry, metrics = build_registry(settings.registry), ObserverMetrics(tallies)
    store, observations = store_in(database, settings), observations_in(database)
    challenger = WatchedModel(registry, "challenger")
    observer = Observer(
        store,
        observations,
        ObservedModels(StoredModels(registry)),
        Shadowing(challenger, metrics),
        metrics,
        backlog=settings.observer_backlog,
    )
    monitoring = build_monitoring(settings, store, labels_in(database), observations)
    reports = ObserverReports(WatchedModel(registry, "champion"), monitoring, tallies)
    return LeaderElection(
        observer,
        challenger,
        exclusive_in(database),
        metrics,
        reload_seconds=settings.reload_seconds,
        reports=(reports.drift, reports.performance),
    )


def build_recorder(settings: Settings) -> Recorder:
    """What turns decisions into rows. Raises InvalidSetting for keys that cannot be used."""
    seal = _secret(settings.seal_key, settings.seal_key_file, "FRAUD_SEAL_KEY")
    pseudonym = _secret(settings.pseudonym_key, settings.pseudonym_key_file, "FRAUD_PSEUDONYM_KEY")
    return Recorder(hashlib.sha512(seal).digest() if seal else b"", pseudonym or None)


def build_tracer(settings: Settings) -> RequestTracer | None:
    """What traces requests; None where FRAUD_TRACES is unset. Raises InvalidSetting, MissingExtra."""
    target = settings.traces
    if target is None:
        return None
    scheme, colon, address = target.partition(":")
    if scheme != OTLP:
        raise InvalidSetting("FRAUD_TRACES", "traces go to `otlp:http://HOST:4318`, or to `otlp`")
    try:
        url = collector_url(address) if colon else None
    except ValueError as error:
        raise InvalidSetting("FRAUD_TRACES", str(error)) from None
    return RequestTracer(OtlpExporter(url), ratio=settings.traces_ratio)


def build_tracker(target: str | None, *, registry: str, mlflow_uri: str | None) -> ExperimentTracker | None:
    """The tracker at `mlflow:http://…`. For `mlflow` alone it is the registry's server, else the one at `mlflow_uri`.

    None where there is no target: nothing is tracked.

    Raises InvalidSetting for a target that is none, MissingExtra, and RegistryUnavailable where the server is down.
    """
    if target is None:
        return None
    tracker = MlflowTracker(connect(_tracking_location(target, registry, mlflow_uri)))
    tracker.require_server()
    return tracker


def _tracking_location(target: str, registry: str, mlflow_uri: str | None) -> MlflowLocation:
    if target.startswith(MLFLOW):
        return _mlflow_location(target, setting="FRAUD_TRACK")
    if target != "mlflow":
        raise InvalidSetting("FRAUD_TRACK", "trainings are tracked on `mlflow`, or `mlflow:http://HOST:PORT`")
    if registry.startswith(MLFLOW):
        return _mlflow_location(registry, setting="FRAUD_REGISTRY")
    if mlflow_uri:
        return _mlflow_location(MLFLOW + mlflow_uri, setting="MLFLOW_TRACKING_URI")
    raise InvalidSetting("FRAUD_TRACK", "which server? Say mlflow:http://HOST:PORT, or set MLFLOW_TRACKING_URI")


def _mlflow_location(address: str, *, setting: str) -> MlflowLocation:
    try:
        return MlflowLocation.parse(address.removeprefix(MLFLOW))
    except ValueError as error:
        raise InvalidSetting(setting, str(error)) from None


def _api_keys(settings: Settings) -> ApiKeys:
    name, text = "FRAUD_API_KEYS", settings.api_keys
    if settings.api_keys_file is not None:
        if text:
            raise InvalidSetting(name, "set either FRAUD_API_KEYS or FRAUD_API_KEYS_FILE, not both")
        name, text = "FRAUD_API_KEYS_FILE", _read_secret(settings.api_keys_file, "FRAUD_API_KEYS_FILE")
        if not text.strip():
            raise InvalidSetting(name, "the file holds no key; a `role:key` a line")
    try:
        return ApiKeys.parse(text)
    except ValueError as error:
        raise InvalidSetting(name, str(error)) from None


def _secret(text: str, path: Path | None, name: str) -> bytes:
    """A key from its setting or its file; b"" where neither is set."""
    if path is not None:
        if text:
            raise InvalidSetting(name, f"set either {name} or {name}_FILE, not both")
        name, text = f"{name}_FILE", _read_secret(path, f"{name}_FILE").strip()
    elif not text:
        return b""
    if len(text) < SHORTEST_KEY:
        raise InvalidSetting(name, f"the key is shorter than {SHORTEST_KEY} characters; make a random one")
    return text.encode()


def _read_secret(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(name, f"cannot be read: {type(error).__name__}") from None
