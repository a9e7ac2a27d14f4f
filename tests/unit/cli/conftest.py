"""`fraud` in this process, away from the environment and the logging of the other tests."""

import logging
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.cli import app
from fraud_detection_api.jobs import training
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from fraud_detection_api.training.model_fitter import ModelFitter
from support.builders import EVERY_DTYPE, QUICK, credit_files, every_dtype_frame


@pytest.fixture(autouse=True)
def own_process_state(monkeypatch, tmp_path):
    """`serve` writes to the environment and to the root logger; give both back. Work in a folder of its own."""
    environment, root = dict(os.environ), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    server_level = logging.getLogger("uvicorn.error").level
    monkeypatch.chdir(tmp_path)
    yield
    os.environ.clear()
    os.environ.update(environment)
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("uvicorn.error").setLevel(server_level)


@pytest.fixture(scope="session")
def fraud():
    """Run `fraud` with arguments; an exception other than the ones it handles fails the test."""

    def run(*arguments: object, **environment: str):
        return CliRunner(env=environment).invoke(app, [str(part) for part in arguments], catch_exceptions=False)

    return run


@pytest.fixture(scope="session")
def credit_file(tmp_path_factory):
    """Labelled credit records, enough to train on quickly."""
    path = tmp_path_factory.mktemp("data") / "credit.parquet"
    simulate_credit_records(3000, seed=7, fraud_rate=0.05).write_parquet(path)
    return path


@pytest.fixture(scope="session")
def trained(fraud, credit_file, tmp_path_factory):
    """A registry that `fraud train` filled, and what it printed. Not to be written to."""
    folder = tmp_path_factory.mktemp("trained") / "registry"
    return folder, fraud("train", credit_file, "--registry", folder, "--json")


@pytest.fixture
def quick(monkeypatch):
    """Training in a moment."""
    monkeypatch.setattr(
        training, "ModelFitter", lambda **given: ModelFitter(**{**given, "settings": QUICK, "threads": 1})
    )


@pytest.fixture
def registry(tmp_path) -> FileRegistry:
    """Version 1 of the credit contract is champion; commands find it without an option."""
    registry = FileRegistry(tmp_path / "registry")
    registry.assign("champion", registry.register(credit_files()))
    return registry


@pytest.fixture
def own_file(tmp_path) -> Path:
    """Labelled records of the every-dtype contract, and that contract in my.toml."""
    Path("my.toml").write_text(EVERY_DTYPE)
    path = tmp_path / "my.parquet"
    every_dtype_frame().write_parquet(path)
    return path
