"""fraud tune."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fraud_detection_api.cli import options
from fraud_detection_api.cli.options import settings_with
from fraud_detection_api.cli.registering import destination
from fraud_detection_api.cli.terminal import Report, progress, say
from fraud_detection_api.cli.training import require_training_libraries
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.contract.ratios import contract_for_tuning
from fraud_detection_api.policy.file import load_policy
from fraud_detection_api.policy.outcomes import Policy

if TYPE_CHECKING:  # it takes the training libraries, which a serving installation lacks
    from fraud_detection_api.training.data.dataset import Dataset
    from fraud_detection_api.training.data.splits import Split
    from fraud_detection_api.training.tuning.tune import Tuned, Tuner, TuningProgress

Trials = Annotated[int, typer.Option("--trials", min=1, help="Trials that the study shall have.")]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout", metavar="DURATION", parser=options.duration_seconds, help="Begin no trial after this, such as 10m."
    ),
]
ObjectiveName = Annotated[
    Literal["average_precision", "roc_auc", "recall_at_fpr", "expected_cost"],
    typer.Option("--objective", help="What is made as large as can be (the cost: as small)."),
]
FalsePositiveRate = Annotated[
    float, typer.Option("--fpr", min=0.0001, max=0.5, help="For recall_at_fpr: the false positive rate.")
]
CostRatio = Annotated[
    float, typer.Option("--cost-ratio", min=1, help="For expected_cost: needless alerts that a missed fraud costs.")
]
Study = Annotated[
    Path, typer.Option("--study", metavar="FILE", help="SQLite file of the study; a killed one goes on from there.")
]
Workers = Annotated[int, typer.Option("--workers", min=1, max=64, help="Trials at a time.")]
Folds = Annotated[int, typer.Option("--folds", min=2, max=20, help="Folds that a trial is measured on.")]
TrainDays = Annotated[
    float | None, typer.Option("--train-days", min=0.01, help="By time: days that a fold learns from; all before.")
]
TestDays = Annotated[
    float | None, typer.Option("--test-days", min=0.01, help="By time: days that a fold is measured on.")
]
StrideDays = Annotated[
    float | None, typer.Option("--stride-days", min=0.01, help="By time: days from a fold to the one before.")
]


def tune(
    file: options.DataFile,
    contract: options.ContractOption = None,
    registry: options.Registry = None,
    trials: Trials = 50,
    timeout: Timeout = None,
    objective: ObjectiveName = "average_precision",
    fpr: FalsePositiveRate = 0.01,
    cost_ratio: CostRatio = 10.0,
    study: Study = Path("fraud-study.db"),
    workers: Workers = 1,
    folds: Folds = 4,
    train_days: TrainDays = None,
    test_days: TestDays = None,
    stride_days: StrideDays = None,
    delay_days: options.DelayDays = None,
    leave_out_known: options.LeaveOutKnown = False,
    test_share: options.TestShare = 0.2,
    seed: options.Seed = 7,
    deployed_base_rate: options.DeployedBaseRate = None,
    policy: options.PolicyFile = None,
    promote: options.Promote = False,
    force: options.Force = None,
    allow_contract_change: options.AllowContractChange = False,
    track: options.Track = None,
    as_json: options.AsJson = False,
) -> None:
    """Search for settings, and for ratios of columns of the same unit, that beat the defaults; train and register the best.

    The first trial is the default. Held-out records are not looked at before the end. Ctrl-C or a kill loses no finished
    trial: the same command goes on.

    Example: `fraud tune credit.parquet --trials 50 --timeout 10m`
    """
    require_training_libraries()
    from fraud_detection_api.training.data.load import load_dataset
    from fraud_detection_api.training.data.splits import PrequentialSettings, SplitSettings, hold_out, validation_folds
    from fraud_detection_api.training.model_fitter import ModelFitter
    from fraud_detection_api.training.policy.decide import with_records_a_day
    from fraud_detection_api.training.tuning.objectives import Objective
    from fraud_detection_api.training.tuning.tune import Tuner

    settings = settings_with(registry=registry, contract=contract, track=track)
    goal = destination(
        settings, promote=promote, force=force, allow_contract_change=allow_contract_change, as_json=as_json
    )
    costs = Policy() if policy is None else load_policy(policy)
    declared = load_contract(settings.contract or CREDIT)
    by_time = {"train_days": train_days, "test_days": test_days, "stride_days": stride_days, "delay_days": delay_days}
    options.require_meaning(declared, leave_out_known=leave_out_known, **by_time)
    dataset = load_dataset(file, contract_for_tuning(declared))
    # now, or hours of tuning would end in the error
    costs = with_records_a_day(costs, dataset, deployed_base_rate, source=str(policy))
    split = SplitSettings(test_share, delay_days, leave_out_known)
    known = dataset.take(hold_out(dataset, split, seed=seed).train)
    windows = PrequentialSettings(folds, train_days, delay_days, test_days, stride_days, leave_out_known)
    tuner = Tuner(
        path=study,
        objective=Objective(objective, fpr, cost_ratio),
        seed=seed,
        workers=workers,
        threads=max(1, (os.cpu_count() or 1) // workers) if workers > 1 else 0,
    )
    validated_on = validation_folds(known, windows, seed=seed)
    tuned = _search(tuner, known, validated_on, declared, trials=trials, timeout_seconds=timeout)
    fitter = ModelFitter(
        goal.registry, seed, tuned.settings, split, deployed_base_rate=deployed_base_rate, policy=costs
    )
    goal.train(fitter, dataset.following(tuned.contract), "Training with the best settings", tuning=tuned.summary)


def _search(
    tuner: "Tuner",
    known: "Dataset",
    folds: "Sequence[Split]",
    contract: Contract,
    *,
    trials: int,
    timeout_seconds: float | None,
) -> "Tuned":
    """Tune on the known records, and tell how far it is and what was gained."""
    with progress(f"Tuning on {len(known):,} records") as report:
        tuned = tuner.tune(
            known,
            folds,
            contract=contract,
            trials=trials,
            timeout_seconds=timeout_seconds,
            on_progress=lambda done: _tell(report, done),
        )
    _tell_gain(tuned.summary)
    return tuned


def _tell(report: Report, done: "TuningProgress") -> None:
    best = "" if done.best_value is None else f", best so far {done.best_value:.4f}"
    told = f"{done.finished} of {done.trials} trials are finished{best}"
    report(min(1.0, done.finished / done.trials), told, milestone=True)


def _tell_gain(found: Mapping[str, Any]) -> None:
    default, best = found["default_value"], found["best_value"]
    say(f"{found['objective']}: {default:.4f} with the defaults, {best:.4f} with the best")
