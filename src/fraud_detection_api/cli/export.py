"""fraud export …"""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fraud_detection_api.cli.moments import RequiredSince, Until
from fraud_detection_api.cli.options import (
    AsJson,
    AssumeLegitimateAfter,
    ContractOption,
    MaturedDays,
    Store,
    settings_with,
)
from fraud_detection_api.cli.retraining_tables import say_exported, say_tampered
from fraud_detection_api.cli.terminal import print_json, progress
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import open_stores
from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.contract.times import DAY_MS
from fraud_detection_api.processes.interruption import leaves_on_sigterm

app = typer.Typer(no_args_is_help=True, help="Kept decisions as files.")


@app.callback()
def export() -> None:
    """Kept decisions as files."""


@app.command(
    "training-set", epilog="Example: `fraud export training-set --since 2026-01-01T00:00:00Z --out labelled.parquet`"
)
def training_set(
    since: RequiredSince,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write, CSV or Parquet.")],
    until: Until = None,
    matured_days: MaturedDays = None,
    assume_legitimate_after: AssumeLegitimateAfter = None,
    contract: ContractOption = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Join kept records with the labels in force into a file that `fraud train` takes.

    It has the contract's columns, the target, and `label_age_days`, the days from decision to label (null where the label is
    assumed). Records that were kept under another contract, erased ones, and those that
    were changed since they were kept, are left out and counted.
    """
    from fraud_detection_api.services.labels.training_sets import TrainingSetExporter

    settings = settings_with(contract=contract, store=store)
    declared = load_contract(settings.contract or CREDIT)
    now = int(time.time() * 1000)
    matured = declared.target.label_delay_days if matured_days is None else matured_days
    end = max(0, min(now if until is None else until, now - int(matured * DAY_MS)))
    assumed = None if assume_legitimate_after is None else now - int(assume_legitimate_after * DAY_MS)
    with open_stores(settings) as (decisions, labels), leaves_on_sigterm(), progress("Exporting decisions") as report:
        exporter = TrainingSetExporter(decisions, labels, build_recorder(settings), declared, report)
        done = exporter.export(out, since=since, until=end, assumed_before=assumed)
    if as_json:
        say_tampered(done)
        print_json({"rows": done.rows, **asdict(done)})
        return
    say_exported(done, f"are in {out}")
