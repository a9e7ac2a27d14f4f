"""What is asked of whom: a route, the body that it wants, and where the probabilities stand in its answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from benchmarks.serving.model import BenchmarkModel, named_values, values_of


@dataclass(frozen=True, slots=True)
class Scenario:
    """So many connections, each with one request at a time of so many records."""

    connections: int
    records: int


SINGLE = tuple(Scenario(connections, records=1) for connections in (1, 32, 128))
BATCHES = (Scenario(32, records=100), Scenario(1, records=10_000), Scenario(4, records=10_000))
SCENARIOS = SINGLE + BATCHES

Ask = Callable[[BenchmarkModel, int], object]
"""The body for the first records, as JSON has it."""

Read = Callable[[Any], list[float]]
"""Probabilities of an answer's JSON."""


@dataclass(frozen=True)
class Target:
    """A route of a server. `calibrated` says which probabilities it must answer; None where it answers none."""

    name: str
    label: str
    server: str
    path: str
    ask: Ask
    read: Read | None
    calibrated: bool = False
    scenarios: tuple[Scenario, ...] = SCENARIOS

    def body(self, model: BenchmarkModel, records: int) -> bytes:
        return to_json(self.ask(model, records))


def _records(model: BenchmarkModel, records: int) -> object:
    return model.records[:records]


def _explained(model: BenchmarkModel, records: int) -> object:
    return {"records": model.records[:records], "explain": True}


def _tensor(model: BenchmarkModel, records: int) -> object:
    rows = values_of(model.matrix[:records])
    values = [value for row in rows for value in row]
    return {"inputs": [{"name": "input", "shape": [records, len(rows[0])], "datatype": "FP32", "data": values}]}


def _as_it_is(answer: Any) -> list[float]:
    found: list[float] = answer
    return found


def _decided(answer: Any) -> list[float]:
    return [decision["fraud_probability"] for decision in answer["decisions"]]


EMPTY, SCORE, DECIDE = "empty", "score", "decide"
SCORE_SQLITE, SCORE_POSTGRES, DECIDE_SQLITE = "score-sqlite", "score-postgres", "decide-sqlite"
STORED = (SCORE_SQLITE, DECIDE_SQLITE, SCORE_POSTGRES)


def _ours(name: str, label: str, server: str, path: str, scenarios: tuple[Scenario, ...] = SCENARIOS) -> Target:
    """A route of this product."""
    decides = path == "/v1/decisions"
    ask, read = (_explained, _decided) if decides else (_records, _as_it_is)
    return Target(name, f"this product, {label}", server, path, ask, read, calibrated=True, scenarios=scenarios)


TARGETS = {
    target.name: target
    for target in (
        Target(EMPTY, "empty ASGI application", "empty", "/", _records, read=None),
        _ours(SCORE, "`/fraud_detection`", "product", "/fraud_detection"),
        _ours(DECIDE, "`/v1/decisions` with reasons", "product", "/v1/decisions"),
        _ours(SCORE_SQLITE, "`/fraud_detection`, stored in SQLite", "product-sqlite", "/fraud_detection"),
        _ours(DECIDE_SQLITE, "`/v1/decisions` with reasons, stored in SQLite", "product-sqlite", "/v1/decisions"),
        _ours(SCORE_POSTGRES, "`/fraud_detection`, stored in PostgreSQL", "product-postgres", "/fraud_detection"),
        Target(
            "pandas",
            "FastAPI, pandas, `predict_proba`",
            "pandas",
            "/predict",
            lambda model, records: named_values(model.columns, model.matrix[:records]),
            lambda answer: answer,
        ),
        Target(
            "mlserver",
            "MLServer, V2 protocol",
            "mlserver",
            "/v2/models/fraud/infer",
            _tensor,
            lambda answer: answer["outputs"][0]["data"],
        ),
        Target(
            "bentoml",
            "BentoML",
            "bentoml",
            "/predict",
            lambda model, records: {"data": values_of(model.matrix[:records])},
            lambda answer: answer,
        ),
        Target(
            "mlflow",
            "MLflow, `models serve`",
            "mlflow",
            "/invocations",
            lambda model, records: {"inputs": values_of(model.matrix[:records])},
            lambda answer: answer["predictions"],
        ),
        _ours("score-2-workers", "`/fraud_detection`, 2 workers", "product-2-workers", "/fraud_detection", SINGLE[1:]),
        _ours(
            "score-2-workers-sqlite",
            "`/fraud_detection`, 2 workers, stored in SQLite",
            "product-2-workers-sqlite",
            "/fraud_detection",
            SINGLE[1:],
        ),
    )
}
