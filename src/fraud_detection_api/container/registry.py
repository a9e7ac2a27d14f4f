"""Builds the model registry and the experiment tracker: a folder, or an MLflow server."""

from pathlib import Path

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.adapters.mlflow.connection import MlflowLocation, connect
from fraud_detection_api.adapters.mlflow.registry import MlflowRegistry
from fraud_detection_api.adapters.mlflow.tracker import MlflowTracker
from fraud_detection_api.errors import InvalidSetting, RegistryUnavailable
from fraud_detection_api.services.models.registry import ExperimentTracker, ModelRegistry
from fraud_detection_api.services.storage.patience import PatientThreads, patient

MLFLOW = "mlflow:"


def build_registry(location: str) -> ModelRegistry:
    """The registry: an MLflow server (`mlflow:http://…`), else a folder; unopened. Raises InvalidSetting, MissingExtra."""
    return _mlflow_registry(location) or FileRegistry(_folder(location))


def _mlflow_registry(location: str) -> MlflowRegistry | None:
    if not location.startswith(MLFLOW):
        return None
    return MlflowRegistry(connect(_mlflow_location(location, setting="FRAUD_REGISTRY")))


def _folder(location: str) -> Path:
    if "://" in location:  # it may hold a password, and must not become a folder's name
        raise InvalidSetting("FRAUD_REGISTRY", "must be a folder, or `mlflow:` before an address")
    return Path(location)


REGISTRY_SECONDS = 30.0
"""Longer than fetching a bundle takes."""


def patient_registry(location: str) -> ModelRegistry:
    """The registry for a server: where it hangs, as a network's folder may, each call is an error after some time.

    Reading raises RegistryUnavailable while a folder does not exist. Raises as `build_registry`.
    """
    registry: ModelRegistry = _mlflow_registry(location) or FileRegistry(_folder(location), must_exist=True)
    return patient(registry, PatientThreads(timeout_seconds=REGISTRY_SECONDS, hangs_for=_hangs))


def _hangs(seconds: float) -> RegistryUnavailable:
    return RegistryUnavailable(f"the model registry did not answer within {seconds:g} s")


def existing_registry(location: str) -> ModelRegistry:
    """The registry for a command that reads it. Raises RegistryUnavailable for a folder that does not exist."""
    registry = build_registry(location)
    if isinstance(registry, FileRegistry):
        registry.require_folder()
    return registry


def registry_if_any(location: str) -> ModelRegistry | None:
    """The registry for a command that can do without: None for a folder that does not exist."""
    registry = build_registry(location)
    if isinstance(registry, FileRegistry):
        try:
            registry.require_folder()
        except RegistryUnavailable:
            return None
    return registry


def build_tracker(target: str | None, *, registry: str, mlflow_uri: str | None) -> ExperimentTracker | None:
    """The tracker at `mlflow:http://…`. For `mlflow` alone, it is the registry's server, else the one at `mlflow_uri`.

    None where there is no target: nothing is tracked.

    Raises InvalidSetting for a target that cannot be used, MissingExtra, and RegistryUnavailable where the server is down.
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
