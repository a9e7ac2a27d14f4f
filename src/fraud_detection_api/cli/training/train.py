"""fraud train, fraud evaluate."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fraud_detection_api.cli import options
from fraud_detection_api.cli.options import order_of, registration, settings_with, usage_errors
from fraud_detection_api.cli.tables.measures import beside_lines, fairness_lines, print_evaluation, print_fairness
from fraud_detection_api.cli.tables.policy import new_policy_text, outcomes_table, policy_warnings
from fraud_detection_api.cli.terminal import LISTENER, print_json, print_table, say
from fraud_detection_api.report.document import words_for

if TYPE_CHECKING:  # it needs the training libraries
    from fraud_detection_api.training.model_fitter import FittedModel

Like = Annotated[
    str | None,
    typer.Option(
        "--like",
        metavar="VERSION",
        help="Use the contract, settings, policy and deployed base rate of this model, for example of a tuned one.",
    ),
]
Effort = Annotated[
    Literal["quick", "default", "high"],
    typer.Option(
        "--effort",
        help="quick: one recipe, and no refit. default: four recipes compete on folds of the training part. high: seven "
        "recipes, slower learning and twice as many boosters.",
    ),
]
Policy = Annotated[
    Path | None, options.policy_option("the policy of the model that --like names, else built-in values")
]

ExternalMemory = Annotated[
    bool,
    typer.Option(
        "--external-memory",
        help="Keep the records in files of the temporary folder (TMPDIR) while training: slower, and for files larger than "
        "memory.",
    ),
]

Distributed = Annotated[
    bool,
    typer.Option(
        "--distributed",
        help="With --engine ray: all processors of the cluster grow each booster together, and each has a share of the "
        "records. For records that fit no machine; add --external-memory where they do not fit this one.",
    ),
]

OnDevice = Annotated[
    Literal["cpu", "cuda"],
    typer.Option(
        "--device", help="cuda: grow the boosters on an NVIDIA GPU. Needs the extra `train-gpu` instead of `train`."
    ),
]


def train(
    file: options.DataFile,
    separator: options.Separator = None,
    contract: options.ContractOption = None,
    registry: options.Registry = None,
    seed: options.Seed = 7,
    test_share: options.TestShare = 0.2,
    delay_days: options.DelayDays = None,
    leave_out_known: options.LeaveOutKnown = False,
    deployed_base_rate: options.DeployedBaseRate = None,
    policy: Policy = None,
    groups: options.Groups = None,
    like: Like = None,
    effort: Effort = "default",
    refit: options.Refit = True,
    promote: options.Promote = False,
    force: options.Force = None,
    allow_contract_change: options.AllowContractChange = False,
    external_memory: ExternalMemory = False,
    engine: options.Engine = "local",
    ray_address: options.RayAddress = None,
    distributed: Distributed = False,
    device: OnDevice = "cpu",
    track: options.Track = None,
    as_json: options.AsJson = False,
) -> None:
    """Train a model on labelled records, measure it on held-out records, and register it.

    With `--engine ray`, each booster grows on a processor of the cluster. Neither that nor `--external-memory` changes the
    model. `--distributed` does, a little: the processes add up in another order, and sample other records.

    Example: `fraud train credit.parquet --promote`
    """
    if like is not None and contract is not None:
        raise typer.BadParameter("a model has its own contract; give one or the other", param_hint="--like")
    if distributed and engine != "ray":
        raise typer.BadParameter("needs a cluster: give --engine ray", param_hint="--distributed")
    if external_memory and engine == "ray" and not distributed:
        raise typer.BadParameter(
            "needs --distributed on a cluster, whose machines share no files", param_hint="--external-memory"
        )
    if device == "cuda" and engine == "ray":
        raise typer.BadParameter(
            "the tasks of a cluster use processors; leave one of the two out", param_hint="--device"
        )
    settings = settings_with(registry=registry, contract=contract, track=track)
    how = registration(order_of(force=force), promote=promote, allow_contract_change=allow_contract_change)
    from fraud_detection_api.container.workers import training_workers
    from fraud_detection_api.jobs.training import TrainingOptions, train_model
    from fraud_detection_api.training.data.splits import SplitSettings

    split = SplitSettings(test_share, delay_days, leave_out_known)
    csv, workers = options.of_csv(separator, file), training_workers(engine, address=ray_address)
    given = TrainingOptions(
        file, seed, split, deployed_base_rate, policy, csv, refit, groups, workers, distributed, external_memory, device
    )
    with usage_errors():
        fitted = train_model(settings, given, effort=effort, like=like, registration=how, listener=LISTENER)
    show_trained(fitted, as_json=as_json)


def show_trained(fitted: "FittedModel", *, as_json: bool) -> None:
    """A new model's card as JSON, or its measures as a table, and what its policy would do."""
    policy = fitted.card["policy"]
    for warning in policy_warnings(policy):
        say(warning)
    if as_json:
        champion = {} if fitted.champion is None else {"champion": fitted.champion}
        print_json({"version": fitted.version, "digest": fitted.digest, **fitted.card, **champion})
    else:
        words = words_for(fitted.card["purpose"])
        print_evaluation(fitted.evaluation.as_json(), title="Held-out test part", words=words)
        say(new_policy_text(policy))
        for line in (*beside_lines(fitted.card, fitted.champion), *fairness_lines(fitted.card.get("fairness", []))):
            say(line)
        say(f"the whole report: `fraud models report {fitted.version} --out report.html`")


def evaluate(
    version: options.Version,
    file: options.DataFile,
    separator: options.Separator = None,
    groups: options.Groups = None,
    registry: options.Registry = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure a registered model on a file of labelled records.

    The command also shows which outcomes the policy of the model gives them. The file may hold no fraud at all.

    Example: `fraud evaluate champion later.parquet`
    """
    settings, given = settings_with(registry=registry), options.of_csv(separator, file)
    from fraud_detection_api.container.registry import existing_registry
    from fraud_detection_api.services.models.registered import ModelService
    from fraud_detection_api.training.data.groups import load_groups
    from fraud_detection_api.training.data.load import load_dataset
    from fraud_detection_api.training.evaluate import evaluate_bundle
    from fraud_detection_api.training.fairness import fairness_of_bundle

    model = ModelService(existing_registry(settings.registry)).load(version)
    dataset = load_dataset(file, model.bundle.contract, trains=False, separator=given)
    contract = model.bundle.contract
    grouped = load_groups(groups, contract, records=file, separator=given)
    fairness = fairness_of_bundle(model.bundle, dataset, grouped)
    measured, outcomes = evaluate_bundle(model.bundle, dataset)
    evaluation, none = measured.as_json(), {0: "fraud", measured.rows: "legitimate"}.get(measured.frauds)
    shares = {kind: None if kind == none else by for kind, by in outcomes.shares_as_json().items()}
    if dataset.digest == model.bundle.card["data"]["digest"]:
        say("warning: the model was trained on these records, so the figures are too good; use newer records")
    if as_json:
        found = {**evaluation, "outcomes": shares, "fairness": fairness}
        print_json({"version": model.version, "digest": model.bundle.digest, **found})
    else:
        words = words_for(model.bundle.contract.purpose)
        print_evaluation(evaluation, title=f"Version {model.version} on {file.name}", words=words)
        title, headings, rows = outcomes_table(shares, words)
        print_table(headings, rows, title=title)
        print_fairness(fairness, words)
