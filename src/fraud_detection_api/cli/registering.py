"""What `fraud train` and `fraud tune` do around a training: find the registry and the tracker, then tell of the model."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fraud_detection_api.cli.evaluation import print_evaluation
from fraud_detection_api.cli.terminal import print_json, say
from fraud_detection_api.container import build_registry, build_tracker
from fraud_detection_api.ports import ExperimentTracker, ModelRegistry
from fraud_detection_api.services.models import ModelService
from fraud_detection_api.settings import Settings

if TYPE_CHECKING:  # it takes the training libraries, which a serving installation lacks
    from fraud_detection_api.training.model_fitter import FittedModel


@dataclass(frozen=True)
class Destination:
    """Where a model goes: the registry at `location`, and the tracker if one was asked for."""

    location: str
    registry: ModelRegistry
    tracker: ExperimentTracker | None

    def announce(self, fitted: "FittedModel", *, promote: bool, allow_contract_change: bool, as_json: bool) -> None:
        """Promote where that is asked for, track, and print how good the model is."""
        for warning in fitted.card["warnings"]:
            say(f"warning: {warning}")
        say(f"registered version {fitted.version} in {self.location} ({fitted.digest[:19]}…)")
        if promote or self.registry.assigned("champion") is None:
            ModelService(self.registry).promote(fitted.version, allow_contract_change=allow_contract_change)
            say(f"version {fitted.version} is champion")
        if self.tracker is not None:
            self._track(self.tracker, fitted)
        if as_json:
            print_json({"version": fitted.version, "digest": fitted.digest, **fitted.card})
        else:
            print_evaluation(fitted.evaluation.as_json(), title="Held-out test part")
            say(f"the whole report: fraud models report {fitted.version} --out report.html")

    def _track(self, tracker: ExperimentTracker, fitted: "FittedModel") -> None:
        from fraud_detection_api.training.tracking import track_training

        files = self.registry.fetch(fitted.version)
        say(f"tracked at {track_training(tracker, files, version=fitted.version)}")


def destination(settings: Settings) -> Destination:
    """The registry and the tracker that are set; what cannot be reached is told before the training, not after."""
    registry = build_registry(settings.registry)
    registry.versions()
    mlflow_uri = os.environ.get("MLFLOW_TRACKING_URI")
    tracker = build_tracker(settings.track, registry=settings.registry, mlflow_uri=mlflow_uri)
    return Destination(settings.registry, registry, tracker)
