"""fraud export …"""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fraud_detection_api.cli.listener import TerminalListener, exported_lines, tampered_lines
from fraud_detection_api.cli.options import (
    AsJson,
    AssumeLegitimateAfter,
    ContractOption,
    MaturedDays,
    RequiredSince,
    Store,
    Until,
    settings_with,
)
from fraud_detection_api.cli.terminal import print_json, say

app = typer.Typer(no_args_is_help=True)


@app.callback()
def group() -> None:
    """A group even while it has one command."""


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
    """Write stored records and their current labels to a file that `fraud train` reads.

    The file has the contract's columns, the target, and `label_age_days`: the days from the decision to its label, null
    where the label is assumed. Records of another contract, erased records, and records that were changed since they were
    stored are left out and counted.
    """
    settings = settings_with(contract=contract, store=store)
    from fraud_detection_api.jobs.training_sets import Window, export_training_set
    from fraud_detection_api.processes.sigterm import leaves_on_sigterm

    window = Window(int(time.time() * 1000), since, until, matured_days, assume_legitimate_after)
    with leaves_on_sigterm():
        done = export_training_set(settings, window, out, listener=TerminalListener())
    for line in tampered_lines(done) if as_json else exported_lines(done, f"are in {out}"):
        say(line)
    if as_json:
        print_json({"rows": done.rows, **asdict(done)})
