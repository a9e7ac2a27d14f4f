"""Builds a deployment: its champion in service, and the services that work on its models; also those of a command."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fraud_detection_api.container.registry import build_registry
from fraud_detection_api.container.storage import open_stores, store_name
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.monitoring.gate import GateLimits
from fraud_detection_api.schemas.contract import last_training_time
from fraud_detection_api.schemas.decisions import decision_texts
from fraud_detection_api.schemas.records.parser import RecordParser, record_parser
from fraud_detection_api.services.deciding.decisions import NEVER, DecisionService, Task
from fraud_detection_api.services.deciding.recording import Recorder, RequestContext
from fraud_detection_api.services.labels.recording import LabelStore
from fraud_detection_api.services.models.aliases import CHAMPION
from fraud_detection_api.services.models.deployment import DEFAULT, Deployment, ServedModel, require_contract
from fraud_detection_api.services.models.follower import AliasFollower, ModelMetrics
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.models.registry import ModelRegistry
from fraud_detection_api.services.models.rollout import RolloutService, Verdict
from fraud_detection_api.services.observing.observation_store import ObservationStore
from fraud_detection_api.services.reporting.comparison import ComparisonService
from fraud_detection_api.services.reporting.groups import NO_GROUPS, EntityGroups
from fraud_detection_api.services.reporting.monitoring import Maturity, MonitoringLimits, MonitoringService
from fraud_detection_api.services.storage.contracts import StoreContract
from fraud_detection_api.services.storage.decision_store import DecisionStore
from fraud_detection_api.settings import Settings
from fraud_detection_api.telemetry import Stopwatch


@dataclass(frozen=True)
class DeploymentServices:
    """What works for one deployment. `contract` documents the API while no model is loaded."""

    name: str
    contract: Contract
    store_contract: StoreContract
    champion: AliasFollower[Deployment[RecordParser]]
    models: ModelService
    rollout: RolloutService
    monitoring: MonitoringService
    comparisons: ComparisonService

    @property
    def documented_contract(self) -> Contract:
        """The contract of the model in service; where there is none, the one of the settings."""
        current = self.champion.current
        return self.contract if current is None else current.contract

    @property
    def newest_time(self) -> str | None:
        """The time of the newest record that the model in service learned from; None where none is known."""
        current = self.champion.current
        return None if current is None else last_training_time(current.champion.bundle.card)


def build_deployment(  # noqa: PLR0913 what a deployment is made of
    settings: Settings,
    registry: ModelRegistry,
    tallies: Tallies,
    *,
    store: DecisionStore | None,
    labels: LabelStore | None,
    observations: ObservationStore | None,
    prepare: Callable[[Contract], None] = lambda _contract: None,
) -> DeploymentServices:
    """The deployment of a server. Raises InvalidContract for a contract that cannot be used.

    `prepare` gets what a contract needs before a model of it comes into service.
    """
    contract = load_contract(settings.contract or CREDIT)
    required = contract.record_fingerprint if settings.contract else None
    comparisons = build_comparisons(settings, labels, observations)
    held = StoreContract(store, store_name(settings))
    return DeploymentServices(
        name=DEFAULT,
        contract=contract,
        store_contract=held,
        champion=AliasFollower(
            registry,
            CHAMPION,
            partial(_in_service, DEFAULT, required, held, prepare),
            on_refusal="keep",
            confirm=lambda served: held.claim(served.contract.name),
            metrics=ModelMetrics(tallies),
        ),
        models=ModelService(registry),
        rollout=RolloutService(
            registry,
            gate=None if settings.gate == "off" else comparisons,
            required_fingerprint=required,
            require_store=held.require,
        ),
        monitoring=build_monitoring(settings, store, labels, observations),
        comparisons=comparisons,
    )


def _in_service(
    name: str, required: str | None, held: StoreContract, prepare: Callable[[Contract], None], champion: ServedModel
) -> Deployment[RecordParser]:
    """The deployment with this champion, ready for its first request. Raises ContractMismatch."""
    require_contract(champion, required)
    held.claim(champion.bundle.contract.name)
    bundle = champion.bundle
    deployment = Deployment(name, bundle.contract, champion, bundle.policy, record_parser(bundle.accepted))
    _rehearse(deployment)
    prepare(bundle.contract)
    return deployment


def _rehearse(deployment: Deployment[RecordParser]) -> None:
    """Answer a request for a record without values: what requests need is built and loaded now, while none waits for it."""
    contract, identifier = deployment.contract, deployment.contract.identifier
    record = {} if identifier is None else {identifier.name: 0 if identifier.dtype == "int" else ""}
    deployment.parser.parse_decisions(b'{"records":[]}', limit=1)
    task = Task(deployment.champion, explain=True, deadline=NEVER, watch=Stopwatch())
    decisions = DecisionService(fallback="review").decide(task, [record]).decisions
    decision_texts(decisions, contract)
    Recorder().rows(decisions, [record], contract, [RequestContext("", None, 0.0, 1)])


def build_monitoring(
    settings: Settings,
    store: DecisionStore | None,
    labels: LabelStore | None,
    observations: ObservationStore | None,
    groups: EntityGroups = NO_GROUPS,
) -> MonitoringService:
    """Reports on a champion, from these stores."""
    limits = MonitoringLimits(settings.drift_psi, _maturity(settings))
    return MonitoringService(store, labels, observations, limits=limits, groups=groups)


def build_comparisons(
    settings: Settings, labels: LabelStore | None, observations: ObservationStore | None
) -> ComparisonService:
    """Compares champion and challenger, and is the gate between them, from these stores."""
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


@dataclass(frozen=True)
class StoredGate:
    """The gate of a command. It opens the stores of these settings only when it judges."""

    settings: Settings

    def verdict(self, champion: ServedModel, challenger: ServedModel) -> Verdict:
        """Judge by what the observer recorded. Raises as `open_stores`."""
        with open_stores(self.settings, contract=champion.bundle.contract.name) as stores:
            return build_comparisons(self.settings, stores.labels, stores.observations).verdict(champion, challenger)


def build_rollout(settings: Settings) -> tuple[ModelRegistry, RolloutService]:
    """The registry, and the service that changes its aliases, for a command. Raises as `build_registry`."""
    registry = build_registry(settings.registry)
    return registry, RolloutService(registry, gate=None if settings.gate == "off" else StoredGate(settings))
