"""Builds what changes the aliases of a registry, for a command."""

from dataclasses import dataclass

from fraud_detection_api.container.deployment import build_comparisons
from fraud_detection_api.container.registry import build_registry
from fraud_detection_api.container.storage import open_observations
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.models.registry import ModelRegistry
from fraud_detection_api.services.models.rollout import RolloutService, Verdict
from fraud_detection_api.settings import Settings


@dataclass(frozen=True)
class StoredGate:
    """The gate of a command. It opens the stores of these settings only when it judges."""

    settings: Settings

    def verdict(self, champion: ServedModel, challenger: ServedModel) -> Verdict:
        """Judge by what the observer recorded. Raises as `open_observations`."""
        with open_observations(self.settings) as (_, labels, observations):
            return build_comparisons(self.settings, labels, observations).verdict(champion, challenger)


def build_rollout(settings: Settings) -> tuple[ModelRegistry, RolloutService]:
    """The registry, and the service that changes its aliases, for a command. Raises as `build_registry`."""
    registry = build_registry(settings.registry)
    return registry, RolloutService(registry, gate=None if settings.gate == "off" else StoredGate(settings))
