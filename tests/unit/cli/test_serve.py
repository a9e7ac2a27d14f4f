"""fraud serve, up to the moment at which it listens; what follows is tested against a real process."""

import json
import os
import socket

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.cli import serve, training
from fraud_detection_api.container.process import build_container
from fraud_detection_api.settings import Settings
from fraud_detection_api.training import default_model, model_fitter
from support.builders import EVERY_DTYPE, OVERDRAWN, QUICK, every_dtype_files, registry_with_champion
from support.fakes import InMemoryRegistry


@pytest.fixture
def started(monkeypatch) -> list[Settings]:
    """Settings that the server would have started with."""
    settings: list[Settings] = []
    monkeypatch.setattr(serve, "_run", lambda given, _container: settings.append(given))
    return settings


@pytest.fixture
def small_default(monkeypatch):
    """The default model on few records."""
    fitter = model_fitter.ModelFitter
    monkeypatch.setattr(default_model, "ROWS", 3000)
    monkeypatch.setattr(default_model, "ModelFitter", lambda store, seed: fitter(store, seed, QUICK, threads=1))


def test_options_reach_the_server_and_the_workers_environment(fraud, started, tmp_path):
    options = ["--host", "localhost", "--port", 0, "--workers", 2, "--registry", "models", "--contract", "credit"]
    assert fraud("serve", *options, FRAUD_PORT="9").exit_code == 0
    (settings,) = started
    assert (settings.host, settings.port, settings.workers) == ("localhost", 0, 2)
    assert (settings.registry, settings.contract) == ("models", "credit")


def test_the_workers_inherit_the_options(started):
    serve.serve(host=None, port=4711, workers=None, registry="models", contract=None, train_if_empty=False)
    inherited = {name: text for name, text in os.environ.items() if name.startswith("FRAUD_")}
    assert inherited == {"FRAUD_PORT": "4711", "FRAUD_REGISTRY": "models"}


@pytest.mark.parametrize(
    ("option", "value"), [("--port", "70000"), ("--port", "-1"), ("--workers", "0"), ("--host", ""), ("--registry", "")]
)
def test_an_option_out_of_range_is_told(fraud, started, option, value):
    result = fraud("serve", option, value)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: FRAUD_{option[2:].upper()}: ")
    assert started == []


def test_an_address_that_others_reach_needs_keys(fraud, started):
    result = fraud("serve", "--host", "0.0.0.0")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: FRAUD_HOST: others can reach this address and no keys are set")
    assert started == []


@pytest.mark.parametrize("permission", [{"FRAUD_ALLOW_ANONYMOUS": "true"}, {"FRAUD_API_KEYS": "admin:" + "k" * 20}])
def test_an_address_that_others_reach_is_served_with_keys_or_leave(fraud, started, permission):
    assert fraud("serve", "--host", "0.0.0.0", **permission).exit_code == 0
    assert started[0].host == "0.0.0.0"


def test_nothing_is_trained_unasked(fraud, started, tmp_path):
    assert fraud("serve").exit_code == 0
    assert not (tmp_path / "registry").exists()


def test_an_empty_registry_gets_the_default_model_when_asked(fraud, started, small_default, tmp_path):
    result = fraud("serve", "--train-if-empty")
    assert result.exit_code == 0
    assert FileRegistry(tmp_path / "registry").assigned("champion") == "1"
    assert "trained the default model: ROC AUC 0." in result.stderr
    assert "best possible 0.9" in result.stderr
    assert len(started) == 1


def test_the_default_model_may_follow_the_credit_contract_by_name(fraud, started, small_default, tmp_path):
    assert fraud("serve", "--train-if-empty", "--contract", "credit").exit_code == 0
    assert FileRegistry(tmp_path / "registry").assigned("champion") == "1"


def test_a_registry_with_a_champion_is_left_as_it_is(fraud, started, file_registry_path):
    result = fraud("serve", "--train-if-empty", "--registry", file_registry_path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert FileRegistry(file_registry_path).versions() == ["1"]


def test_the_default_model_is_not_trained_for_another_contract(fraud, started, tmp_path):
    (tmp_path / "my.toml").write_text(EVERY_DTYPE)
    result = fraud("serve", "--train-if-empty", "--contract", "my.toml")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: FRAUD_CONTRACT: the default model is for the contract 'credit' only")
    assert (started, (tmp_path / "registry").exists()) == ([], False)


def test_without_the_training_libraries_the_extra_is_named(fraud, started, monkeypatch):
    monkeypatch.setattr(training, "find_spec", lambda _name: None)
    result = fraud("serve", "--train-if-empty")
    assert result.exit_code == 1
    assert "pip install 'fraud-detection-api[train]'" in result.stderr
    assert started == []


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "http://127.0.0.1:80"), ("localhost", "http://localhost:80"), ("::1", "http://[::1]:80")],
)
def test_the_address_can_be_pasted_into_a_browser(host, address):
    assert serve._address(host, 80) == address


def test_the_example_is_a_record_of_the_champions_contract(registry):
    assert json.loads(serve._example(build_container(Settings(), registry=registry))) == [OVERDRAWN]
    other = build_container(Settings(), registry=registry_with_champion(every_dtype_files()))
    assert set(json.loads(serve._example(other))[0]) >= {"amount_eur", "channel"}


def test_without_a_champion_the_example_follows_the_configured_contract():
    assert json.loads(serve._example(build_container(Settings(), registry=InMemoryRegistry()))) == [OVERDRAWN]


def test_the_announcement_is_a_command_that_a_shell_understands(capsys):
    import shlex

    serve._announce("http://127.0.0.1:8000", '[{"name": "it\'s"}]')
    told = capsys.readouterr().err
    assert "listens on http://127.0.0.1:8000" in told
    curl = told.partition("try it")[2].partition("stop")[0]
    words = shlex.split(curl)
    assert words[:3] == ["curl", "--location", "http://127.0.0.1:8000/fraud_detection"]
    assert json.loads(words[-1]) == [{"name": "it's"}]


class Recorder:
    """Stands for uvicorn's server and supervisor: notes what it was given, and does not run."""

    runs: list[tuple]

    def __init__(self, config, *_given, sockets=None):
        self.config, self.sockets = config, sockets

    def run(self, sockets=None):
        for listening in sockets or self.sockets:
            listening.close()
        self.runs.append((self.config.workers, self.config.port))


@pytest.mark.parametrize(("workers", "runner"), [(1, "Server"), (2, "Multiprocess")])
def test_the_server_listens_before_it_announces(monkeypatch, registry, capsys, workers, runner):
    target = serve.uvicorn if runner == "Server" else serve
    monkeypatch.setattr(target, runner, type(runner, (Recorder,), {"runs": (runs := [])}))
    settings = Settings(port=0, workers=workers)
    serve._run(settings, build_container(settings, registry=registry))
    assert runs == [(workers, 0)]
    assert "listens on http://127.0.0.1:" in capsys.readouterr().err


def test_a_port_that_is_taken_is_told_in_one_line(fraud, file_registry_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = fraud("serve", "--port", port, "--registry", file_registry_path)
    assert result.exit_code == 1
    told = (
        f"error: FRAUD_PORT: cannot listen on http://127.0.0.1:{port}: Address already in use; stop what listens there"
    )
    assert result.stderr.startswith(told)
    assert len(result.stderr.splitlines()) == 1


def test_an_address_that_is_not_this_machines_is_told_in_one_line(fraud, file_registry_path):
    elsewhere = "203.0.113.7"  # kept free for documentation by RFC 5737
    arguments = ["serve", "--host", elsewhere, "--port", 0, "--registry", file_registry_path]
    result = fraud(*arguments, FRAUD_ALLOW_ANONYMOUS="true")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: FRAUD_HOST: cannot listen on http://{elsewhere}:0: ")
    assert len(result.stderr.splitlines()) == 1


def test_the_socket_is_one_that_worker_processes_inherit():
    with serve._bind("127.0.0.1", 0) as listening:
        assert listening.get_inheritable()
        assert listening.getsockname()[1] > 0
