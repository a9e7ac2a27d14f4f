"""fraud data …"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fraud_detection_api.cli.options import settings_with
from fraud_detection_api.cli.terminal import counted, progress, say

if TYPE_CHECKING:  # imported when a command runs, so that help is quick
    import polars as pl

app = typer.Typer(no_args_is_help=True)


@app.command(epilog="Example: `fraud data synth --rows 100000 --seed 7 --out credit.parquet`")
def synth(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write (.csv, .parquet).")],
    rows: Annotated[int, typer.Option("--rows", min=1, max=50_000_000, help="Number of records.")] = 100_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed makes the same file.")] = 7,
    fraud_rate: Annotated[float, typer.Option("--fraud-rate", min=0.0001, max=0.5, help="Share of fraud.")] = 0.02,
) -> None:
    """Simulate credit records with several kinds of fraud, and with the true probability of each record."""
    from fraud_detection_api.training.data.synthetic import simulate_credit_records

    _write(out, rows, "record", lambda: simulate_credit_records(rows, seed=seed, fraud_rate=fraud_rate))


@app.command(epilog="Example: `fraud data payments --rows 60000 --out payments.csv`")
def payments(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write (.csv, .parquet).")],
    rows: Annotated[int, typer.Option("--rows", min=1, max=50_000_000, help="Number of payments.")] = 60_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed makes the same file.")] = 7,
) -> None:
    """Simulate card payments, whose frauds show in what cards and terminals did before."""
    from fraud_detection_api.training.data.payments import simulate_payments

    _write(out, rows, "payment", lambda: simulate_payments(rows, seed=seed))


def _write(out: Path, rows: int, what: str, simulate: Callable[[], "pl.DataFrame"]) -> None:
    settings_with()  # no setting is used, but every command reports a misspelt variable
    from fraud_detection_api.processes.sigterm import leaves_on_sigterm
    from fraud_detection_api.tables.files import require_suffix, write_frame
    from fraud_detection_api.tables.whole_files import written_whole

    require_suffix(out)
    with progress(f"Simulating {rows:,} {what}s"):
        frame = simulate()
        with leaves_on_sigterm(), written_whole(out) as waiting:
            write_frame(frame, waiting)
    say(f"wrote {counted(rows, what)}, {int(frame['is_fraud'].sum()):,} of them fraud, to {out}")
