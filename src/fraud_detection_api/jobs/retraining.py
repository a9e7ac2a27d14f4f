"""Train a challenger on the decisions whose labels have matured."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fraud_detection_api.container.storage import Stores, build_lock, open_stores, require_database
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.contract.times import parse_moment
from fraud_detection_api.jobs.labels import Window, export_decisions, exported_lines
from fraud_detection_api.jobs.listener import Listener
from fraud_detection_api.jobs.registering import Destination, Registration
from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.policy.outcomes import load_policy
from fraud_detection_api.processes.scratch_folders import scratch_folder
from fraud_detection_api.services.labels.training_sets import Exported
from fraud_detection_api.services.models.aliases import CHALLENGER, CHAMPION
from fraud_detection_api.services.models.contracts import contract_held
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.storage.decision_store import DecisionFilter, ExclusiveLock
from fraud_detection_api.services.workers.pool import Workers
from fraud_detection_api.settings import Settings
from fraud_detection_api.training import retraining
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.groups import load_groups
from fraud_detection_api.training.data.load import load_dataset
from fraud_detection_api.training.data.splits import SplitSettings
from fraud_detection_api.training.model_fitter import FittedModel, ModelFitter
from fraud_detection_api.training.policies import with_records_a_day
from fraud_detection_api.training.train_xgboost import settings_of

LOCK = "retrain"
"""One retraining of a store runs at a time."""


@dataclass(frozen=True, slots=True)
class RetrainingOptions:
    """What a retraining learns from, and how.

    `like` is the model whose settings, policy and base rate it uses, and its contract unless `contract` names another.
    With fewer records or frauds than `least_records` and `least_frauds` nothing is trained. Groups by which fairness is
    measured are in `groups_file`. `workers` grow the boosters; without them, this process does.
    """

    window: Window
    like: str
    contract: str | None
    seed: int
    split: SplitSettings
    deployed_base_rate: float | None
    policy_file: Path | None
    least_records: int
    least_frauds: int
    groups_file: Path | None = None
    workers: Workers | None = None


class DryRun(NamedTuple):
    """What a retraining would learn from, and on how many records its model would be compared with the champion."""

    exported: Exported
    compared_on: int
    unseen: bool


class Retrained(NamedTuple):
    """A new challenger beside the champion; `challenger_before` is the version that it replaces, if any."""

    exported: Exported
    fitted: FittedModel
    champion: str
    challenger_before: str | None
    comparison: retraining.HeldOutComparison


def retrain(
    settings: Settings, options: RetrainingOptions, *, dry_run: bool, registration: Registration, listener: Listener
) -> Retrained | DryRun | None:
    """Make a challenger, or with `dry_run` find out what it would be made from; None where another retraining runs.

    Raises NoChampion, ContractMismatch, NothingToExport, TooFewLabels, InvalidDataset, StoreUnavailable,
    RegistryUnavailable. Nothing has changed then, except that the new model may be registered.
    """
    goal = Destination.open(settings, registration, listener)
    lock = build_lock(require_database(settings))
    with open_stores(settings, contract=contract_held(goal.registry)) as stores, lock.held(LOCK) as alone:
        if not alone:
            return None
        with scratch_folder(LOCK) as folder:
            return _Retraining(settings, options, goal, stores, lock, folder / "labelled.parquet").run(dry_run=dry_run)


class _Models(NamedTuple):
    """The champion, when it was made (milliseconds since 1970), and the model whose settings are used."""

    champion_version: str
    champion: Bundle
    made_at: int | None
    like: Bundle


@dataclass(frozen=True)
class _Retraining:
    """One retraining. `lock` is held while it runs; decisions are exported to `file`."""

    settings: Settings
    options: RetrainingOptions
    goal: Destination
    stores: Stores
    lock: ExclusiveLock
    file: Path

    def run(self, *, dry_run: bool) -> Retrained | DryRun:
        models, options = self._models(), self.options
        contract = models.like.contract if options.contract is None else load_contract(options.contract)
        retraining.require_same_records(contract, models.champion.contract)
        self.goal.require_welcome(contract)
        exported = self._export(contract)
        dataset = load_dataset(self.file, contract, workers=self.options.workers)
        groups = load_groups(options.groups_file, contract, records=self.file)
        retraining.require_enough(dataset, records=options.least_records, frauds=options.least_frauds)
        fitter = self._fitter(models, dataset)
        all_unseen = models.made_at is not None and self._first_decided(contract) >= models.made_at
        chosen = retraining.held_out(dataset, fitter.split, models.champion, seed=options.seed, all_unseen=all_unseen)
        if dry_run:
            return DryRun(exported, len(chosen.rows), chosen.unseen)
        step = f"Training on {len(dataset):,} records"
        fitted = self.goal.fit(fitter, dataset, step, source="stored decisions", groups=groups)
        compared = retraining.compare_held_out(
            models.champion.scorer,
            fitted.measured,  # the registered model may be trained on the records that are compared
            chosen,
            lambda wanted: self._following(wanted, dataset),
            seed=options.seed,
        )
        before = self._challenge(fitted)
        return Retrained(exported, fitted, models.champion_version, before, compared)

    def _models(self) -> _Models:
        service, like = ModelService(self.goal.registry), self.options.like
        served = service.load(CHAMPION)
        champion, made_at = served.bundle, parse_moment(service.describe(served.version).created_at)
        return _Models(served.version, champion, made_at, champion if like == CHAMPION else service.load(like).bundle)

    def _export(self, contract: Contract) -> Exported:
        listener = self.goal.listener
        exported = export_decisions(
            self.settings, self.stores, self.options.window, self.file, contract=contract, listener=listener
        )
        for line in exported_lines(exported, contract):
            listener.say(line)
        return exported

    def _first_decided(self, contract: Contract) -> int:
        """When the oldest decision that may have been exported was made."""
        window = self.options.window
        oldest = self.stores.decisions.following(
            DecisionFilter(since=window.since, until=window.end(contract)), limit=1
        )
        return oldest[0].decided_at if oldest else 0

    def _fitter(self, models: _Models, dataset: Dataset) -> ModelFitter:
        card, rate, file = models.like.card, self.options.deployed_base_rate, self.options.policy_file
        rate = card["calibration"]["deployed_base_rate"] if rate is None else rate
        policy = models.like.policy if file is None else load_policy(file)
        return ModelFitter(
            registry=self.goal.registry,
            seed=self.options.seed,
            settings=settings_of(card),
            split=self.options.split,
            deployed_base_rate=rate,
            policy=with_records_a_day(policy, dataset, rate, source=str(file or "of the model")),
            succeeds=models.champion.policy,
            workers=self.options.workers,
        )

    def _following(self, contract: Contract, dataset: Dataset) -> Dataset:
        """The dataset as that contract encodes it. A contract with other derived features reads the file again."""
        return dataset if contract.fingerprint == dataset.contract.fingerprint else load_dataset(self.file, contract)

    def _challenge(self, fitted: FittedModel) -> str | None:
        """Make the model challenger; returns which version was challenger before."""
        self.lock.require(LOCK)  # training takes long: a store that was away may have given the lock to another process
        before = self.goal.registry.assigned(CHALLENGER)
        self.goal.rollout.challenge(fitted.version, self.goal.registration.order)
        instead = "" if before is None else f" instead of version {before}"
        self.goal.listener.say(f"version {fitted.version} is challenger{instead}")
        self.goal.track(fitted)
        return before
