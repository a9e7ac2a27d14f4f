"""fraud data …"""

from pathlib import Path
from typing import Annotated

import typer

from fraud_detection_api.cli.options import settings_with
from fraud_detection_api.cli.terminal import progress, say
from fraud_detection_api.processes.interruption import leaves_on_sigterm

app = typer.Typer(no_args_is_help=True, help="Data to try things with.")


@app.callback()
def group() -> None:
    """Data to try things with."""


@app.command(epilog="Example: `fraud data synth --rows 100000 --seed 7 --out credit.parquet`")
def synth(
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="CSV or Parquet file to write, told by its suffix.")
    ],
    rows: Annotated[int, typer.Option("--rows", min=1, max=50_000_000, help="Records to make.")] = 100_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed makes the same file.")] = 7,
    fraud_rate: Annotated[float, typer.Option("--fraud-rate", min=0.0001, max=0.5, help="Share of fraud.")] = 0.02,
) -> None:
    """Make credit records with several kinds of fraud mixed in, and each record's true probability."""
    from fraud_detection_api.tables.files import require_suffix, written_whole
    from fraud_detection_api.training.data.synthetic import simulate_credit_records

    settings_with()  # nothing is read from it here, but a misspelt variable is told by every command
    require_suffix(out)
    with progress(f"Making {rows:,} records"):
        frame = simulate_credit_records(rows, seed=seed, fraud_rate=fraud_rate)
        with leaves_on_sigterm(), written_whole(out) as waiting:
            frame.write_parquet(waiting) if out.suffix == ".parquet" else frame.write_csv(waiting)
    say(f"{rows:,} records, {int(frame['is_fraud'].sum()):,} of them fraud, are in {out}")
