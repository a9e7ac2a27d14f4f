"""Serve the champion over HTTP; train one first where that is requested."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any, Protocol

from fraud_detection_api.container.process import Container, build_container
from fraud_detection_api.container.registry import build_registry
from fraud_detection_api.contract.loading import CREDIT
from fraud_detection_api.errors import FraudError, InvalidSetting, MissingExtra
from fraud_detection_api.jobs.listener import Listener
from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.processes.server import run_server
from fraud_detection_api.schemas.contract import example_record, last_training_time
from fraud_detection_api.services.models.aliases import CHAMPION
from fraud_detection_api.services.models.contracts import require_registry_of
from fraud_detection_api.settings import Settings
from fraud_detection_api.telemetry import configure_logging


class OnListening(Protocol):
    """Called once the server listens."""

    def __call__(self, address: str, example: Mapping[str, Any], /, *, has_keys: bool) -> None: ...


def serve(
    settings: Settings,
    *,
    train_if_empty_by: str | None,
    listener: Listener,
    on_listening: OnListening,
) -> None:
    """Serve until SIGTERM or Ctrl-C. Where no model is champion, `train_if_empty_by` says who wants the default model.

    `on_listening` gets the address, a record to try, and whether callers need keys. Raises InvalidSetting, MissingExtra,
    RegistryUnavailable, and ContractMismatch where the store holds decisions of another contract than the registry's models.
    """
    configure_logging(settings.log_level, settings.log_format)
    container = build_container(settings)
    settings.require_safe_address(has_keys=bool(container.keys))
    if train_if_empty_by is not None and build_registry(settings.registry).assigned(CHAMPION) is None:
        _train_default(container, by=train_if_empty_by, listener=listener)
    bundle = _champion_bundle(container)
    champion = None if bundle is None else bundle.contract
    if champion is not None:  # a server whose store is another contract's would never be ready
        container.deployment.store_contract.claim(champion.name)
        if container.store is not None:
            container.store.close()  # the workers have connections of their own
    trained_until = None if bundle is None else last_training_time(bundle.card)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    example = example_record(champion or container.deployment.contract, at=trained_until or now)
    run_server(
        settings,
        stores=container.store is not None,
        on_listening=lambda address: on_listening(address, example, has_keys=bool(container.keys)),
    )


def _champion_bundle(container: Container) -> Bundle | None:
    with suppress(FraudError):
        return container.deployment.models.load(CHAMPION).bundle
    return None


def _train_default(container: Container, *, by: str, listener: Listener) -> None:
    """Train on simulated credit records.

    Raises InvalidSetting where another contract is configured, ContractMismatch where the registry has models of another.
    """
    if container.settings.contract not in (None, CREDIT):
        fix = "train on your own file first: `fraud train FILE --contract PATH`"
        raise InvalidSetting("FRAUD_CONTRACT", f"the default model is for the contract {CREDIT!r} only; {fix}")
    location = container.settings.registry
    require_registry_of(build_registry(location), CREDIT, where=location)
    if find_spec("polars") is None:
        raise MissingExtra("train", "training the default model")
    # before the import, which takes seconds
    listener.say("training the default model on simulated records; about 15 s on two cores")
    from fraud_detection_api.training.model_fitter import fit_default_model

    with listener.step("Training") as progress:
        fitted = fit_default_model(container.registry, by=by, now=datetime.now(UTC), on_progress=progress)
    auc, limit = fitted.evaluation.metrics["roc_auc"].estimate, fitted.evaluation.bayes_limits["roc_auc"]
    listener.say(f"trained the default model: ROC AUC {auc:.3f} (best possible {limit:.3f})")
