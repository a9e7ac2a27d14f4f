"""Who serves: how each is started with one worker and the same model, as its own documentation has it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks.serving.model import BenchmarkModel

Store = Literal["none", "sqlite", "postgres"]

PEERS = Path(__file__).parent / "peers"
HOST = "127.0.0.1"
LARGEST_BODY_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Place:
    """What a server is started with: its Python, the model, a folder of its own and a free port."""

    python: Path
    model: BenchmarkModel
    folder: Path
    ports: tuple[int, ...]

    @property
    def port(self) -> int:
        return self.ports[0]


def _no_variables(_place: Place) -> Mapping[str, str]:
    return {}


def _no_preparation(_place: Place) -> list[list[str]]:
    return []


@dataclass(frozen=True)
class Server:
    """A server program, and the environment that it runs in; `ready` is a path that answers 200 once it can score."""

    name: str
    environment: str
    ready: str
    command: Callable[[Place], list[str]]
    variables: Callable[[Place], Mapping[str, str]] = _no_variables
    preparation: Callable[[Place], list[list[str]]] = _no_preparation
    files: Callable[[Place], Mapping[str, object]] = field(default=lambda _place: {})


def product(workers: int = 1, store: Store = "none") -> Server:
    """This project's own server. Where it keeps decisions, the store is empty when it starts."""
    name = "product" if workers == 1 else f"product-{workers}-workers"
    return Server(
        name if store == "none" else f"{name}-{store}",
        ready="/readyz",
        environment="product",
        command=lambda place: [
            *(_beside_postgres(place) if store == "postgres" else ()),
            *(str(place.python), "-m", "fraud_detection_api", "serve"),
            *("--host", HOST, "--port", str(place.port), "--workers", str(workers)),
        ],
        variables=lambda place: {
            "FRAUD_REGISTRY": str(place.model.registry),
            "FRAUD_MAX_BODY_BYTES": str(LARGEST_BODY_BYTES),
            "FRAUD_STORE": "none" if store == "none" else _new_file(place.folder / "decisions.db"),
        },
    )


def _new_file(path: Path) -> str:
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    return f"sqlite:///{path}"


def _beside_postgres(place: Place) -> list[str]:
    return [str(place.python), str(PEERS / "with_postgres.py"), str(place.ports[1])]


def _mlserver_files(place: Place) -> Mapping[str, object]:
    http, grpc, metrics = place.ports
    return {
        "settings.json": {
            "debug": False,
            "host": HOST,
            "http_port": http,
            "grpc_port": grpc,
            "metrics_port": metrics,
            "metrics_endpoint": None,
            "parallel_workers": 0,
        },
        "model-settings.json": {
            "name": "fraud",
            "implementation": "mlserver_xgboost.XGBoostModel",
            "parameters": {"uri": str(place.model.booster_json)},
        },
    }


def _model_variable(place: Place) -> Mapping[str, str]:
    return {"BENCHMARK_MODEL": str(place.model.booster_json)}


EMPTY = Server(
    "empty",
    ready="/",
    environment="product",
    command=lambda place: [str(place.python), str(PEERS / "empty_app.py"), HOST, str(place.port)],
)
PANDAS = Server(
    "pandas",
    ready="/openapi.json",
    environment="pandas",
    command=lambda place: [
        *(str(place.python), "-m", "uvicorn", "--app-dir", str(PEERS), "pandas_app:app"),
        *("--host", HOST, "--port", str(place.port), "--no-access-log"),
    ],
    variables=_model_variable,
)
MLSERVER = Server(
    "mlserver",
    ready="/v2/models/fraud/ready",
    environment="mlserver",
    command=lambda place: [str(place.python.with_name("mlserver")), "start", str(place.folder)],
    files=_mlserver_files,
)
BENTOML = Server(
    "bentoml",
    ready="/readyz",
    environment="bentoml",
    command=lambda place: [
        *(str(place.python.with_name("bentoml")), "serve", "bento_service:Fraud", "--working-dir", str(PEERS)),
        *("--host", HOST, "--port", str(place.port)),
    ],
    variables=_model_variable,
)
MLFLOW = Server(
    "mlflow",
    ready="/ping",
    environment="mlflow",
    command=lambda place: [
        *(str(place.python.with_name("mlflow")), "models", "serve", "--model-uri", str(place.folder / "model")),
        *("--env-manager", "local", "--host", HOST, "--port", str(place.port), "--workers", "1"),
    ],
    variables=lambda _place: {"UVICORN_ACCESS_LOG": "false"},
    preparation=lambda place: [
        [
            *(str(place.python), str(PEERS / "save_mlflow_model.py")),
            *(str(place.model.booster_json), str(place.folder / "model")),
        ]
    ],
)

KEEPING = (product(store="sqlite"), product(store="postgres"), product(workers=2, store="sqlite"))
SERVERS = {
    server.name: server
    for server in (EMPTY, product(), *KEEPING, PANDAS, MLSERVER, BENTOML, MLFLOW, product(workers=2))
}


def write_files(server: Server, place: Place) -> None:
    """The configuration that a server reads from its folder."""
    place.folder.mkdir(parents=True, exist_ok=True)
    for name, document in server.files(place).items():
        (place.folder / name).write_text(json.dumps(document), encoding="utf-8")
