"""fraud labels …, fraud export …"""

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fraud_detection_api.cli import options
from fraud_detection_api.cli.decisions.wording import label_text, words_of_labels
from fraud_detection_api.cli.options import settings_with, usage_errors
from fraud_detection_api.cli.terminal import LISTENER, print_json, print_table, say

if TYPE_CHECKING:  # it needs Polars
    from fraud_detection_api.services.labels.files import Imported

ROWS_SHOWN = 5

app = typer.Typer(no_args_is_help=True)
export = typer.Typer(no_args_is_help=True)


@app.command("import", epilog="Example: `fraud labels import chargebacks.csv --unknown-to unknown.csv`")
def import_labels(
    file: options.DataFile,
    unknown_to: Annotated[
        Path | None,
        typer.Option("--unknown-to", metavar="FILE", help="File for the rows that cannot be recorded, if any."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="WHO",
            help="Who says so, for rows without a `reviewer`; recorded together with the user of this computer.",
        ),
    ] = None,
    separator: options.Separator = None,
    registry: options.Registry = None,
    contract: options.StoredContract = None,
    store: options.Store = None,
    as_json: options.AsJson = False,
) -> None:
    """Record a file of labels.

    The file has these columns: `decision_id`, or `event_id` for events that are no decisions, or `entity_id` (or the
    contract's id) and `decided_at`; `is_fraud`; `source`; and optionally `effective_at`, `note` and `reviewer`.

    If any row is unreadable, nothing is recorded. Rows about unknown decisions or events are reported, and the rest is
    recorded. A row that repeats the current label, or an `effective_at` already recorded, changes nothing. A row without
    `effective_at` takes effect now, so an old file of such rows would override newer labels: write `effective_at` in files.
    """
    settings = settings_with(registry=registry, contract=contract, store=store)
    reviewer, given = options.order_of(by).by, options.of_csv(separator, file)
    from fraud_detection_api.jobs import labels
    from fraud_detection_api.processes.sigterm import leaves_on_sigterm

    with usage_errors(), leaves_on_sigterm():
        done = labels.import_labels(
            settings, file, separator=given, unknown_to=unknown_to, reviewer=reviewer, listener=LISTENER
        )
    if as_json:
        unknown = [{"row": row, "detail": why} for row, why in _unknown(done)]
        print_json({"rows": done.rows, "recorded": done.recorded, "repeated": done.repeated, "unknown": unknown})
    else:
        _say_imported(done, unknown_to)


@app.command(epilog="Example: `fraud labels show 0199c1c3-6f6b-7d35-8a4e-0d0f6a1f6a55`")
def show(
    decision_id: options.DecisionId,
    registry: options.Registry = None,
    contract: options.StoredContract = None,
    store: options.Store = None,
    as_json: options.AsJson = False,
) -> None:
    """Show all labels of a decision in the order in which they were recorded, and which one is current."""
    settings = settings_with(registry=registry, contract=contract, store=store)
    from fraud_detection_api.container.storage import open_stores
    from fraud_detection_api.schemas.labels import decision_labels

    with open_stores(settings) as stores:
        shown = decision_labels(decision_id, stores.labels.history(decision_id))
    if as_json:
        print_json(shown.model_dump())
    elif not shown.labels:
        say("this decision has no label")
    else:
        words = words_of_labels(settings)
        rows = [
            (
                label_text(words, is_fraud=label.is_fraud),
                label.source,
                label.effective_at,
                label.recorded_at,
                "yes" if label.in_force else "",
                label.reviewer or "",
                label.note,
            )
            for label in shown.labels
        ]
        print_table(("label", "source", "effective", "recorded", "current", "reviewer", "note"), rows)


def _say_imported(done: "Imported", unknown_to: Path | None) -> None:
    say(f"{done.rows:,} rows: {done.recorded:,} labels recorded, {done.repeated:,} had been recorded before")
    for row, why in _unknown(done)[:ROWS_SHOWN]:
        say(f"row {row}: {why}")
    if done.unknown.height:
        hint = "" if unknown_to else "; --unknown-to FILE writes them to a file"
        say(f"rows that could not be recorded: {done.unknown.height:,}{hint}")
    elif unknown_to is not None:
        say(f"all rows were recorded; {unknown_to} was not written")


def _unknown(done: "Imported") -> list[tuple[int, str]]:
    return list(done.unknown.select("row", "why").iter_rows()) if done.unknown.height else []


@export.callback()
def group() -> None:
    """A group even while it has one command."""


@export.command(
    "training-set", epilog="Example: `fraud export training-set --since 2026-01-01T00:00:00Z --out labelled.parquet`"
)
def training_set(
    since: options.RequiredSince,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write, CSV or Parquet.")],
    until: options.Until = None,
    matured_days: options.MaturedDays = None,
    assume_legitimate_after: options.AssumeLegitimateAfter = None,
    registry: options.Registry = None,
    contract: options.StoredContract = None,
    store: options.Store = None,
    as_json: options.AsJson = False,
) -> None:
    """Write stored records and their current labels to a file that `fraud train` reads.

    The file has the contract's columns and the target. It also has `label_age_days`, the days from the decision to its
    label, and `label_reviewer`, who said it; both are null where the label is assumed. Records of another contract, erased
    records, and records that were changed since they were stored are left out and counted.
    """
    settings = settings_with(registry=registry, contract=contract, store=store)
    from fraud_detection_api.jobs.labels import (
        Window,
        export_training_set,
        exported_lines,
        stored_contract,
        tampered_lines,
    )
    from fraud_detection_api.processes.sigterm import leaves_on_sigterm

    window = Window(int(time.time() * 1000), since, until, matured_days, assume_legitimate_after)
    described = stored_contract(settings)
    with leaves_on_sigterm():
        done = export_training_set(settings, window, out, contract=described, listener=LISTENER)
    for line in tampered_lines(done) if as_json else exported_lines(done, described, f"are in {out}"):
        say(line)
    if as_json:
        print_json({"rows": done.rows, **asdict(done)})
