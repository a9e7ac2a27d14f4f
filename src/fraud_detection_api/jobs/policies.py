"""Give a model another policy or other words, or find out what another policy would do."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from fraud_detection_api.container.deployment import build_rollout
from fraud_detection_api.container.registry import existing_registry
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import existing_stores
from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.jobs.listener import Listener
from fraud_detection_api.jobs.registering import Registration
from fraud_detection_api.model.bundle import Bundle, BundleFiles, read_evidence
from fraud_detection_api.policy.outcomes import Policy, load_policy
from fraud_detection_api.policy.population import Population
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.reporting.backtest import Period, Sources, backtest
from fraud_detection_api.services.workers.pool import Workers
from fraud_detection_api.settings import Settings
from fraud_detection_api.training.changes import ChangedModel, reword
from fraud_detection_api.training.data.load import load_dataset
from fraud_detection_api.training.policies import change_policy, compare_on_evidence, compare_on_records, priced_policy


def set_policy(
    settings: Settings, model: str, file: Path, *, registration: Registration, listener: Listener
) -> dict[str, Any]:
    """Register a model with another policy; returns JSON. Raises InvalidPolicy, UnknownModel, CorruptBundle, GateRefused."""
    terms = load_policy(file)

    def change(files: BundleFiles, source: str) -> ChangedModel:
        return change_policy(files, terms, source=source, file=str(file), now=datetime.now(UTC))

    anew = _Anew(settings, registration, listener)
    if registration.promote:
        anew.rollout.require_promotable(registration.order)
    done = anew.register(model, change, lambda version, changes: f"{version} with policy {changes['to']['version']}")
    return {
        "version": done["version"],
        "digest": done["digest"],
        "from": {"model_version": done["of"], **done["from"]},
        "to": {"model_version": done["version"], **done["to"]},
    }


def reword_model(
    settings: Settings, model: str, file: Path, *, registration: Registration, listener: Listener
) -> dict[str, Any]:
    """Register a model in the words of another contract; returns JSON.

    Raises InvalidContract, ContractMismatch, UnknownModel, CorruptBundle, GateRefused.
    """
    contract = load_contract(file)

    def change(files: BundleFiles, source: str) -> ChangedModel:
        return reword(files, contract, source=source, file=str(file), now=datetime.now(UTC))

    return _Anew(settings, registration, listener).register(
        model, change, lambda version, changes: f"{version} with {len(changes['changed'])} texts changed"
    )


class _Anew:
    """Registers changed models. Raises RegistryUnavailable where none can be registered."""

    def __init__(self, settings: Settings, registration: Registration, listener: Listener) -> None:
        self._registry, self.rollout = build_rollout(settings)
        self._registry.require_writable()
        self._how, self._listener = registration, listener

    def register(
        self,
        model: str,
        change: Callable[[BundleFiles, str], ChangedModel],
        words: Callable[[str, dict[str, Any]], str],
    ) -> dict[str, Any]:
        """Register what `change` makes of a model's files, and promote it if that is asked for; returns JSON."""
        version = ModelService(self._registry).resolve(model)
        changed = change(self._registry.fetch(version), f"version {version}")
        registered = self._registry.register(changed.sealed.files)
        self._listener.say(f"registered version {registered}: version {words(version, changed.changes)}")
        if self._how.promote:
            self.rollout.promote(registered, self._how.order)
            self._listener.say(f"version {registered} is champion")
        return {"version": registered, "digest": changed.sealed.digest, "of": version, **changed.changes}


def simulate_policy(
    settings: Settings, model: str, policy: Path, *, records: Path | None, separator: str | None, listener: Listener
) -> dict[str, Any]:
    """Compare a model's policy with another on a file of labelled records, or on the model's own out-of-fold scores.

    The `separator` of a CSV is taken from its header if it is None. Returns a JSON value. Raises InvalidPolicy,
    InvalidDataset, UnknownModel, NoChampion, CorruptBundle.
    """
    terms = load_policy(policy)
    priced = _price(settings, model, terms, file=policy)
    if records is None:
        comparison = compare_on_evidence(priced.bundle.policy, priced.policy, priced.population)
    else:
        dataset = load_dataset(records, priced.bundle.contract, separator=separator)
        with listener.step(f"Scoring {len(dataset):,} records"):
            comparison = compare_on_records(priced.bundle.policy, priced.policy, priced.bundle, dataset)
    return {
        "model_version": priced.version,
        "purpose": priced.bundle.contract.purpose,
        "on": "out-of-fold scores" if records is None else str(records),
        "records_a_day_inherited": terms.records_a_day is None and priced.policy.records_a_day is not None,
        **comparison.as_json(),
    }


def backtest_policy(
    settings: Settings, model: str, policy: Path, *, period: Period, workers: Workers, listener: Listener
) -> dict[str, Any]:
    """Compare what was decided in a period with what another policy would have decided; `workers` share the period.

    Returns a JSON value. Raises InvalidPolicy, UnknownModel, NoChampion, CorruptBundle, NoStore, StoreUnavailable and
    WorkerLost.
    """
    priced = _price(settings, model, load_policy(policy), file=policy)
    contract = priced.bundle.contract
    with listener.step("Reading stored decisions") as progress:
        test = backtest(
            partial(open_backtest, settings, contract.name),
            priced.policy,
            contract=contract,
            period=period,
            workers=workers,
            report=lambda share, looked: progress(share, f"{looked:,} decisions"),
        )
    return {"model_version": priced.version, "purpose": contract.purpose, **test.as_json()}


def open_backtest(settings: Settings, contract: str) -> Sources:
    """What a process of a backtest works with. Raises as `existing_stores` and `existing_registry`."""
    stores, registry = existing_stores(settings, contract=contract), existing_registry(settings.registry)
    return Sources(stores.decisions, stores.labels, build_recorder(settings).is_intact, registry)


class _Priced(NamedTuple):
    """A model, its out-of-fold scores, and another policy whose review is priced on them."""

    version: str
    bundle: Bundle
    population: Population
    policy: Policy


def _price(settings: Settings, model: str, terms: Policy, *, file: Path) -> _Priced:
    registry = existing_registry(settings.registry)
    served = ModelService(registry).load(model)
    version, bundle = served.version, served.bundle
    _evidence, population = read_evidence(registry.fetch(version), source=f"version {version}")
    return _Priced(version, bundle, population, priced_policy(terms, bundle.policy, population, file=str(file)))
