"""The command `fraud`. A module of this package parses options, calls one use case, and shows what it returns."""

from typing import Annotated, ClassVar

import typer

from fraud_detection_api import __version__
from fraud_detection_api.cli.lazy_group import MARKUP, Lazy, LazyGroup


class _Fraud(LazyGroup):
    lazy: ClassVar = {
        "data": Lazy("data:app", "Simulate data."),
        "contract": Lazy("contract:app", "Infer, show and check contracts, which describe a record."),
        "train": Lazy(
            "training.train:train",
            "Train a model on labelled records, measure it on held-out records, and register it.",
        ),
        "tune": Lazy(
            "training.tune:tune", "Search for better settings, then train and register a model with the best."
        ),
        "retrain": Lazy("training.retrain:retrain", "Train a challenger on decisions whose labels have matured."),
        "evaluate": Lazy("training.train:evaluate", "Measure a registered model on a file of labelled records."),
        "models": Lazy("models.registered:app", "List, show, compare, challenge, promote and roll back models."),
        "monitor": Lazy("monitor:app", "Report drift and performance of the champion."),
        "policy": Lazy("models.policy:app", "Show, try and set policies: who is approved, reviewed and declined."),
        "decisions": Lazy("decisions.lookup:app", "Show one stored decision, or list the newest."),
        "labels": Lazy("decisions.labels:app", "Record and show labels: which decisions turned out to be fraud."),
        "history": Lazy("decisions.history:app", "Seed what entities did before, and show what is known of one."),
        "export": Lazy("decisions.labels:export", "Write stored decisions to files."),
        "store": Lazy("store:app", "Migrate, inspect, purge, erase, back up and check the decision store."),
        "audit": Lazy(
            "audit:app", "Verify that nothing was changed or removed, export the log's roots, prove a decision."
        ),
        "replay": Lazy(
            "decisions.replay:replay",
            "Recompute stored decisions with the models that made them, and compare every bit.",
        ),
        "keys": Lazy("keys:app", "Make keys for callers."),
        "users": Lazy("users:app", "Make accounts for people who use the console."),
        "score": Lazy("score:score", "Score files of records."),
        "serve": Lazy("serve:serve", "Serve the champion over HTTP."),
        "demo": Lazy("demo:demo", "Show a living product on made-up data."),
    }


app = typer.Typer(
    name="fraud",
    cls=_Fraud,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=MARKUP,
    help="Train, serve and understand fraud-scoring models. Start with `fraud serve --train-if-empty`,"
    " or see it living with `fraud demo`.",
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 typer's callback
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of the command itself."""
