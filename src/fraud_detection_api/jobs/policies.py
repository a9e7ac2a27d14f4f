"""Give a model another policy, or find out what another policy would do."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from fraud_detection_api.container.deployment import build_rollout
from fraud_detection_api.container.registry import existing_registry
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import open_stores
from fraud_detection_api.jobs.listener import Listener
from fraud_detection_api.jobs.registering import Registration
from fraud_detection_api.model.bundle import Bundle, read_evidence
from fraud_detection_api.policy.outcomes import Policy, load_policy
from fraud_detection_api.policy.population import Population
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.reporting.backtest import Period, Sources, backtest
from fraud_detection_api.settings import Settings
from fraud_detection_api.training.data.load import load_dataset
from fraud_detection_api.training.policies import change_policy, compare_on_evidence, compare_on_records, priced_policy


def set_policy(
    settings: Settings, model: str, file: Path, *, registration: Registration, listener: Listener
) -> dict[str, Any]:
    """Register a model with another policy; returns JSON. Raises InvalidPolicy, UnknownModel, CorruptBundle, GateRefused."""
    registry, rollout = build_rollout(settings)
    terms = load_policy(file)
    registry.require_writable()
    if registration.promote:
        rollout.require_promotable(registration.order)
    version = ModelService(registry).resolve(model)
    changed = change_policy(
        registry.fetch(version), terms, source=f"version {version}", file=str(file), now=datetime.now(UTC)
    )
    registered = registry.register(changed.sealed.files)
    listener.say(f"registered version {registered}: version {version} with policy {changed.new['version']}")
    if registration.promote:
        rollout.promote(registered, registration.order)
        listener.say(f"version {registered} is champion")
    return {
        "version": registered,
        "digest": changed.sealed.digest,
        "from": {"model_version": version, **changed.former},
        "to": {"model_version": registered, **changed.new},
    }


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
    settings: Settings, model: str, policy: Path, *, period: Period, listener: Listener
) -> dict[str, Any]:
    """Compare what was decided in a period with what another policy would have decided.

    Returns a JSON value. Raises InvalidPolicy, UnknownModel, NoChampion, CorruptBundle, NoStore, StoreUnavailable.
    """
    priced = _price(settings, model, load_policy(policy), file=policy)
    with (
        open_stores(settings, contract=priced.bundle.contract.name) as stores,
        listener.step("Reading stored decisions") as progress,
    ):
        test = backtest(
            Sources(stores.decisions, stores.labels, build_recorder(settings).is_intact),
            priced.policy,
            contract=priced.bundle.contract,
            period=period,
            report=lambda looked: progress(0, f"{looked:,} decisions"),
        )
    return {"model_version": priced.version, "purpose": priced.bundle.contract.purpose, **test.as_json()}


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
