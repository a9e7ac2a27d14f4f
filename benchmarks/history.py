"""History features beside DuckDB's window functions, and the memory that a large file takes.

make bench-history DATA=folder [ARGS="--large 20000000"]

DuckDB is no dependency of the product: install it beside, or that part is left out.
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

import polars as pl

from benchmarks.protocols import CONTRACTS
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.services.entities.of_file import history_of
from fraud_detection_api.training.data.payments import simulate_payments

ROUNDS = 5
DAYS = (1, 7, 30)
FILE = "handbook_raw.parquet"
KIB = 1024
_BY_CUSTOMER = (
    "over (partition by CUSTOMER_ID order by TX_DATETIME range between interval {d} day preceding and current row)"
)
_BY_TERMINAL = (
    "over (partition by TERMINAL_ID order by TX_DATETIME "
    "range between interval {e} day preceding and interval 7 day preceding)"
)


def main(arguments: Sequence[str]) -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help=f"folder with {FILE}")
    parser.add_argument(
        "--large", type=int, default=0, metavar="ROWS", help="fold a simulated file of so many payments"
    )
    asked = parser.parse_args(arguments)
    figures: dict[str, object] = {}
    if (asked.data / FILE).is_file():
        figures["twelve windows, seconds"] = beside_duckdb(asked.data / FILE)
    if asked.large:
        figures["a large file"] = memory_of(asked.large)
    print(json.dumps(figures, indent=1))
    return 0


def beside_duckdb(file: Path) -> dict[str, list[float]]:
    """Seconds of each round, in turns, from columns in memory to features in memory."""
    frame, contract = pl.read_parquet(file), load_contract(CONTRACTS / "handbook_raw.toml")
    rivals: dict[str, Callable[[], object]] = {"fraud-detection-api": lambda: folded(frame, contract)}
    if (duckdb := _duckdb(file)) is not None:
        rivals["DuckDB"] = duckdb
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(ROUNDS):
        for name, run in rivals.items():
            began = time.perf_counter()
            run()
            seconds[name].append(round(time.perf_counter() - began, 3))
    return seconds


def folded(frame: pl.DataFrame, contract: Contract) -> object:
    """All history features of a frame."""
    is_fraud = (frame[contract.target.name] == 1).to_numpy()
    return history_of(frame.lazy(), contract, list(contract.history), is_fraud)


def _duckdb(file: Path) -> Callable[[], object] | None:
    if find_spec("duckdb") is None:
        return None
    connection: Any = import_module("duckdb").connect()
    connection.execute(f"create table payments as select * from '{file}' order by TX_DATETIME")  # noqa: S608
    customer = [f"{of} {_BY_CUSTOMER.format(d=d)}" for d in DAYS for of in ("count(*)", "avg(TX_AMOUNT)")]
    terminal = [f"{of} {_BY_TERMINAL.format(e=d + 7)}" for d in DAYS for of in ("count(*)", "avg(TX_FRAUD)")]
    columns = ", ".join(f"{each} as c{number}" for number, each in enumerate([*customer, *terminal]))
    return lambda: connection.execute(f"create or replace table features as select {columns} from payments")  # noqa: S608


def memory_of(rows: int) -> dict[str, float]:
    """Peak memory and seconds of folding a file of payments into a file, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "payments.parquet"
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            pool.apply(_write, (rows, file))
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(_fold_file, (file, Path(folder)))


def _write(rows: int, file: Path) -> None:
    simulate_payments(rows, seed=7).write_parquet(file)


def _fold_file(file: Path, folder: Path) -> dict[str, float]:
    contract, scan = load_contract(CONTRACTS / "payments.toml"), pl.scan_parquet(file)
    before, began = _private_mb(), time.perf_counter()
    is_fraud = (scan.select("is_fraud").collect()["is_fraud"] == 1).to_numpy()
    history_of(scan, contract, list(contract.history), is_fraud, folder=folder)
    seconds, peak = time.perf_counter() - began, getrusage(RUSAGE_SELF).ru_maxrss / KIB
    return {"rows": len(is_fraud), "seconds": round(seconds, 1), "MB before": before, "MB at the peak": round(peak)}


def _private_mb() -> float:
    return round(getrusage(RUSAGE_SELF).ru_maxrss / KIB)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
