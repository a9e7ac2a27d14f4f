"""fraud policy …"""

from pathlib import Path
from typing import Annotated

import typer

from fraud_detection_api.cli import options
from fraud_detection_api.cli.options import order_of, registration, settings_with
from fraud_detection_api.cli.tables.policy import (
    backtest_notes,
    backtest_tables,
    comparison_notes,
    comparison_tables,
    policy_notes,
    policy_tables,
    thresholds_text,
)
from fraud_detection_api.cli.terminal import LISTENER, print_json, print_report, say
from fraud_detection_api.report.document import words_for
from fraud_detection_api.services.models.aliases import CHAMPION

app = typer.Typer(no_args_is_help=True)

Model = Annotated[
    str,
    typer.Option("--model", metavar="VERSION", help=f"The model whose policy is replaced. {options.A_VERSION}"),
]


@app.command(epilog="Example: `fraud policy show 7 --json`")
def show(
    version: options.Version = CHAMPION,
    registry: options.Registry = None,
    as_json: options.AsJson = False,
) -> None:
    """Show a model's policy: its costs and thresholds, who gets which outcome, and what that costs."""
    settings = settings_with(registry=registry)
    from fraud_detection_api.container.registry import existing_registry
    from fraud_detection_api.model.bundle import read_card
    from fraud_detection_api.services.models.registered import ModelService

    held = existing_registry(settings.registry)
    version = ModelService(held).resolve(version)
    card = read_card(held.fetch(version), source=f"version {version}")[1]
    policy, words = card["policy"], words_for(card.get("purpose", "fraud"))
    title = f"Policy {policy['version']} of model version {version}"
    shown = {"model_version": version, **policy}
    print_report(shown, policy_tables(policy, title=title, words=words), policy_notes(policy), as_json=as_json)


@app.command("set", epilog="Example: `fraud policy set costs.toml --promote`")
def set_policy(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.toml", help="The costs, and how many reviews can be done in a day.")
    ],
    model: Model = CHAMPION,
    promote: Annotated[bool, typer.Option("--promote", help="Make the new version champion.")] = False,
    force: options.Force = None,
    registry: options.Registry = None,
    as_json: options.AsJson = False,
) -> None:
    """Register a model again with another policy; its scores stay the same to the bit.

    The price of a review is calculated from the model's own out-of-fold scores. `fraud models rollback` undoes a promotion.
    """
    settings, order = settings_with(registry=registry), order_of(force=force)
    from fraud_detection_api.jobs import policies

    how = registration(order, promote=promote)
    done = policies.set_policy(settings, model, file, registration=how, listener=LISTENER)
    if as_json:
        print_json(done)
        return
    say(f"was: {thresholds_text(done['from'])}")
    say(f"now: {thresholds_text(done['to'])}")
    if not promote:
        version = done["version"]
        say(f"to use it: `fraud models challenge {version}`, then `fraud models promote {version}`")


@app.command(epilog="Example: `fraud policy simulate later.parquet --policy costs.toml`")
def simulate(
    policy: Annotated[Path, typer.Option("--policy", metavar="FILE.toml", help="The policy to try.")],
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="Labelled records, CSV or Parquet. Default: the out-of-fold scores in the model's bundle.",
        ),
    ] = None,
    separator: options.Separator = None,
    since: options.Since = None,
    until: options.Until = None,
    model: Model = CHAMPION,
    registry: options.Registry = None,
    store: options.Store = None,
    jobs: options.Jobs = None,
    engine: options.Engine = "local",
    ray_address: options.RayAddress = None,
    as_json: options.AsJson = False,
) -> None:
    """Compare a model's policy with another one; nothing is registered.

    The command shows shares and counts of the outcomes, reviews a day, the cost of 1,000 records, and how many records
    change their outcome. Both policies are measured at the new costs and against the new capacity. On labelled records,
    costs have 95 % intervals.

    With --since, the other policy is compared with stored decisions: which outcomes change, reviews a day, and costs. Costs
    follow from labels where there are any, and otherwise from the probabilities that were answered. All have 95 % intervals.
    Several processes share the period (`--jobs`, `--engine ray`).
    """
    _require_one_source(since, until, file)
    given = options.of_csv(separator, file)
    settings = settings_with(registry=registry, store=store)
    from fraud_detection_api.container.workers import build_workers
    from fraud_detection_api.jobs import policies
    from fraud_detection_api.services.reporting.backtest import Period

    if since is None:
        shown = policies.simulate_policy(settings, model, policy, records=file, separator=given, listener=LISTENER)
        tables, notes = comparison_tables(shown), comparison_notes(shown)
    else:
        workers = build_workers(engine, jobs=jobs, address=ray_address)
        shown = policies.backtest_policy(
            settings, model, policy, period=Period(since, until), workers=workers, listener=LISTENER
        )
        tables, notes = backtest_tables(shown), backtest_notes(shown)
    print_report(shown, tables, notes, as_json=as_json)


def _require_one_source(since: int | None, until: int | None, file: Path | None) -> None:
    if since is None and until is not None:
        raise typer.BadParameter("goes with --since", param_hint="--until")
    if since is not None and file is not None:
        raise typer.BadParameter("give either FILE or --since", param_hint="--since")
