"""fraud serve, up to the moment at which it listens; what follows is tested against a real process."""

import json
import os
import shlex

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.cli.serve import _say_listening, serve
from fraud_detection_api.jobs import serving
from fraud_detection_api.settings import Settings
from fraud_detection_api.training import model_fitter
from support.builders import EVERY_DTYPE, QUICK


@pytest.fixture
def started(monkeypatch) -> list[Settings]:
    """Settings that the server would have started with."""
    settings: list[Settings] = []
    monkeypatch.setattr(serving, "run_server", lambda given, **_options: settings.append(given))
    return settings


@pytest.fixture
def small_default(monkeypatch):
    """The default model on few records."""
    fitter = model_fitter.ModelFitter
    monkeypatch.setattr(model_fitter, "DEFAULT_ROWS", 3000)
    monkeypatch.setattr(
        model_fitter, "ModelFitter", lambda store, seed, **given: fitter(store, seed, QUICK, threads=1, **given)
    )


def test_options_reach_the_server_and_the_workers_environment(fraud, started, tmp_path):
    options = ["--host", "localhost", "--port", 0, "--workers", 2, "--registry", "models", "--contract", "credit"]
    assert fraud("serve", *options, FRAUD_PORT="9").exit_code == 0
    (settings,) = started
    assert (settings.host, settings.port, settings.workers) == ("localhost", 0, 2)
    assert (settings.registry, settings.contract) == ("models", "credit")


def test_the_workers_inherit_the_options(started):
    serve(host=None, port=4711, workers=None, registry="models", contract=None, train_if_empty=False)
    inherited = {name: text for name, text in os.environ.items() if name.startswith("FRAUD_")}
    assert inherited == {"FRAUD_PORT": "4711", "FRAUD_REGISTRY": "models"}


@pytest.mark.parametrize(
    ("option", "value"), [("--port", "70000"), ("--port", "-1"), ("--workers", "0"), ("--host", ""), ("--registry", "")]
)
def test_an_option_out_of_range_is_an_error_about_the_option(fraud, started, option, value):
    result = fraud("serve", option, value)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {option}: ")
    assert started == []


def test_an_address_that_others_reach_needs_keys(fraud, started):
    result = fraud("serve", "--host", "0.0.0.0")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: FRAUD_HOST: ")
    assert started == []


@pytest.mark.parametrize("permission", [{"FRAUD_ALLOW_ANONYMOUS": "true"}, {"FRAUD_API_KEYS": "admin:" + "k" * 20}])
def test_an_address_that_others_reach_is_served_with_keys_or_permission(fraud, started, permission):
    assert fraud("serve", "--host", "0.0.0.0", **permission).exit_code == 0
    assert started[0].host == "0.0.0.0"


def test_nothing_is_trained_unasked(fraud, started, tmp_path):
    assert fraud("serve").exit_code == 0
    assert not (tmp_path / "registry").exists()


@pytest.mark.parametrize("contract", [[], ["--contract", "credit"]], ids=["no contract", "credit"])
def test_an_empty_registry_gets_the_default_model_when_asked(fraud, started, small_default, tmp_path, contract):
    result = fraud("serve", "--train-if-empty", *contract)
    assert result.exit_code == 0
    assert FileRegistry(tmp_path / "registry").assigned("champion") == "1"
    assert "ROC AUC 0." in result.stderr
    assert len(started) == 1


def test_a_registry_with_a_champion_stays_as_it_is(fraud, started, file_registry_path):
    result = fraud("serve", "--train-if-empty", "--registry", file_registry_path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert FileRegistry(file_registry_path).versions() == ["1"]


def test_the_default_model_is_not_trained_for_another_contract(fraud, started, tmp_path):
    (tmp_path / "my.toml").write_text(EVERY_DTYPE)
    result = fraud("serve", "--train-if-empty", "--contract", "my.toml")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: FRAUD_CONTRACT: ")
    assert (started, (tmp_path / "registry").exists()) == ([], False)


def test_the_announcement_has_a_command_that_a_shell_understands(capsys):
    _say_listening(9000, "http://127.0.0.1:8000", {"name": "it's"}, has_keys=False)
    printed = capsys.readouterr().err
    assert "port 9000: /ping" in printed
    assert "listens on http://127.0.0.1:8000" in printed
    words = shlex.split(printed.partition("try it")[2].partition("stop")[0])
    assert words[:3] == ["curl", "--location", "http://127.0.0.1:8000/fraud_detection"]
    assert json.loads(words[-1]) == [{"name": "it's"}]


def test_where_keys_are_needed_the_announced_command_sends_one(capsys):
    _say_listening(None, "http://127.0.0.1:8000", {"name": 1}, has_keys=True)
    printed = capsys.readouterr().err
    words = shlex.split(printed.partition("try it")[2].partition("stop")[0])
    assert "Authorization: Bearer $KEY" in words
    assert json.loads(words[-1]) == [{"name": 1}]
