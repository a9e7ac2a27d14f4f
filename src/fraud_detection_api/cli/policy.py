"""fraud policy …"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from fraud_detection_api.cli.backtest_tables import backtest_notes, backtest_tables
from fraud_detection_api.cli.moments import Since, Until
from fraud_detection_api.cli.options import AsJson, Force, Registry, order_of, settings_with
from fraud_detection_api.cli.policy_tables import (
    comparison_notes,
    comparison_tables,
    policy_notes,
    policy_tables,
    print_tables,
    thresholds_text,
)
from fraud_detection_api.cli.terminal import print_json, progress, say
from fraud_detection_api.cli.training import require_training_libraries
from fraud_detection_api.container.registry import build_registry
from fraud_detection_api.container.rollout import build_rollout
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import open_stores
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.model.bundle import read_card, read_evidence
from fraud_detection_api.policy.file import load_policy
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.reporting.backtest import Period, Sources, backtest

app = typer.Typer(no_args_is_help=True, help="Who is approved, reviewed and declined: show, try out and set policies.")

Model = Annotated[str, typer.Option("--model", metavar="champion|VERSION", help="The model whose policy it is about.")]


@app.command(epilog="Example: `fraud policy show 7 --json`")
def show(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A version, such as 7.")] = "champion",
    registry: Registry = None,
    as_json: AsJson = False,
) -> None:
    """Show a model's policy: costs, thresholds, who gets which outcome, and what that costs."""
    held = build_registry(settings_with(registry=registry).registry)
    version = ModelService(held).resolve(version)
    told = read_card(held.fetch(version), source=f"version {version}")[1]["policy"]
    if as_json:
        print_json({"model_version": version, **told})
    else:
        print_tables(
            policy_tables(told, title=f"Policy {told['version']} of model version {version}"), policy_notes(told)
        )


@app.command("set", epilog="Example: `fraud policy set costs.toml --promote`")
def set_policy(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="Costs, and the reviews that can be done a day.")],
    model: Model = "champion",
    promote: Annotated[bool, typer.Option("--promote", help="Make the new version champion.")] = False,
    force: Force = None,
    registry: Registry = None,
    as_json: AsJson = False,
) -> None:
    """Register a model anew with another policy; its scores stay the same to the bit.

    The price of a review is worked out on the model's own out-of-fold scores. `fraud models rollback` takes a promotion
    back.
    """
    require_training_libraries()
    from fraud_detection_api.training.policy.change import change_policy

    held, rollout = build_rollout(settings_with(registry=registry))
    terms, order = load_policy(file), order_of(force=force)
    held.require_writable()
    if promote:
        rollout.require_promotable(order)
    version = ModelService(held).resolve(model)
    files = held.fetch(version)
    changed = change_policy(files, terms, source=f"version {version}", file=str(file), now=datetime.now(UTC))
    registered = held.register(changed.sealed.files)
    say(f"registered version {registered}: version {version} with policy {changed.new['version']}")
    if promote:
        rollout.promote(registered, order)
        say(f"version {registered} is champion")
    if as_json:
        told = {
            "from": {"model_version": version, **changed.former},
            "to": {"model_version": registered, **changed.new},
        }
        print_json({"version": registered, "digest": changed.sealed.digest, **told})
    else:
        say(f"was: {thresholds_text(changed.former)}")
        say(f"now: {thresholds_text(changed.new)}")
        if not promote:
            say(f"to decide by it: fraud models challenge {registered}, then fraud models promote {registered}")


@app.command(epilog="Example: `fraud policy simulate later.parquet --policy costs.toml`")
def simulate(
    policy: Annotated[Path, typer.Option("--policy", metavar="FILE.toml", help="The policy to try out.")],
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="Labelled records, CSV or Parquet; the out-of-fold scores that the model keeps, if not given.",
        ),
    ] = None,
    since: Since = None,
    until: Until = None,
    model: Model = "champion",
    registry: Registry = None,
    as_json: AsJson = False,
) -> None:
    """Compare a model's policy with another one, and register nothing.

    Told are shares and counts of the outcomes, reviews a day, money for 1,000 records, and how many records would change.
    Money is at the new costs for both, and reviews a day are held against the new capacity. With labelled records money has
    95 % intervals.

    With --since it is compared with what was decided: outcomes that would change, reviews a day and money, by labels where
    there are any and else by the probabilities that were answered, all with 95 % intervals.
    """
    period = _period(since, until, file)
    require_training_libraries()
    from fraud_detection_api.training.data.load import load_dataset
    from fraud_detection_api.training.policy.change import priced_policy
    from fraud_detection_api.training.policy.simulate import compare_on_evidence, compare_on_records

    held = build_registry(settings_with(registry=registry).registry)
    terms = load_policy(policy)
    version, bundle = ModelService(held).bundle(model)
    _evidence, population = read_evidence(held.fetch(version), source=f"version {version}")
    new = priced_policy(terms, bundle.policy, population, file=str(policy))
    if period is not None:
        _backtest(new, version, bundle.contract, period, as_json=as_json)
        return
    if file is None:
        comparison = compare_on_evidence(bundle.policy, new, population)
    else:
        dataset = load_dataset(file, bundle.contract)
        with progress(f"Scoring {len(dataset):,} records"):
            comparison = compare_on_records(bundle.policy, new, bundle, dataset)
    told = {
        "model_version": version,
        "on": "out-of-fold scores" if file is None else str(file),
        "records_a_day_inherited": terms.records_a_day is None and new.records_a_day is not None,
        **comparison.as_json(),
    }
    if as_json:
        print_json(told)
    else:
        print_tables(comparison_tables(told), comparison_notes(told))


def _period(since: int | None, until: int | None, file: Path | None) -> Period | None:
    if since is None:
        if until is not None:
            raise typer.BadParameter("goes with --since", param_hint="--until")
        return None
    if file is not None:
        raise typer.BadParameter("either a FILE or --since, not both", param_hint="--since")
    return Period(since, until)


def _backtest(new: Policy, version: str, contract: Contract, period: Period, *, as_json: bool) -> None:
    settings = settings_with()
    with open_stores(settings) as (store, labels), progress("Looking through kept decisions") as report:
        test = backtest(
            Sources(store, labels, build_recorder(settings).is_intact),
            new,
            contract=contract,
            period=period,
            report=lambda looked: report(0, f"{looked:,} decisions"),
        )
    told = {"model_version": version, **test.as_json()}
    if as_json:
        print_json(told)
    else:
        print_tables(backtest_tables(told), backtest_notes(told))
