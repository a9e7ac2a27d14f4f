"""What `fraud retrain` does once it is alone: export, train, register, make challenger, compare, tell."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fraud_detection_api.cli.options import order_of
from fraud_detection_api.cli.registering import Destination
from fraud_detection_api.cli.retraining_tables import print_comparison, say_exported
from fraud_detection_api.cli.terminal import print_json, progress, say
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.contract.times import DAY_MS, parse_moment
from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.policy.file import load_policy
from fraud_detection_api.services.labels.label_store import LabelStore
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore
from fraud_detection_api.services.storage.exclusive_lock import ExclusiveLock
from fraud_detection_api.settings import Settings

if TYPE_CHECKING:  # these take the training libraries, which a serving installation lacks
    from collections.abc import Callable

    from fraud_detection_api.services.labels.training_sets import Exported
    from fraud_detection_api.training.data.dataset import Dataset
    from fraud_detection_api.training.model_fitter import FittedModel, ModelFitter
    from fraud_detection_api.training.retraining import HeldOut, HeldOutComparison

LOCK = "retrain"


class Window(NamedTuple):
    """Which decisions are learned from. Times are milliseconds since 1970; `matured_days` of None are the contract's."""

    now: int
    since: int
    matured_days: float | None
    assumed_before: int | None

    @classmethod
    def until(
        cls, now: int, seconds: float, matured_days: float | None, assume_legitimate_after: float | None
    ) -> "Window":
        """The last `seconds`; those without a label and so many days old are taken for legitimate, if that is given."""
        assumed = None if assume_legitimate_after is None else now - int(assume_legitimate_after * DAY_MS)
        return cls(now, max(0, now - int(seconds * 1000)), matured_days, assumed)

    def end(self, contract: Contract) -> int:
        """Later decisions have labels yet to come."""
        matured = contract.target.label_delay_days if self.matured_days is None else self.matured_days
        return max(self.since, self.now - int(matured * DAY_MS))


class _Models(NamedTuple):
    """The champion, when it was made, and the model whose settings are taken, which mostly is the same."""

    champion_version: str
    champion: Bundle
    made_at: int | None
    like: Bundle


@dataclass(frozen=True)
class Retraining:
    """One retraining; `lock` is held while it runs, and `folder` is its own, for what is exported.

    `split_options` are the test share and the delay in days, `least` the fewest records and frauds that are learned from.
    """

    settings: Settings
    goal: Destination
    stores: tuple[DecisionStore, LabelStore]
    lock: ExclusiveLock
    folder: Path
    seed: int
    split_options: tuple[float, float | None]
    deployed_base_rate: float | None
    policy_file: Path | None
    least: tuple[int, int]

    def run(self, like: str, contract: str | None, window: Window, *, dry_run: bool) -> None:
        """Make a challenger, or with `dry_run` tell what it would be made from.

        Raises NoChampion, ContractMismatch, NothingToExport, TooFewLabels, InvalidDataset, StoreUnavailable,
        RegistryUnavailable; nothing has changed then, but that a model may be registered that is no challenger.
        """
        from fraud_detection_api.training.data.load import load_dataset
        from fraud_detection_api.training.retraining import held_out, require_enough, require_same_records

        models = self._models(like)
        declared = models.like.contract if contract is None else load_contract(contract)
        require_same_records(declared, models.champion.contract)
        exported, file = self._export(declared, window)
        dataset = load_dataset(file, declared)
        require_enough(dataset, records=self.least[0], frauds=self.least[1])
        fitter = self._fitter(models, dataset)
        all_unseen = models.made_at is not None and self._first_decided(declared, window) >= models.made_at
        chosen = held_out(dataset, fitter.split, models.champion, seed=self.seed, all_unseen=all_unseen)
        if dry_run:
            self._tell_dry_run(exported, chosen)
            return
        fitted = self.goal.fit(fitter, dataset, f"Training on {len(dataset):,} records")
        compared = self._compared(models, fitted, chosen, lambda wanted: _following(wanted, dataset, file))
        before = self._challenge(fitted)
        self._tell(models, exported, fitted, before, compared)

    def _models(self, like: str) -> _Models:
        service = ModelService(self.goal.registry)
        version, champion = service.bundle("champion")
        made_at = parse_moment(service.describe(version).created_at)
        return _Models(version, champion, made_at, champion if like == "champion" else service.bundle(like)[1])

    def _first_decided(self, contract: Contract, window: Window) -> int:
        """When the oldest decision that may have been exported was made."""
        oldest = self.stores[0].following(DecisionFilter(since=window.since, until=window.end(contract)), limit=1)
        return oldest[0].decided_at if oldest else 0

    def _export(self, contract: Contract, window: Window) -> "tuple[Exported, Path]":
        from fraud_detection_api.services.labels.training_sets import TrainingSetExporter

        file = self.folder / "labelled.parquet"
        with progress("Exporting decisions") as report:
            exporter = TrainingSetExporter(*self.stores, build_recorder(self.settings), contract, report)
            until, assumed = window.end(contract), window.assumed_before
            exported = exporter.export(file, since=window.since, until=until, assumed_before=assumed)
        say_exported(exported)
        return exported, file

    def _fitter(self, models: _Models, dataset: "Dataset") -> "ModelFitter":
        from fraud_detection_api.training.data.splits import SplitSettings
        from fraud_detection_api.training.model_fitter import ModelFitter
        from fraud_detection_api.training.policy.decide import with_records_a_day
        from fraud_detection_api.training.train_xgboost import XGBoostSettings

        card, rate = models.like.card, self.deployed_base_rate
        rate = card["calibration"]["deployed_base_rate"] if rate is None else rate
        policy = models.like.policy if self.policy_file is None else load_policy(self.policy_file)
        return ModelFitter(
            registry=self.goal.registry,
            seed=self.seed,
            settings=XGBoostSettings(**card["training"]["settings"]),
            split=SplitSettings(*self.split_options),
            deployed_base_rate=rate,
            policy=with_records_a_day(policy, dataset, rate, source=str(self.policy_file or "of the model")),
            succeeds=models.champion.policy,
        )

    def _challenge(self, fitted: "FittedModel") -> str | None:
        """Make it challenger; returns which version was."""
        self.lock.require(LOCK)  # training takes long, and a store that was away may have given the lock to another
        before = self.goal.registry.assigned("challenger")
        order = order_of("fraud retrain", reason="retrained on matured labels")
        self.goal.rollout.challenge(fitted.version, order)
        say(
            f"version {fitted.version} is challenger" + ("" if before is None else f" in the place of version {before}")
        )
        self.goal.track(fitted)
        return before

    def _compared(
        self, models: _Models, fitted: "FittedModel", chosen: "HeldOut", data_for: "Callable[[Contract], Dataset]"
    ) -> "HeldOutComparison":
        from fraud_detection_api.training.retraining import compare_held_out

        made = ModelService(self.goal.registry).bundle(fitted.version)[1]
        return compare_held_out(models.champion, made, chosen, data_for, seed=self.seed)

    def _tell_dry_run(self, exported: "Exported", chosen: "HeldOut") -> None:
        if self.goal.as_json:
            print_json(
                {
                    "status": "dry_run",
                    "records": _records(exported),
                    "compared_on": len(chosen.rows),
                    "unseen": chosen.unseen,
                }
            )
        else:
            say(f"a training would be compared with the champion on {len(chosen.rows):,} records; nothing was trained")

    def _tell(
        self,
        models: _Models,
        exported: "Exported",
        fitted: "FittedModel",
        before: str | None,
        compared: "HeldOutComparison",
    ) -> None:
        if self.goal.as_json:
            told: dict[str, Any] = {
                "status": "challenger",
                "version": fitted.version,
                "digest": fitted.digest,
                "challenger_before": before,
                "champion": models.champion_version,
                "records": _records(exported),
                "warnings": fitted.card["warnings"],
                "comparison": compared.as_json(),
            }
            print_json(told)
            return
        print_comparison(compared, models.champion_version, fitted.version)
        say(f"the whole report: fraud models report {fitted.version} --out report.html")
        say("beside the champion on live traffic: fraud models compare")


def _following(contract: Contract, dataset: "Dataset", file: Path) -> "Dataset":
    """The dataset as that contract encodes it; read anew where it has other derived features."""
    from fraud_detection_api.training.data.load import load_dataset

    return dataset if contract.fingerprint == dataset.contract.fingerprint else load_dataset(file, contract)


def _records(exported: "Exported") -> dict[str, int]:
    return {"rows": exported.rows, **asdict(exported)}
