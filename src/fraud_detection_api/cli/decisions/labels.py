"""fraud labels …"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fraud_detection_api.cli.listener import TerminalListener, usage_errors
from fraud_detection_api.cli.options import AsJson, ContractOption, DataFile, Store, settings_with
from fraud_detection_api.cli.terminal import print_json, print_table, say

if TYPE_CHECKING:  # it needs Polars
    from fraud_detection_api.services.labels.files import Imported

ROWS_SHOWN = 5

app = typer.Typer(no_args_is_help=True)


@app.command("import", epilog="Example: `fraud labels import chargebacks.csv --unknown-to unknown.csv`")
def import_labels(
    file: DataFile,
    unknown_to: Annotated[
        Path | None,
        typer.Option("--unknown-to", metavar="FILE", help="File for the rows that cannot be recorded, if any."),
    ] = None,
    contract: ContractOption = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Record a file of labels.

    The file has these columns: `decision_id`, or `entity_id` (or the contract's id) and `decided_at`; `is_fraud`;
    `source`; and optionally `effective_at` and `note`.

    If any row is unreadable, nothing is recorded. Rows about unknown decisions are reported, and the rest is recorded. A row
    that repeats the current label, or an `effective_at` already recorded, changes nothing. A row without `effective_at`
    takes effect now, so an old file of such rows would override newer labels: write `effective_at` in files.
    """
    settings = settings_with(contract=contract, store=store)
    from fraud_detection_api.jobs import label_files
    from fraud_detection_api.processes.sigterm import leaves_on_sigterm

    with usage_errors(), leaves_on_sigterm():
        done = label_files.import_labels(settings, file, unknown_to=unknown_to, listener=TerminalListener())
    if as_json:
        unknown = [{"row": row, "detail": why} for row, why in _unknown(done)]
        print_json({"rows": done.rows, "recorded": done.recorded, "repeated": done.repeated, "unknown": unknown})
    else:
        _say_imported(done, unknown_to)


@app.command(epilog="Example: `fraud labels show 0199c1c3-6f6b-7d35-8a4e-0d0f6a1f6a55`")
def show(
    decision_id: Annotated[str, typer.Argument(metavar="DECISION_ID", help="The id in the decision's answer.")],
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Show all labels of a decision in the order in which they were recorded, and which one is current."""
    settings = settings_with(store=store)
    from fraud_detection_api.container.labels import open_labels
    from fraud_detection_api.schemas.labels import decision_labels

    with open_labels(settings) as labels:
        shown = decision_labels(decision_id, labels.history(decision_id))
    if as_json:
        print_json(shown.model_dump())
    elif not shown.labels:
        say("this decision has no label")
    else:
        rows = [
            (
                "fraud" if label.is_fraud else "legitimate",
                label.source,
                label.effective_at,
                label.recorded_at,
                "yes" if label.in_force else "",
                label.note,
            )
            for label in shown.labels
        ]
        print_table(("label", "source", "effective", "recorded", "current", "note"), rows)


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
