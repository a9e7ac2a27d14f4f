"""fraud train, fraud evaluate."""

from importlib.util import find_spec
from typing import Annotated

import typer

from fraud_detection_api.cli import options
from fraud_detection_api.cli.evaluation import print_evaluation
from fraud_detection_api.cli.options import settings_with
from fraud_detection_api.cli.registering import destination
from fraud_detection_api.cli.terminal import print_json, say
from fraud_detection_api.container.registry import build_registry
from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.errors import MissingExtra
from fraud_detection_api.policy.file import load_policy
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.services.models.registered import ModelService

TRAINING_LIBRARIES = ("sklearn", "matplotlib", "optuna")

Like = Annotated[
    str | None,
    typer.Option(
        "--like",
        metavar="VERSION",
        help="Take contract, settings, policy and deployed base rate from a model, a tuned one for example.",
    ),
]


def train(
    file: options.DataFile,
    contract: options.ContractOption = None,
    registry: options.Registry = None,
    seed: options.Seed = 7,
    test_share: options.TestShare = 0.2,
    delay_days: options.DelayDays = None,
    leave_out_known: options.LeaveOutKnown = False,
    deployed_base_rate: options.DeployedBaseRate = None,
    policy: options.PolicyFile = None,
    like: Like = None,
    promote: options.Promote = False,
    force: options.Force = None,
    allow_contract_change: options.AllowContractChange = False,
    track: options.Track = None,
    as_json: options.AsJson = False,
) -> None:
    """Train a model on labelled records, evaluate it on records held out, and register it.

    Example: `fraud train credit.parquet --promote`
    """
    require_training_libraries()
    from fraud_detection_api.training.data.load import load_dataset
    from fraud_detection_api.training.data.splits import SplitSettings
    from fraud_detection_api.training.model_fitter import ModelFitter
    from fraud_detection_api.training.policy.decide import with_records_a_day
    from fraud_detection_api.training.train_xgboost import XGBoostSettings

    if like is not None and contract is not None:
        raise typer.BadParameter("a model brings its contract along; give one or the other", param_hint="--like")
    settings = settings_with(registry=registry, contract=contract, track=track)
    goal = destination(
        settings, promote=promote, force=force, allow_contract_change=allow_contract_change, as_json=as_json
    )
    given = None if policy is None else load_policy(policy)
    model = None if like is None else ModelService(goal.registry).bundle(like)[1]
    declared = load_contract(settings.contract or CREDIT) if model is None else model.contract
    options.require_meaning(declared, delay_days=delay_days, leave_out_known=leave_out_known)
    dataset = load_dataset(file, declared)
    if model is not None and deployed_base_rate is None:
        deployed_base_rate = model.card["calibration"]["deployed_base_rate"]
    costs = given or (Policy() if model is None else model.policy)
    fitter = ModelFitter(
        registry=goal.registry,
        seed=seed,
        settings=XGBoostSettings() if model is None else XGBoostSettings(**model.card["training"]["settings"]),
        split=SplitSettings(test_share, delay_days, leave_out_known),
        deployed_base_rate=deployed_base_rate,
        policy=with_records_a_day(costs, dataset, deployed_base_rate, source=str(policy or like)),
        succeeds=None if model is None else model.policy,
    )
    goal.train(fitter, dataset, f"Training on {len(dataset):,} records")


def evaluate(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A version, or `champion`.")],
    file: options.DataFile,
    registry: options.Registry = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure a registered model on a file of labelled records.

    Example: `fraud evaluate champion later.parquet`
    """
    require_training_libraries()
    from fraud_detection_api.training.data.load import load_dataset
    from fraud_detection_api.training.evaluate import evaluate_bundle

    found, bundle = ModelService(build_registry(settings_with(registry=registry).registry)).bundle(version)
    dataset = load_dataset(file, bundle.contract)
    if dataset.digest == bundle.card["data"]["digest"]:
        say("these are the records that the model was made from, so the figures flatter it; bring newer ones")
    evaluation = evaluate_bundle(bundle, dataset).as_json()
    if as_json:
        print_json({"version": found, "digest": bundle.digest, **evaluation})
    else:
        print_evaluation(evaluation, title=f"Version {found} on {file.name}")


def require_training_libraries() -> None:
    """Raise MissingExtra in an installation that was made for serving alone."""
    if any(find_spec(library) is None for library in TRAINING_LIBRARIES):
        raise MissingExtra("train", "training")
