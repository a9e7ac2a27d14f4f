"""What training costs: time beside bare XGBoost, memory beside the size of the data."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.memory import ROUNDS, Memory, measure_memory
from benchmarks.protocols import PROTOCOLS
from benchmarks.speed import REPEATS, Speed, compare_speed
from benchmarks.synthetic import numeric_contract, numeric_frame
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.load import dataset_from_frame, load_dataset
from fraud_detection_api.training.train_xgboost import XGBoostSettings

SYNTHETIC_ROWS, SYNTHETIC_COLUMNS, SYNTHETIC_ROUNDS = 300_000, 30, 20
GIGABYTE = 1e9
SPEED_TERMS = f"""\
Processor seconds on one thread. Each figure is the median of {REPEATS} measurements, taken in turns. "Trainer" is this
product. "Bare" is `xgboost.train` with the same values, weights, parameters and rounds, including the rounds after the
best one."""


def measure_scale(folder: Path, say: Callable[[str], None]) -> tuple[list[Speed], Memory]:
    """Every measurement, the longest last."""
    speeds = []
    handbook = PROTOCOLS["1"]
    if (folder / handbook.file).is_file():
        speeds.append(compare_speed("handbook, fold 1", _first_fold(folder), XGBoostSettings()))
        say(f"scale: {speeds[-1]}")
    else:
        say(f"skipped: the speed on the handbook, for there is no {handbook.file}")
    synthetic = dataset_from_frame(
        numeric_frame(SYNTHETIC_ROWS, SYNTHETIC_COLUMNS), numeric_contract(SYNTHETIC_COLUMNS), source="synthetic"
    )
    speeds.append(compare_speed("synthetic", synthetic, XGBoostSettings(max_rounds=SYNTHETIC_ROUNDS)))
    say(f"scale: {speeds[-1]}")
    memory = measure_memory()
    say(f"scale: {memory}")
    return speeds, memory


def scale_tables(speeds: list[Speed], memory: Memory) -> str:
    """Both tables as Markdown."""
    lines = [
        "## Training time compared with bare XGBoost",
        "",
        SPEED_TERMS,
        "",
        "| data | rows | columns | boosters | rounds | trainer, s | bare, s | ratio |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {s.name} | {s.rows:,} | {s.columns} | {s.boosters} | {s.rounds:,} | {s.trainer_seconds:.1f} "
        f"| {s.bare_seconds:.1f} | {s.ratio:.2f} |"
        for s in speeds
    ]
    lines += [
        "",
        "## Memory",
        "",
        f"{memory.rows:,} rows of {memory.columns} float32 columns. The peak is resident memory, libraries included.",
        "",
        "| | peak, GB | seconds |",
        "| --- | --- | --- |",
        f"| libraries alone | {memory.start_bytes / GIGABYTE:.2f} | |",
        f"| loading | {memory.load_bytes / GIGABYTE:.2f} | {memory.load_seconds:.0f} |",
        f"| training, {ROUNDS} rounds | {memory.fit_bytes / GIGABYTE:.2f} | {memory.fit_seconds:.0f} |",
        f"| three times the size of the values, for comparison | {memory.allowed_bytes / GIGABYTE:.2f} | |",
    ]
    return "\n".join(lines) + "\n"


def _first_fold(folder: Path) -> Dataset:
    protocol = PROTOCOLS["1"]
    data = load_dataset(folder / protocol.file, protocol.contract)
    return data.take(protocol.folds(data)[0].train)
