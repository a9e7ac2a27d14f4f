"""Builds the long-lived objects of a worker process from the settings, once."""

from dataclasses import dataclass
from functools import partial

from fraud_detection_api import __version__
from fraud_detection_api.adapters.otlp import OtlpExporter, collector_url
from fraud_detection_api.container.accounts import People, people_in
from fraud_detection_api.container.deployment import DeploymentServices, build_deployment
from fraud_detection_api.container.entities import arrivals_in, build_history, build_profiles
from fraud_detection_api.container.registry import patient_registry
from fraud_detection_api.container.reviews import reviews_in
from fraud_detection_api.container.secrets import build_key_reload, build_keys, build_recorder
from fraud_detection_api.container.storage import (
    build_database,
    build_root_copy,
    build_upkeep,
    build_writer,
    event_store_in,
    stores_in,
)
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.errors import InvalidSetting
from fraud_detection_api.metrics.catalogue import BUILD_INFO, WORKERS
from fraud_detection_api.metrics.sharing import SharedMetrics
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.admission.api_keys import ApiKeys
from fraud_detection_api.services.admission.drain import Drain
from fraud_detection_api.services.admission.key_reload import KeyReload
from fraud_detection_api.services.deciding.decisions import DecisionService
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.entities.asking import EntityHistory
from fraud_detection_api.services.entities.profile import EntityProfiles, ProfileStores
from fraud_detection_api.services.history.events import EventService
from fraud_detection_api.services.history.lookup import History
from fraud_detection_api.services.history.replay import Replayer, ReplayService
from fraud_detection_api.services.history.surroundings import Surroundings
from fraud_detection_api.services.labels.recording import LabelService
from fraud_detection_api.services.models.registry import ModelRegistry
from fraud_detection_api.services.models.shown_models import ShownModels
from fraud_detection_api.services.models.stored_models import StoredModels
from fraud_detection_api.services.observing.observation_store import ObservationStore
from fraud_detection_api.services.reporting.backtest import Sources
from fraud_detection_api.services.reporting.recent import RecentBacktests
from fraud_detection_api.services.reporting.traffic import Traffic
from fraud_detection_api.services.reviewing.quality import QualityService
from fraud_detection_api.services.reviewing.reviewing import ReviewService, ReviewShares
from fraud_detection_api.services.storage.decision_store import DecisionStore
from fraud_detection_api.services.storage.decision_writer import DecisionWriter
from fraud_detection_api.services.storage.patience import PatientThreads, patient
from fraud_detection_api.services.storage.upkeep import UpkeepService
from fraud_detection_api.services.tracing.tracer import RequestTracer
from fraud_detection_api.settings import Settings

OTLP = "otlp"


@dataclass(frozen=True)
class Container:
    """The long-lived objects of a process.

    Where no decisions are stored, `store`, `upkeep`, `people` and `writer` are None.
    """

    settings: Settings
    registry: ModelRegistry
    deployment: DeploymentServices
    decisions: DecisionService
    store: DecisionStore | None
    lookups: PatientThreads
    upkeep: UpkeepService | None
    writer: DecisionWriter | None
    entities: EntityHistory | None
    profiles: EntityProfiles
    recorder: Recorder
    labels: LabelService
    events: EventService
    history: History
    surroundings: Surroundings
    shown_models: ShownModels
    replays: ReplayService
    traffic: Traffic
    backtests: RecentBacktests
    people: People | None
    reviews: ReviewService
    quality: QualityService
    keys: ApiKeys
    key_reload: KeyReload | None
    drain: Drain
    metrics: SharedMetrics
    tracer: RequestTracer | None


def build_container(
    settings: Settings,
    *,
    registry: ModelRegistry | None = None,
    store: DecisionStore | None = None,
    observations: ObservationStore | None = None,
) -> Container:
    """Everything, from settings; tests replace the last three. Raises InvalidSetting, InvalidContract, MissingExtra."""
    registry = registry or patient_registry(settings.registry)
    recorder, labels, profiled, events, upkeep, people = build_recorder(settings), None, None, None, None, None
    reviews, quality = ReviewService(None, recorder), QualityService(None)
    metrics = SharedMetrics(Tallies(), settings.metrics_folder)
    metrics.tallies.gauge(BUILD_INFO, __version__).set(1)
    metrics.tallies.gauge(WORKERS).set(settings.workers)
    lookups = PatientThreads(timeout_seconds=settings.store_timeout_seconds)
    if store is None and (database := build_database(settings)) is not None:
        store, labels, observations = stores_in(database, settings)
        events, people = event_store_in(database), people_in(database, lookups, settings)
        log = partial(arrivals_in, database, lookups)
        profiled = ProfileStores(patient(store, lookups), patient(labels, lookups), patient(events, lookups), log)
        shares = ReviewShares(settings.review_golden_share, settings.review_second_share)
        reviews, quality = reviews_in(database, store, labels, recorder, lookups, shares)
        upkeep = build_upkeep(settings, lookups)
        build_root_copy(settings.log_roots)  # the observer uses it: a bad one is refused before anything starts
    seen = patient(store, lookups)
    labels, observations, events = patient(labels, lookups), patient(observations, lookups), patient(events, lookups)
    keys = build_keys(settings)
    entities = None if store is None else build_history(settings)
    return Container(
        settings=settings,
        registry=registry,
        deployment=build_deployment(
            settings,
            registry,
            metrics.tallies,
            store=seen,
            labels=labels,
            observations=observations,
            prepare=_ready_at_once if entities is None else entities.prepare,
        ),
        decisions=DecisionService(fallback=settings.fallback_outcome, threads=settings.scoring_threads),
        store=store,
        lookups=lookups,
        upkeep=upkeep,
        writer=None if store is None else build_writer(store, settings, metrics.tallies),
        entities=entities,
        profiles=build_profiles(settings, profiled),
        recorder=recorder,
        labels=LabelService(labels, recorder),
        events=EventService(events, recorder),
        history=History(seen, recorder, labels),
        surroundings=Surroundings(seen, labels, events),
        shown_models=ShownModels(registry),
        replays=ReplayService(seen, Replayer(StoredModels(registry), recorder)),
        traffic=Traffic(seen),
        backtests=RecentBacktests(
            None if seen is None or labels is None else Sources(seen, labels, recorder.is_intact, registry)
        ),
        people=people,
        reviews=reviews,
        quality=quality,
        keys=keys,
        key_reload=build_key_reload(settings, keys, metrics.tallies),
        drain=Drain(),
        metrics=metrics,
        tracer=build_tracer(settings),
    )


def _ready_at_once(_contract: Contract) -> None:
    """There is no history to prepare where nothing is stored."""


def build_tracer(settings: Settings) -> RequestTracer | None:
    """The tracer of requests; None where FRAUD_TRACES is unset. Raises InvalidSetting, MissingExtra."""
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
