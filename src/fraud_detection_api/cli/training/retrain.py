"""fraud retrain."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fraud_detection_api.cli import options
from fraud_detection_api.cli.options import milliseconds, order_of, registration, settings_with
from fraud_detection_api.cli.tables.measures import print_comparison
from fraud_detection_api.cli.terminal import LISTENER, print_json, say
from fraud_detection_api.report.document import words_for
from fraud_detection_api.services.models.aliases import CHAMPION

if TYPE_CHECKING:  # they need the training libraries
    from fraud_detection_api.jobs.retraining import DryRun, Retrained
    from fraud_detection_api.services.labels.training_sets import Exported

Since = Annotated[
    str,
    typer.Option(
        "--since", metavar="TIME", help="Train on decisions from this time on: a date, or how long ago, such as 365d."
    ),
]
Contract = Annotated[
    str | None,
    typer.Option(
        "--contract",
        metavar="credit|PATH",
        help="A contract with other derived features. Default: the contract of the model that --like names.",
    ),
]
Like = Annotated[
    str,
    typer.Option("--like", metavar="VERSION", help="Use the contract, settings, policy and base rate of this model."),
]
MinRecords = Annotated[int, typer.Option("--min-records", min=1, help="Train nothing with fewer records.")]
MinFrauds = Annotated[int, typer.Option("--min-frauds", min=1, help="Train nothing with fewer frauds.")]
OnlySay = Annotated[bool, typer.Option("--dry-run", help="Show what the model would be trained on, and train nothing.")]
Policy = Annotated[Path | None, options.policy_option("the policy of the model that --like names")]


def retrain(
    since: Since = "365d",
    registry: options.Registry = None,
    store: options.Store = None,
    contract: Contract = None,
    like: Like = CHAMPION,
    policy: Policy = None,
    groups: options.Groups = None,
    seed: options.Seed = 7,
    test_share: options.TestShare = 0.2,
    delay_days: options.DelayDays = None,
    deployed_base_rate: options.DeployedBaseRate = None,
    matured_days: options.MaturedDays = None,
    assume_legitimate_after: options.AssumeLegitimateAfter = None,
    min_records: MinRecords = 1000,
    min_frauds: MinFrauds = 100,
    dry_run: OnlySay = False,
    engine: options.Engine = "local",
    ray_address: options.RayAddress = None,
    track: options.Track = None,
    as_json: options.AsJson = False,
) -> None:
    """Train a challenger on decisions whose labels have matured.

    One retraining of a store runs at a time. If another one is running, this command says so and exits with status 0.

    Example: `fraud retrain --since 365d --assume-legitimate-after 90`
    """
    settings = settings_with(registry=registry, store=store, track=track)
    now = int(time.time() * 1000)
    how = registration(order_of("fraud retrain", reason="retrained on matured labels"))
    from fraud_detection_api.container.workers import training_workers
    from fraud_detection_api.jobs import retraining
    from fraud_detection_api.jobs.labels import Window
    from fraud_detection_api.processes.sigterm import leaves_on_sigterm
    from fraud_detection_api.training.data.splits import SplitSettings

    given = retraining.RetrainingOptions(
        window=Window(now, milliseconds(since), None, matured_days, assume_legitimate_after),
        like=like,
        contract=contract,
        seed=seed,
        split=SplitSettings(test_share, delay_days),
        deployed_base_rate=deployed_base_rate,
        policy_file=policy,
        least_records=min_records,
        least_frauds=min_frauds,
        groups_file=groups,
        workers=training_workers(engine, address=ray_address),
    )
    with leaves_on_sigterm():
        done = retraining.retrain(settings, given, dry_run=dry_run, registration=how, listener=LISTENER)
    _show(done, as_json=as_json)


def _show(done: "Retrained | DryRun | None", *, as_json: bool) -> None:
    from fraud_detection_api.jobs.retraining import DryRun

    document: dict[str, object]
    if done is None:
        say("another retraining of this store is running; this one does nothing")
        document = {"status": "busy"}
    elif isinstance(done, DryRun):
        document = {"status": "dry_run", "records": _records(done.exported)}
        document |= {"compared_on": done.compared_on, "unseen": done.unseen}
        if not as_json:
            records = f"{done.compared_on:,} records"
            say(f"the new model would be compared with the champion on {records}; nothing was trained")
    else:
        document = _retrained_json(done)
        if not as_json:
            version = done.fitted.version
            print_comparison(done.comparison, done.champion, version, words_for(done.fitted.card["purpose"]))
            say(f"the whole report: `fraud models report {version} --out report.html`")
            say("a comparison with the champion on live traffic: `fraud models compare`")
    if as_json:
        print_json(document)


def _retrained_json(done: "Retrained") -> dict[str, object]:
    return {
        "status": "challenger",
        "version": done.fitted.version,
        "digest": done.fitted.digest,
        "challenger_before": done.challenger_before,
        "champion": done.champion,
        "records": _records(done.exported),
        "warnings": done.fitted.card["warnings"],
        "comparison": done.comparison.as_json(),
    }


def _records(exported: "Exported") -> dict[str, int]:
    return {"rows": exported.rows, **asdict(exported)}
