"""fraud labels …"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fraud_detection_api.cli.options import AsJson, ContractOption, DataFile, Store, settings_with
from fraud_detection_api.cli.terminal import print_json, print_table, progress, say
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import open_stores
from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.processes.interruption import leaves_on_sigterm
from fraud_detection_api.schemas.labels import decision_labels
from fraud_detection_api.services.labels.recording import LabelService

if TYPE_CHECKING:
    from fraud_detection_api.services.labels.files import Imported

ROWS_SHOWN = 5

app = typer.Typer(no_args_is_help=True, help="What turned out to be true of decisions: record it, look at it.")


@contextmanager
def _labels(**options: str | None) -> Iterator[LabelService]:
    settings = settings_with(**options)
    with open_stores(settings) as (_, labels):
        yield LabelService(labels, build_recorder(settings))


@app.command("import", epilog="Example: `fraud labels import chargebacks.csv --unknown-to unknown.csv`")
def import_labels(
    file: DataFile,
    unknown_to: Annotated[
        Path | None,
        typer.Option(
            "--unknown-to",
            metavar="FILE",
            help="File to write the rows to that could not be recorded, where there are any.",
        ),
    ] = None,
    contract: ContractOption = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Record a file of labels.

    Its columns: `decision_id`, or `entity_id` (or the contract's id) and `decided_at`; `is_fraud`; `source`; and if known
    `effective_at` and `note`.

    A file with an unreadable row is refused as a whole. Rows about decisions that are not kept are told and the rest is
    recorded. Rows that say what is in force, or have an `effective_at` and are recorded, change
    nothing. One without it is as of now, so an old file of such rows overrules later labels: write `effective_at` in files.
    """
    from fraud_detection_api.services.labels.files import LabelImporter
    from fraud_detection_api.tables.files import require_suffix

    if unknown_to is not None:
        require_suffix(unknown_to)
        if unknown_to.exists() and file.exists() and unknown_to.samefile(file):
            raise typer.BadParameter("is the file to import; name another one", param_hint="--unknown-to")
    declared = load_contract(settings_with(contract=contract).contract or CREDIT)
    with _labels(store=store) as labels, leaves_on_sigterm(), progress(f"Importing {file.name}") as report:
        done = LabelImporter(labels, declared, report).import_file(file)
    if unknown_to is not None and done.unknown.height:
        _write(done, unknown_to)
    if as_json:
        unknown = [{"row": row, "detail": why} for row, why in _unknown(done)]
        print_json({"rows": done.rows, "recorded": done.recorded, "repeated": done.repeated, "unknown": unknown})
        return
    say(f"{done.rows:,} rows: {done.recorded:,} labels recorded, {done.repeated:,} were recorded already")
    for row, why in _unknown(done)[:ROWS_SHOWN]:
        say(f"row {row}: {why}")
    if done.unknown.height:
        mend = "" if unknown_to else "; --unknown-to FILE writes them to a file"
        say(f"rows that could not be recorded: {done.unknown.height:,}{mend}")
    elif unknown_to is not None:
        say(f"no row was left over; {unknown_to} was not written")


@app.command(epilog="Example: `fraud labels show 0199c1c3-6f6b-7d35-8a4e-0d0f6a1f6a55`")
def show(
    decision_id: Annotated[str, typer.Argument(metavar="DECISION_ID", help="A decision's id, as it was answered.")],
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Show all labels of a decision, as they were recorded, and which is in force."""
    with _labels(store=store) as labels:
        told = decision_labels(decision_id, labels.history(decision_id))
    if as_json:
        print_json(told.model_dump())
    elif not told.labels:
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
            for label in told.labels
        ]
        print_table(("label", "source", "known since", "recorded", "in force", "note"), rows)


def _unknown(done: "Imported") -> list[tuple[int, str]]:
    return list(done.unknown.select("row", "why").iter_rows()) if done.unknown.height else []


def _write(done: "Imported", target: Path) -> None:
    from fraud_detection_api.tables.files import written_whole

    with written_whole(target) as waiting:
        if target.suffix == ".parquet":
            done.unknown.write_parquet(waiting)
        else:
            done.unknown.write_csv(waiting)
