"""The page on MLflow: its commands, executed against a real server."""

import re
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from fraud_detection_api.adapters.mlflow.connection import _DEFAULTS
from fraud_detection_api.container.registry import build_registry
from fraud_detection_api.settings import Settings
from support.applications import application
from support.commands import run_block
from support.pages import blocks

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "mlflow.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:5000"


@pytest.fixture(scope="module")
def location(mlflow_server) -> str:
    return mlflow_server.location()


@pytest.fixture(scope="module")
def tried(tmp_path_factory, location):
    """What the commands of "Try it" print, up to the one that serves."""
    [block] = [block for block in blocks(PAGE, "sh") if "fraud serve" in block]
    commands, last = block.strip().rsplit("\n", 1)
    assert last == "fraud serve"
    commands = commands.replace(f"mlflow:{ADDRESS}", location).replace("--rows 20000", "--rows 4000")
    return run_block(commands, tmp_path_factory.mktemp("page"))


def test_the_commands_of_the_page_run_and_end_in_a_model_that_serves(tried, location):
    assert tried.returncode == 0, tried.stderr
    assert build_registry(location).versions() == ["1", "2"]
    assert tried.stderr.count("tracked at http://") == 2
    with application(build_registry(location)) as client:
        assert client.get("/readyz").json()["model_version"] == "1"


def test_the_python_of_the_page_promotes(tried, location, mlflow_server):
    [program] = blocks(PAGE, "python")
    name = location.partition("?model=")[2]
    exec(program.replace(ADDRESS, mlflow_server.url).replace('"fraud-detection"', f'"{name}"'), {})
    registry = build_registry(location)
    assert registry.assigned("champion") == "2"
    registry.assign("champion", "1")  # as the other tests expect it


def test_what_the_page_says_is_kept_is_kept(tried, location, mlflow_server):
    client = MlflowClient(mlflow_server.url)
    version = client.get_model_version(location.partition("?model=")[2], "1")
    run = client.get_run(version.run_id)
    rows = re.findall(r"^\| (run, parameters|run, metrics) .*?\| (.*) \|$", PAGE, re.MULTILINE)
    named = {name for _, text in rows for name in re.findall(r"`([a-z_.]+)`", text) if not name.startswith("_")}
    assert {"training.settings.max_depth", "test_roc_auc_low", "test_roc_auc_bayes_limit"} <= named
    assert named <= {*run.data.params, *run.data.metrics}
    assert "fraud_detection_api.digest" in version.tags


def test_every_command_of_the_page_is_accounted_for():
    known = ("fraud ", "export ", "mlflow server ", "docker compose ", "  sh -c ")
    lines = [line for block in blocks(PAGE, "sh") for line in block.splitlines()]
    assert [line for line in lines if not line.startswith(known)] == []


def test_the_defaults_of_the_page_are_those_of_the_code():
    for name, value in _DEFAULTS.items():
        if f"| `{name}` |" in PAGE:
            assert f"| `{name}` | {value} |" in PAGE
    assert {"FRAUD_REGISTRY", "FRAUD_TRACK"} <= {f"FRAUD_{field.upper()}" for field in Settings.model_fields}
