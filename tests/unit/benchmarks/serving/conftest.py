"""Made-up results of a run."""

import pytest

from benchmarks.serving.in_process import MARGINS, OURS, REASONS, XGBOOST
from benchmarks.serving.measure import COLD, WARM
from benchmarks.serving.results import (
    AFTER_LOAD,
    WHEN_READY,
    Idle,
    Load,
    Loaded,
    Machine,
    Memory,
    Neighbour,
    Results,
    Started,
    Timing,
)

MB = 10**6


def loads(*rates: float, p50_ms: float = 2.0, p99_ms: float = 5.0, failed: int = 0) -> list[Load]:
    return [Load(rate, p50_ms, p99_ms, failed, processor_us=45.0) for rate in rates]


@pytest.fixture
def results() -> Results:
    """Two rounds on a machine that slows down to half; the product is good at all but memory."""
    return Results(
        made_on="2026-01-31",
        machine=Machine("A processor", 2, 8, "Linux 6.1"),
        seconds=5.0,
        columns=8,
        versions={"project": {"uvicorn": "0.54.0"}, "mlserver": {"mlserver": "1.7.1"}},
        loads=[
            Loaded("empty", 32, 1, loads(40_000, 20_000)),
            Loaded("score", 32, 1, loads(20_000, 11_000)),
            Loaded("mlserver", 32, 1, loads(1_000, 500, failed=3)),
            Loaded("empty", 4, 10_000, loads(500, 500)),
            Loaded("score", 4, 10_000, loads(20, 21)),
            Loaded("score", 1, 10_000, loads(20, 21, p50_ms=35)),
        ],
        neighbours=[Neighbour("score", 4, 10_000, loads(900, 800, p99_ms=12.5), loads(15, 16))],
        starts=[Started(COLD, [6.0]), Started(WARM, [2.0, 2.5, 2.1]), Started("mlserver", [4.0])],
        memories=[
            Memory("product", WHEN_READY, [240 * MB], [200 * MB]),
            Memory("product", AFTER_LOAD, [260 * MB], [210 * MB]),
            Memory("product-2-workers", AFTER_LOAD, [261 * MB, 259 * MB, 80 * MB], [200 * MB, 190 * MB, 10 * MB]),
        ],
        idles=[Idle("product", 0.004)],
        timings=[
            Timing(MARGINS, OURS, 1, [5.0, 6.0, 5.5]),
            Timing(MARGINS, XGBOOST, 1, [150.0, 160.0, 155.0]),
            Timing(MARGINS, OURS, 10_000, [1.0]),
            Timing(MARGINS, XGBOOST, 10_000, [2.0]),
            Timing(REASONS, OURS, 1, [20.0]),
            Timing(REASONS, XGBOOST, 1, [800.0]),
        ],
        absent={
            "bentoml": "pip could not install bentoml==1.4.40",
            "onnx": "it does not answer what the booster answers",
        },
    )
