"""`fraud serve` on a store and a registry, in a process of its own, and the processor's time of all its processes."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.serving.processes import processor_seconds_of
from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from fraud_detection_api.training.model_fitter import ModelFitter
from fraud_detection_api.training.train_xgboost import XGBoostSettings

FRAUD = [sys.executable, "-c", "from fraud_detection_api.__main__ import main; main()"]
PASSWORD = "correct horse battery"  # noqa: S105 of a benchmark's accounts
START_SECONDS = 120
TRAINING_ROWS = 20_000


@dataclass(frozen=True)
class Serving:
    """A server that answers on a port of this machine."""

    process: subprocess.Popen[bytes]
    port: int

    def processor_seconds(self) -> float:
        """What its processes have used so far."""
        return processor_seconds_of(self.process.pid)


def environment_of(store: str, **settings: str) -> dict[str, str]:
    """The environment of a command on that store."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FRAUD_")}
    return {**inherited, "FRAUD_STORE": store, "OMP_NUM_THREADS": "1", **settings}


def add_person(store: str, name: str, role: str) -> None:
    """An account, unless there is one of that name."""
    command = [*FRAUD, "users", "add", name, "--role", role]
    subprocess.run(command, env=environment_of(store), input=f"{PASSWORD}\n".encode(), capture_output=True, check=False)  # noqa: S603


def prepared_registry(folder: Path) -> Path:
    """A registry whose champion was trained on simulated records by the default settings, once."""
    if not list(folder.glob("versions/*")):
        registry, frame = FileRegistry(folder), simulate_credit_records(TRAINING_ROWS, seed=7)
        data = dataset_from_frame(frame, load_contract(CREDIT), source="simulated records")
        registry.assign(
            "champion", ModelFitter(registry, 7, XGBoostSettings()).fit(data, now=datetime.now(UTC)).version
        )
    return folder


@contextmanager
def serving(registry: Path, store: str, log: Path, **settings: str) -> Iterator[Serving]:
    """The server, once it is ready."""
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            [*FRAUD, "serve", "--port", "0", "--registry", str(registry)],
            env=environment_of(store, **settings),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Serving(process, _port(process, log))
    finally:
        process.terminate()
        process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port, once the server is ready."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"listens on http://[^:]+:(\d+)", log.read_text(encoding="utf-8"))
        if found and _is_ready(int(found[1])):
            return int(found[1])
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")


def _is_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
