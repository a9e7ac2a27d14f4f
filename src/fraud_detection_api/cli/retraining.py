"""fraud retrain."""

import time
from typing import Annotated

import typer

from fraud_detection_api.cli import options
from fraud_detection_api.cli.options import duration_seconds, settings_with
from fraud_detection_api.cli.registering import destination
from fraud_detection_api.cli.retraining_steps import LOCK, Retraining, Window
from fraud_detection_api.cli.terminal import print_json, say
from fraud_detection_api.cli.training import require_training_libraries
from fraud_detection_api.container.storage import build_lock, open_stores
from fraud_detection_api.processes.interruption import leaves_on_sigterm
from fraud_detection_api.processes.scratch import scratch_folder

Since = Annotated[
    str,
    typer.Option("--since", metavar="DURATION", help="Learn from decisions that are at most so old, 365d for example."),
]


def retrain(
    since: Since = "365d",
    registry: options.Registry = None,
    store: options.Store = None,
    contract: Annotated[
        str | None,
        typer.Option("--contract", metavar="credit|PATH", help="Other derived features; the champion's, if not given."),
    ] = None,
    like: Annotated[
        str,
        typer.Option(
            "--like", metavar="VERSION", help="Whose contract, settings, policy and deployed base rate to take."
        ),
    ] = "champion",
    policy: options.PolicyFile = None,
    seed: options.Seed = 7,
    test_share: options.TestShare = 0.2,
    delay_days: options.DelayDays = None,
    deployed_base_rate: options.DeployedBaseRate = None,
    matured_days: options.MaturedDays = None,
    assume_legitimate_after: options.AssumeLegitimateAfter = None,
    min_records: Annotated[
        int, typer.Option("--min-records", min=1, help="Fewer records are not learned from.")
    ] = 1000,
    min_frauds: Annotated[int, typer.Option("--min-frauds", min=1, help="Fewer frauds are not learned from.")] = 100,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be learned from, and train nothing.")
    ] = False,
    track: options.Track = None,
    as_json: options.AsJson = False,
) -> None:
    """Train on the decisions whose labels have matured, and make the model challenger.

    One at a time for a store: where another one is at work, this one says so and ends with status 0.

    Example: `fraud retrain --since 365d --assume-legitimate-after 90`
    """
    require_training_libraries()
    settings = settings_with(registry=registry, store=store, track=track)
    window = Window.until(int(time.time() * 1000), duration_seconds(since), matured_days, assume_legitimate_after)
    goal = destination(settings, promote=False, allow_contract_change=False, as_json=as_json)
    lock = build_lock(settings)
    with open_stores(settings) as stores, lock.held(LOCK) as alone, leaves_on_sigterm():
        if not alone:
            _say_busy(as_json=as_json)
            return
        with scratch_folder(LOCK) as folder:
            work = Retraining(
                settings=settings,
                goal=goal,
                stores=stores,
                lock=lock,
                folder=folder,
                seed=seed,
                split_options=(test_share, delay_days),
                deployed_base_rate=deployed_base_rate,
                policy_file=policy,
                least=(min_records, min_frauds),
            )
            work.run(like, contract, window, dry_run=dry_run)


def _say_busy(*, as_json: bool) -> None:
    say("another retraining of this store is at work; this one leaves the work to it")
    if as_json:
        print_json({"status": "busy"})
