"""What scoring and explaining a row costs without a server: the product's trees beside XGBoost's and ONNX Runtime's."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.serving.environments import NotMeasured, install, stated_versions
from benchmarks.serving.fleet import CHECKED_ROWS, same
from benchmarks.serving.model import BenchmarkModel
from benchmarks.serving.pins import ENVIRONMENTS
from benchmarks.serving.processes import THREADS
from benchmarks.serving.results import Results, Timing
from benchmarks.serving.servers import PEERS
from fraud_detection_api.model.trees.boosters import load_booster

MARGINS, REASONS = "margins", "contributions"
OURS, OURS_ALONE = "this product", "this product, 1 thread"
XGBOOST, XGBOOST_ALL, ONNX = "XGBoost, 1 thread", "XGBoost, all cores", "ONNX Runtime, 1 thread"
ENGINES = (OURS, OURS_ALONE, XGBOOST, XGBOOST_ALL, ONNX)
PIECE_ROWS = 2_000
"""So few rows at a time this product scores on one thread."""
ROWS: Mapping[str, tuple[int, ...]] = {MARGINS: (1, 16, 100, 10_000), REASONS: (1, 1000)}
BURST_SECONDS = 0.1
"""About so long is a repeat, in as many calls as that takes."""

Seconds = Callable[[int, int], float]
"""Of calls with so many rows: (rows, calls) → seconds of all calls together."""


@dataclass(frozen=True)
class Engine:
    """Something that does a task; with fewer rows than `least_rows` it would do the same as another."""

    task: str
    name: str
    seconds: Seconds
    least_rows: int = 1


class OnnxRows:
    """ONNX Runtime in its own environment, asked line by line."""

    def __init__(self, python: Path, model: BenchmarkModel, rows: Path) -> None:
        command = [str(python), str(PEERS / "onnx_rows.py"), str(model.booster_ubj), str(rows)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(  # noqa: S603 ours
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **THREADS}
        )
        self.probabilities: list[float] = json.loads(self._read() or "[]")

    def seconds(self, rows: int, calls: int) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{rows} {calls}\n")
        self._process.stdin.flush()
        return float(self._read())

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def measure_in_process(
    model: BenchmarkModel, folder: Path, repeats: int, results: Results, say: Callable[[str], None]
) -> None:
    """All engines in turns; ONNX Runtime is noted as absent where it cannot be had."""
    engines = _own_engines(model)
    onnx = _onnx(model, folder, results, say)
    try:
        if onnx is not None:
            engines.append(Engine(MARGINS, ONNX, onnx.seconds))
        for task, sizes in ROWS.items():
            for rows in sizes:
                chosen = [engine for engine in engines if engine.task == task and rows >= engine.least_rows]
                results.timings.extend(_timed(chosen, rows, repeats))
                say(f"in process: {task} of {rows:,} rows measured")
    finally:
        if onnx is not None:
            onnx.stop()


def _own_engines(model: BenchmarkModel) -> list[Engine]:
    single, parallel, matrix = model.booster, load_booster(model.booster_ubj.read_bytes()), model.matrix
    cores = os.cpu_count() or 1
    parallel.set_param({"nthread": cores})

    def called(function: Callable[[Any], object]) -> Seconds:
        return lambda rows, calls: _seconds_of(function, matrix[:rows], calls)

    def on_all_cores(function: Callable[[Any], object]) -> Seconds:
        def seconds(rows: int, calls: int) -> float:
            with threadpool_limits(cores, user_api="openmp"):  # OMP_NUM_THREADS is a limit to XGBoost
                return _seconds_of(function, matrix[:rows], calls)

        return seconds

    def by_pieces(rows: NDArray[np.float32]) -> None:
        for first in range(0, len(rows), PIECE_ROWS):
            model.forest.margins(rows[first : first + PIECE_ROWS])

    return [
        Engine(MARGINS, OURS, called(model.forest.margins)),
        Engine(MARGINS, OURS_ALONE, called(by_pieces), least_rows=2 * PIECE_ROWS),
        Engine(MARGINS, XGBOOST, called(lambda rows: single.inplace_predict(rows, predict_type="margin"))),
        Engine(MARGINS, XGBOOST_ALL, on_all_cores(lambda rows: parallel.inplace_predict(rows, predict_type="margin"))),
        Engine(REASONS, OURS, called(model.forest.contributions)),
        Engine(
            REASONS,
            XGBOOST,
            called(lambda rows: single.predict(xgboost.DMatrix(rows, nthread=1), pred_contribs=True)),
        ),
    ]


def _seconds_of(function: Callable[[Any], object], rows: object, calls: int) -> float:
    begun = perf_counter()
    for _ in range(calls):
        function(rows)
    return perf_counter() - begun


def _onnx(model: BenchmarkModel, folder: Path, results: Results, say: Callable[[str], None]) -> OnnxRows | None:
    environment, rows = ENVIRONMENTS["onnx"], folder / "rows.npy"
    np.save(rows, model.matrix)
    try:
        python = install(environment, folder / "environments", say)
        started = _checked(OnnxRows(python, model, rows), model)
    except NotMeasured as reason:
        results.absent["onnx"] = str(reason)
        say(f"onnx: not measured: {reason}")
        return None
    results.versions["onnx"] = stated_versions(python, environment.stated)
    return started


def _checked(started: OnnxRows, model: BenchmarkModel) -> OnnxRows:
    if not same(started.probabilities, model.booster_probabilities(CHECKED_ROWS)):
        started.stop()
        raise NotMeasured("it does not answer what the booster answers")
    return started


def _timed(engines: Sequence[Engine], rows: int, repeats: int) -> list[Timing]:
    calls = {engine.name: calls_for(engine.seconds(rows, 1), engine.seconds(rows, 1)) for engine in engines}
    found: dict[str, list[float]] = {engine.name: [] for engine in engines}
    for _ in range(repeats):
        for engine in engines:
            taken = engine.seconds(rows, calls[engine.name])
            found[engine.name].append(taken / calls[engine.name] / rows * 1e6)
    return [Timing(engine.task, engine.name, rows, found[engine.name]) for engine in engines]


def calls_for(*seconds: float) -> int:
    """How many calls fill BURST_SECONDS, by the fastest of some trials.

    >>> calls_for(0.2), calls_for(0.3, 0.001)
    (1, 100)
    """
    return max(1, round(BURST_SECONDS / min(seconds)))
