"""What becomes of a trained model: it is registered, promoted where that is requested, and tracked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fraud_detection_api.container.deployment import build_rollout
from fraud_detection_api.container.registry import build_tracker
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.errors import AliasMoved, ContractMismatch, GateRefused
from fraud_detection_api.jobs.listener import Listener, says_if_interrupted
from fraud_detection_api.services.models.aliases import CHAMPION
from fraud_detection_api.services.models.contracts import require_registry_of
from fraud_detection_api.services.models.registry import ExperimentTracker, ModelRegistry
from fraud_detection_api.services.models.rollout import Order, RolloutService
from fraud_detection_api.settings import Settings
from fraud_detection_api.training.card import track_training
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.fairness import Groups
from fraud_detection_api.training.model_fitter import FittedModel, ModelFitter


@dataclass(frozen=True, slots=True)
class Registration:
    """How a model is registered. Trainings are tracked at `mlflow_uri` where the settings name no server."""

    order: Order
    promote: bool = False
    allow_contract_change: bool = False
    mlflow_uri: str | None = None


@dataclass(frozen=True)
class Destination:
    """Where trained models go: the registry at `location`, and the tracker if one is configured."""

    location: str
    registry: ModelRegistry
    tracker: ExperimentTracker | None
    rollout: RolloutService
    registration: Registration
    listener: Listener

    @classmethod
    def open(cls, settings: Settings, registration: Registration, listener: Listener) -> "Destination":
        """Find out early whether a model can be registered and tracked. Raises RegistryUnavailable."""
        registry, rollout = build_rollout(settings)
        registry.require_writable()
        tracker = build_tracker(settings.track, registry=settings.registry, mlflow_uri=registration.mlflow_uri)
        return cls(settings.registry, registry, tracker, rollout, registration, listener)

    def require_welcome(self, contract: Contract) -> None:
        """Find out early whether a model of that contract can be registered and promoted.

        Raises ContractMismatch where the registry belongs to another contract, and as `require_promotable`.
        """
        how = self.registration
        if not how.allow_contract_change:
            require_registry_of(self.registry, contract.name, where=self.location)
        if how.promote:
            self.rollout.require_promotable(how.order, contract, allow_contract_change=how.allow_contract_change)

    def establish(self, fitted: FittedModel) -> FittedModel:
        """Track a registered model. It becomes champion if that is requested, or if there is no champion."""
        if self.registration.promote:
            self._promote(fitted.version)
        elif self.registry.assigned(CHAMPION) is None:
            self._promote_first(fitted.version)
        self.track(fitted)
        return fitted

    def _promote(self, version: str) -> None:
        how = self.registration
        self.rollout.promote(version, how.order, allow_contract_change=how.allow_contract_change)
        self.listener.say(f"version {version} is champion")

    def _promote_first(self, version: str) -> None:
        """Promote where there is no champion. Another training may end now, too, and its model may be quicker."""
        try:
            self._promote(version)
        except (AliasMoved, ContractMismatch, GateRefused):
            champion = self.registry.assigned(CHAMPION)
            if champion is None:
                raise
            self.listener.say(f"version {champion} became champion meanwhile")

    def fit(
        self,
        fitter: ModelFitter,
        dataset: Dataset,
        step: str,
        *,
        source: str,
        groups: Groups | None = None,
        tuning: Mapping[str, Any] | None = None,
    ) -> FittedModel:
        """Train and register a model; `source` says for people where the records came from."""
        made_by = {"by": self.registration.order.by, "source": source}
        stopped = says_if_interrupted(self.listener, "stopped; nothing was registered")
        with stopped, self.listener.step(step) as progress:
            fitted = fitter.fit(
                dataset,
                now=datetime.now(UTC),
                tuning=tuning,
                circumstances=made_by,
                groups=groups,
                on_progress=progress,
            )
        for warning in fitted.card["warnings"]:
            self.listener.say(f"warning: {warning}")
        self.listener.say(f"registered version {fitted.version} in {self.location} ({fitted.digest:.19}…)")
        return fitted

    def track(self, fitted: FittedModel) -> None:
        """Record the training on the tracker, if there is one."""
        if self.tracker is not None:
            files = self.registry.fetch(fitted.version)
            self.listener.say(f"tracked at {track_training(self.tracker, files, version=fitted.version)}")
