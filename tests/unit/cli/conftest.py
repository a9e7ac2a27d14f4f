"""`fraud` in this process, away from the environment and the logging of the other tests."""

from pathlib import Path

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from support import commands
from support.builders import EVERY_DTYPE, credit_files, every_dtype_frame


@pytest.fixture(autouse=True)
def own_folder(tmp_path):
    """Work in a folder of the test's own; `serve` writes to the environment and to the root logger: give both back."""
    with commands.own_process_state(tmp_path):
        yield


@pytest.fixture(scope="session")
def fraud():
    """Run `fraud` with arguments; an exception other than the ones it handles fails the test."""
    return commands.fraud


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
def quick():
    """Training in a moment."""
    with commands.quick_training():
        yield


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
