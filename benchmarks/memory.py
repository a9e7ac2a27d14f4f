"""Most memory that loading and training take, measured in a process of its own.

python -m benchmarks.memory write|measure FILE.parquet ROWS COLUMNS
"""

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

from benchmarks.rivals import SEED, THREADS
from benchmarks.synthetic import numeric_contract, numeric_frame
from fraud_detection_api.training.data.load import load_dataset
from fraud_detection_api.training.fit_scorer import ScorerFitter
from fraud_detection_api.training.train_xgboost import XGBoostSettings

ROWS, COLUMNS = 5_000_000, 30
FLOAT32_BYTES = 4
ALLOWED_COPIES = 3
"""The file once as it is read, once as the trainer's bins, and once to spare."""
ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Memory:
    """Peaks of resident memory in bytes, of the process with all its libraries, and the seconds that were taken."""

    rows: int
    columns: int
    start_bytes: int
    load_bytes: int
    fit_bytes: int
    load_seconds: float
    fit_seconds: float

    @property
    def allowed_bytes(self) -> int:
        return ALLOWED_COPIES * self.rows * self.columns * FLOAT32_BYTES


def measure_memory(rows: int = ROWS, columns: int = COLUMNS) -> Memory:
    """Write a file, load it and train on it in child processes; the file is removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "numeric.parquet"
        for stage in ("write", "measure"):
            command = [sys.executable, "-m", "benchmarks.memory", stage, str(path), str(rows), str(columns)]
            printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 ours
        return Memory(**json.loads(printed))


def _write(path: Path, rows: int, columns: int) -> None:
    numeric_frame(rows, columns).write_parquet(path, row_group_size=250_000)


def _measure(path: Path, rows: int, columns: int) -> None:
    start = _peak_bytes()
    begun = perf_counter()
    data = load_dataset(path, numeric_contract(columns))
    loaded, load_seconds = _peak_bytes(), perf_counter() - begun
    begun = perf_counter()
    ScorerFitter(XGBoostSettings(max_rounds=ROUNDS), SEED, THREADS).fit(data)
    found = Memory(rows, columns, start, loaded, _peak_bytes(), load_seconds, perf_counter() - begun)
    print(json.dumps(asdict(found)))


def _peak_bytes() -> int:
    """Peak of this process; where Linux tells it apart, without what it inherited of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


STAGES: dict[str, Callable[[Path, int, int], None]] = {"write": _write, "measure": _measure}

if __name__ == "__main__":
    STAGES[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
