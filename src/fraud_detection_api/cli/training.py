"""fraud train, fraud evaluate."""

import os
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Annotated

import typer

from fraud_detection_api.cli.evaluation import print_evaluation
from fraud_detection_api.cli.options import AsJson, ContractOption, DataFile, Registry, settings_with
from fraud_detection_api.cli.terminal import print_json, progress, say
from fraud_detection_api.container import build_registry, build_tracker
from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.errors import MissingExtra
from fraud_detection_api.services.models import ModelService


def train(
    file: DataFile,
    contract: ContractOption = None,
    registry: Registry = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides split and trees: same seed, same model.")] = 7,
    promote: Annotated[bool, typer.Option("--promote", help="Make it champion. The first model always is.")] = False,
    allow_contract_change: Annotated[
        bool, typer.Option("--allow-contract-change", help="Promote although callers must then send other records.")
    ] = False,
    track: Annotated[
        str | None,
        typer.Option("--track", metavar="mlflow[:URL]", help="Track the training on MLflow. [env: FRAUD_TRACK]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a model on labelled records, evaluate it on records held out, and register it.

    Example: `fraud train credit.parquet --promote`
    """
    require_training_libraries()
    from fraud_detection_api.training.load import load_dataset
    from fraud_detection_api.training.model_fitter import ModelFitter
    from fraud_detection_api.training.tracking import track_training

    settings = settings_with(registry=registry, contract=contract, track=track)
    store = build_registry(settings.registry)
    store.versions()  # a server that cannot be reached is told before the training, not after
    mlflow_uri = os.environ.get("MLFLOW_TRACKING_URI")
    tracker = build_tracker(settings.track, registry=settings.registry, mlflow_uri=mlflow_uri)
    dataset = load_dataset(file, load_contract(settings.contract or CREDIT))
    with progress(f"Training on {len(dataset):,} records") as report:
        fitted = ModelFitter(store, seed).fit(dataset, now=datetime.now(UTC), on_progress=report)
    say(f"registered version {fitted.version} in {settings.registry} ({fitted.digest[:19]}…)")
    if promote or store.assigned("champion") is None:
        ModelService(store).promote(fitted.version, allow_contract_change=allow_contract_change)
        say(f"version {fitted.version} is champion")
    if tracker:
        say(f"tracked at {track_training(tracker, store.fetch(fitted.version), version=fitted.version)}")
    if as_json:
        print_json({"version": fitted.version, "digest": fitted.digest, **fitted.card})
    else:
        print_evaluation(fitted.evaluation.as_json(), title="Held-out test part")


def evaluate(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A version, or `champion`.")],
    file: DataFile,
    registry: Registry = None,
    as_json: AsJson = False,
) -> None:
    """Measure a registered model on a file of labelled records.

    Example: `fraud evaluate champion later.parquet`
    """
    require_training_libraries()
    from fraud_detection_api.training.evaluate import evaluate_bundle
    from fraud_detection_api.training.load import load_dataset

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
    if find_spec("sklearn") is None:
        raise MissingExtra("train", "training")
