"""The command `fraud`: a module per group of commands, no logic."""

from typing import Annotated

import typer

from fraud_detection_api import __version__
from fraud_detection_api.cli import (
    contract,
    data,
    decisions,
    export,
    labels,
    models,
    monitor,
    policy,
    replay,
    retraining,
    score,
    serve,
    store,
    training,
    tuning,
)
from fraud_detection_api.cli.terminal import TeachingGroup

app = typer.Typer(
    name="fraud",
    cls=TeachingGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Train, serve and understand fraud-scoring models. Start with `fraud serve --train-if-empty`.",
)
app.add_typer(data.app, name="data")
app.add_typer(contract.app, name="contract")
app.command("train")(training.train)
app.command("tune")(tuning.tune)
app.command("retrain")(retraining.retrain)
app.command("evaluate")(training.evaluate)
app.add_typer(models.app, name="models")
app.add_typer(monitor.app, name="monitor")
app.add_typer(policy.app, name="policy")
app.add_typer(decisions.app, name="decisions")
app.add_typer(labels.app, name="labels")
app.add_typer(export.app, name="export")
app.add_typer(store.app, name="store")
app.command("replay")(replay.replay)
app.command("score")(score.score)
app.command("serve")(serve.serve)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 typer's callback
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Options of the command itself."""
