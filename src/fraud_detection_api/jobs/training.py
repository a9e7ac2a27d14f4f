"""Train a model on a file of labelled records."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.jobs.listener import Listener, UnusableOption
from fraud_detection_api.jobs.registering import Destination, Registration
from fraud_detection_api.policy.outcomes import Policy, load_policy
from fraud_detection_api.processes.scratch_folders import scratch_folder
from fraud_detection_api.processes.sigterm import leaves_on_sigterm
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.workers.pool import Workers
from fraud_detection_api.settings import Settings
from fraud_detection_api.training.boosters.devices import Device, require_device
from fraud_detection_api.training.data.groups import load_groups
from fraud_detection_api.training.data.load import load_dataset
from fraud_detection_api.training.data.splits import SplitSettings
from fraud_detection_api.training.model_fitter import FittedModel, ModelFitter
from fraud_detection_api.training.policies import with_records_a_day
from fraud_detection_api.training.recipes import EFFORTS, EffortName
from fraud_detection_api.training.train_xgboost import XGBoostSettings, settings_of


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """What a training is made from: the records, how they are split, and the policy that its model gets.

    The `separator` of a CSV is taken from its header unless it is given. Groups by which fairness is measured are in
    `groups_file`. `workers` grow the boosters (`together`: each one by all); without them, this process does. With
    `external_memory`, the records are in files meanwhile.
    """

    file: Path
    seed: int
    split: SplitSettings
    deployed_base_rate: float | None
    policy_file: Path | None
    separator: str | None = None
    refit: bool = True
    groups_file: Path | None = None
    workers: Workers | None = None
    together: bool = False
    external_memory: bool = False
    device: Device = "cpu"


def train_model(
    settings: Settings,
    options: TrainingOptions,
    *,
    effort: EffortName = "default",
    like: str | None,
    registration: Registration,
    listener: Listener,
) -> FittedModel:
    """Train and register a model. With `like`, that version's contract, settings, policy and base rate are used.

    Raises InvalidDataset, InvalidContract, InvalidPolicy, UnusableOption, UnknownModel, NoChampion, and as `require_device`,
    `Destination.open` and `Destination.require_welcome`.
    """
    require_device(options.device)
    goal = Destination.open(settings, registration, listener)
    given = None if options.policy_file is None else load_policy(options.policy_file)
    model = None if like is None else ModelService(goal.registry).load(like).bundle
    contract = load_contract(settings.contract or CREDIT) if model is None else model.contract
    require_meaning(contract, leave_out_known=options.split.leave_out_known, delay_days=options.split.delay_days)
    goal.require_welcome(contract)
    with leaves_on_sigterm(), scratch_folder("train") if options.external_memory else nullcontext() as folder:
        dataset = load_dataset(
            options.file, contract, separator=options.separator, folder=folder, workers=options.workers
        )
        groups = load_groups(options.groups_file, contract, records=options.file, separator=options.separator)
        rate = options.deployed_base_rate
        if model is not None and rate is None:
            rate = model.card["calibration"]["deployed_base_rate"]
        tried = EFFORTS[effort]
        costs = given or (Policy() if model is None else model.policy)
        fitter = ModelFitter(
            registry=goal.registry,
            seed=options.seed,
            settings=replace(XGBoostSettings(), **tried.changes) if model is None else settings_of(model.card),
            split=options.split,
            deployed_base_rate=rate,
            policy=with_records_a_day(costs, dataset, rate, source=str(options.policy_file or like)),
            succeeds=None if model is None else model.policy,
            any_contract=registration.allow_contract_change,
            recipes=tried.recipes if model is None else {},
            refit=tried.refit and options.refit,
            workers=options.workers,
            together=options.together,
            device=options.device,
        )
        step = f"Training on {len(dataset):,} records"
        return goal.establish(goal.fit(fitter, dataset, step, source=options.file.name, groups=groups))


def require_meaning(contract: Contract, *, leave_out_known: bool, **days: float | None) -> None:
    """Raise UnusableOption for options that need times or ids where the contract has none: ignored, they would mislead."""
    given = [f"--{name.replace('_', '-')}" for name, number in days.items() if number is not None]
    given += ["--leave-out-known"] if leave_out_known else []
    if given and contract.time is None:
        raise UnusableOption(
            " ".join(given), "the contract has no [time], so records have no order in time; add it, or omit the option"
        )
    if leave_out_known and contract.identifier is None:
        raise UnusableOption(
            "--leave-out-known", "the contract has no [id], so no customer is recognised; add it, or omit the option"
        )
