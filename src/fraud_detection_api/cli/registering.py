"""How `fraud train` and `fraud tune` end: a training, the model in the registry, and what is told of it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fraud_detection_api.cli.evaluation import print_evaluation
from fraud_detection_api.cli.options import order_of
from fraud_detection_api.cli.terminal import print_json, progress, say
from fraud_detection_api.container.registry import build_tracker
from fraud_detection_api.container.rollout import build_rollout
from fraud_detection_api.services.models.registry import ModelRegistry
from fraud_detection_api.services.models.rollout import Order, RolloutService
from fraud_detection_api.services.models.tracker import ExperimentTracker
from fraud_detection_api.settings import Settings

if TYPE_CHECKING:  # it takes the training libraries, which a serving installation lacks
    from fraud_detection_api.training.data.dataset import Dataset
    from fraud_detection_api.training.model_fitter import FittedModel, ModelFitter


@dataclass(frozen=True)
class Destination:
    """Where a model goes: the registry at `location`, and the tracker if one was asked for; and what is done there."""

    location: str
    registry: ModelRegistry
    tracker: ExperimentTracker | None
    rollout: RolloutService
    order: Order
    promote: bool
    allow_contract_change: bool
    as_json: bool

    def train(
        self,
        fitter: "ModelFitter",
        dataset: "Dataset",
        description: str,
        *,
        tuning: Mapping[str, Any] | None = None,
    ) -> None:
        """Train, with `description` beside the bar; promote where that is asked for, track, and tell of the model."""
        fitted = self.fit(fitter, dataset, description, tuning=tuning)
        if self.promote or self.registry.assigned("champion") is None:
            self.rollout.promote(fitted.version, self.order, allow_contract_change=self.allow_contract_change)
            say(f"version {fitted.version} is champion")
        self.track(fitted)
        self._print(fitted)

    def fit(
        self,
        fitter: "ModelFitter",
        dataset: "Dataset",
        description: str,
        *,
        tuning: Mapping[str, Any] | None = None,
    ) -> "FittedModel":
        """Train and register; warnings and the version are said."""
        with progress(description) as report:
            fitted = fitter.fit(dataset, now=datetime.now(UTC), tuning=tuning, on_progress=report)
        for warning in fitted.card["warnings"]:
            say(f"warning: {warning}")
        say(f"registered version {fitted.version} in {self.location} ({fitted.digest[:19]}…)")
        return fitted

    def track(self, fitted: "FittedModel") -> None:
        """Have the training remembered, where a tracker was asked for."""
        if self.tracker is None:
            return
        from fraud_detection_api.training.tracking import track_training

        files = self.registry.fetch(fitted.version)
        say(f"tracked at {track_training(self.tracker, files, version=fitted.version)}")

    def _print(self, fitted: "FittedModel") -> None:
        if self.as_json:
            print_json({"version": fitted.version, "digest": fitted.digest, **fitted.card})
        else:
            print_evaluation(fitted.evaluation.as_json(), title="Held-out test part")
            say(f"the whole report: fraud models report {fitted.version} --out report.html")


def destination(
    settings: Settings, *, promote: bool, allow_contract_change: bool, as_json: bool, force: str | None = None
) -> Destination:
    """The registry and the tracker that are set; what cannot be reached, or passed, is told before the training."""
    registry, rollout = build_rollout(settings)
    order = order_of(force=force)
    registry.require_writable()
    if promote:
        rollout.require_promotable(order)
    mlflow_uri = os.environ.get("MLFLOW_TRACKING_URI")
    tracker = build_tracker(settings.track, registry=settings.registry, mlflow_uri=mlflow_uri)
    return Destination(settings.registry, registry, tracker, rollout, order, promote, allow_contract_change, as_json)
