"""fraud tune."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from fraud_detection_api.cli import options
from fraud_detection_api.cli.options import order_of, registration, settings_with, usage_errors
from fraud_detection_api.cli.terminal import LISTENER
from fraud_detection_api.cli.training.train import show_trained

Trials = Annotated[int, typer.Option("--trials", min=1, help="Number of trials in the study.")]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="DURATION",
        parser=options.duration_seconds,
        help="Start no trial after this time, such as 10m.",
    ),
]
ObjectiveName = Annotated[
    Literal["average_precision", "roc_auc", "recall_at_fpr", "expected_cost"],
    typer.Option("--objective", help="The measure to maximise; the expected cost is minimised."),
]
FalsePositiveRate = Annotated[
    float, typer.Option("--fpr", min=0.0001, max=0.5, help="For recall_at_fpr: the false positive rate.")
]
CostRatio = Annotated[
    float,
    typer.Option("--cost-ratio", min=1, help="For expected_cost: how many false alerts a missed fraud costs."),
]
StudyFile = Annotated[
    Path | None,
    typer.Option(
        "--study",
        metavar="FILE",
        help="SQLite file of the study, from which an interrupted study resumes. Default: DATA-study.db beside the "
        "registry's folder, where DATA is the name of the file of records.",
    ),
]
Workers = Annotated[int, typer.Option("--workers", min=1, max=64, help="Trials that run at the same time.")]
Folds = Annotated[int, typer.Option("--folds", min=2, max=20, help="Folds on which a trial is measured.")]
TrainDays = Annotated[
    float | None,
    typer.Option("--train-days", min=0.01, help="Splits by time: days a fold trains on. Default: all days before."),
]
TestDays = Annotated[
    float | None, typer.Option("--test-days", min=0.01, help="Splits by time: days a fold is measured on.")
]
StrideDays = Annotated[
    float | None, typer.Option("--stride-days", min=0.01, help="Splits by time: days between one fold and the next.")
]
Policy = Annotated[Path | None, options.policy_option("built-in values")]


def tune(
    file: options.DataFile,
    separator: options.Separator = None,
    contract: options.ContractOption = None,
    registry: options.Registry = None,
    trials: Trials = 50,
    timeout: Timeout = None,
    objective: ObjectiveName = "average_precision",
    fpr: FalsePositiveRate = 0.01,
    cost_ratio: CostRatio = 10.0,
    study: StudyFile = None,
    workers: Workers = 1,
    engine: options.Engine = "local",
    ray_address: options.RayAddress = None,
    folds: Folds = 4,
    train_days: TrainDays = None,
    test_days: TestDays = None,
    stride_days: StrideDays = None,
    delay_days: options.DelayDays = None,
    leave_out_known: options.LeaveOutKnown = False,
    test_share: options.TestShare = 0.2,
    seed: options.Seed = 7,
    deployed_base_rate: options.DeployedBaseRate = None,
    policy: Policy = None,
    groups: options.Groups = None,
    refit: options.Refit = True,
    promote: options.Promote = False,
    force: options.Force = None,
    allow_contract_change: options.AllowContractChange = False,
    track: options.Track = None,
    as_json: options.AsJson = False,
) -> None:
    """Search for better settings, then train and register a model with the best.

    The search also tries ratios of columns that have the same unit. The first trial uses the default settings. The held-out
    records are not used before the end. With `--engine ray`, `--workers` trials run at the same time on a cluster. If the
    command is interrupted or killed, run it again: finished trials are kept, wherever they were made.

    Example: `fraud tune credit.parquet --trials 50 --timeout 10m`
    """
    settings = settings_with(registry=registry, contract=contract, track=track)
    how = registration(order_of(force=force), promote=promote, allow_contract_change=allow_contract_change)
    from fraud_detection_api.container.workers import build_workers, training_workers
    from fraud_detection_api.jobs.training import TrainingOptions
    from fraud_detection_api.jobs.tuning import StudyOptions, study_file, tune_model
    from fraud_detection_api.training.data.splits import PrequentialSettings, SplitSettings
    from fraud_detection_api.training.tuning.objective import Objective

    split = SplitSettings(test_share, delay_days, leave_out_known)
    csv = options.of_csv(separator, file)
    grown_by = training_workers(engine, address=ray_address)
    given = TrainingOptions(file, seed, split, deployed_base_rate, policy, csv, refit, groups, grown_by)
    searched = StudyOptions(
        file=study or study_file(settings, file),
        objective=Objective(objective, fpr, cost_ratio),
        trials=trials,
        timeout_seconds=timeout,
        at_once=workers,
        workers=build_workers(engine, jobs=1 if engine == "local" else workers, address=ray_address),
        folds=PrequentialSettings(folds, train_days, delay_days, test_days, stride_days, leave_out_known),
    )
    with usage_errors():
        fitted = tune_model(settings, given, study=searched, registration=how, listener=LISTENER)
    show_trained(fitted, as_json=as_json)
