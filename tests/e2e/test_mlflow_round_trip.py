"""From a training to a score by way of a real MLflow server, promoted by MLflow's own client; and what its outage does."""

import json
import time

import pytest
from mlflow.tracking import MlflowClient

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.container.registry import build_registry
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from support import calls
from support.applications import application
from support.builders import OVERDRAWN, credit_files
from support.commands import fraud, quick_training
from support.http import assert_problem
from support.mlflow_servers import free_port, start_mlflow, stop_mlflow
from support.polling import eventually
from support.servers import run_fraud, running_server

JSON = {"Content-Type": "application/json"}
QUICKLY = {"FRAUD_RELOAD_SECONDS": "0.2"}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "credit.parquet"
    simulate_credit_records(3000, seed=3, fraud_rate=0.05).write_parquet(path)
    return path


@pytest.fixture(scope="module")
def trained(mlflow_server, records):
    """A location on MLflow that two tracked trainings filled, and what the second one printed."""
    location = mlflow_server.location()
    for seed in ("1", "2"):
        with quick_training():
            done = fraud("train", str(records), "--seed", seed, "--registry", location, "--track", "mlflow", "--json")
        assert done.exit_code == 0, done.stderr
    return location, done


@pytest.fixture
def client(mlflow_server):
    return MlflowClient(mlflow_server.url)


def model_name(location: str) -> str:
    return location.partition("?model=")[2]


def served_version(server) -> str:
    return calls.get(f"{server.url}/readyz").json().get("model_version", "")


def test_a_training_prints_nothing_but_its_result(trained, mlflow_server):
    location, done = trained
    assert json.loads(done.stdout)["version"] == "2"
    registered, tracked = (line for line in done.stderr.splitlines() if line.startswith(("registered", "tracked")))
    assert registered.startswith(f"registered version 2 in {location} (sha256:")
    assert tracked.startswith(f"tracked at {mlflow_server.url}/#/experiments/")


def test_each_training_is_one_run_with_its_digest_parameters_and_metrics(trained, client):
    location, done = trained
    printed = json.loads(done.stdout)
    experiment = client.get_experiment_by_name(model_name(location))
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 2
    [run] = [run for run in runs if run.data.tags["fraud_detection_api.digest"] == printed["digest"]]
    assert run.data.params["training.seed"] == "2"
    assert run.data.metrics["test_roc_auc"] == pytest.approx(printed["evaluation"]["metrics"]["roc_auc"]["value"])


def test_a_promotion_in_mlflow_is_served_to_the_bit_as_from_a_folder(trained, client, tmp_path):
    location, done = trained
    files = build_registry(location).fetch("2")
    folder = FileRegistry(tmp_path / "folder")
    folder.assign("champion", folder.register(files))
    body = simulate_credit_records(200, seed=9).drop("is_fraud", "true_fraud_probability").write_json()
    with running_server(location, tmp_path / "mlflow.log", **QUICKLY) as server, application(folder) as twin:
        assert served_version(server) == "1"
        client.set_registered_model_alias(model_name(location), "champion", "2")
        eventually(lambda: served_version(server) == "2", "the promoted version is served")
        answer = calls.post(f"{server.url}/fraud_detection", content=body, headers=JSON)
        assert answer.status_code == 200, answer.text
        assert answer.content == twin.post("/fraud_detection", content=body, headers=JSON).content
        assert server.events("model_loaded")[-1]["digest"] == json.loads(done.stdout)["digest"]
        rolled_back = fraud("models", "rollback", "--registry", location)
        assert rolled_back.exit_code == 0, rolled_back.stderr
        eventually(lambda: served_version(server) == "1", "the version before is served again")


def test_another_policy_is_another_version_on_mlflow_with_the_same_scores(mlflow_server, tmp_path):
    location = mlflow_server.location()
    registry = build_registry(location)
    registry.assign("champion", registry.register(credit_files()))
    (tmp_path / "costs.toml").write_text("review_cost = 20\n")
    simulated = fraud("policy", "simulate", "--policy", str(tmp_path / "costs.toml"), "--registry", location, "--json")
    forced = ("--promote", "--force", "the costs have changed")
    done = fraud("policy", "set", str(tmp_path / "costs.toml"), *forced, "--registry", location, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(simulated.stdout)["new"]["shares"] == json.loads(done.stdout)["to"]["shares"]
    assert registry.assigned("champion") == "2"
    files = registry.fetch("2")
    assert {name for name, content in credit_files().items() if files[name] == content} >= {
        "booster.ubj",
        "golden.json",
    }
    shown = fraud("policy", "show", "--registry", location, "--json")
    assert json.loads(shown.stdout)["version"] == "2"


@pytest.fixture
def own_mlflow(tmp_path):
    """Starts and stops an MLflow server on the same port and folder; version 1, a credit model, is champion."""
    port, running = free_port(), []

    def start():
        running.append(start_mlflow(tmp_path / "mlflow", port))

    def stop():
        stop_mlflow(running.pop())

    start()
    location = f"mlflow:http://127.0.0.1:{port}"
    registry = build_registry(location)
    registry.assign("champion", registry.register(credit_files()))
    yield location, start, stop
    while running:
        stop()


@pytest.mark.slow
def test_an_outage_of_mlflow_is_told_and_the_loaded_model_goes_on_serving(own_mlflow, tmp_path):
    location, start, stop = own_mlflow
    with running_server(location, tmp_path / "server.log", **QUICKLY) as server:
        before = calls.post(f"{server.url}/fraud_detection", json=[OVERDRAWN]).content
        stop()
        eventually(lambda: server.events("model_refused"), "the outage is logged")
        started = time.monotonic()
        listing = run_fraud("models", "list", "--registry", location)
        assert time.monotonic() - started < 60  # and not the hours that its client would try again for
        assert listing.returncode == 1
        assert listing.stderr.startswith("error: MLflow at http://127.0.0.1:")
        assert len(listing.stderr.splitlines()) == 1
        assert calls.get(f"{server.url}/readyz").status_code == 200
        assert calls.post(f"{server.url}/fraud_detection", json=[OVERDRAWN]).content == before
        assert_problem(calls.get(f"{server.url}/v1/models"), 503, "registry_unavailable")
        with running_server(location, tmp_path / "late.log", ready=False, **QUICKLY) as late:
            assert_problem(calls.get(f"{late.url}/readyz"), 503, "model_not_ready")
            start()
            eventually(lambda: served_version(late) == "1", "the model is served once MLflow is back")
        build_registry(location).assign("champion", build_registry(location).register(credit_files()))
        eventually(lambda: served_version(server) == "2", "promotions are followed again")
        assert len(server.events("model_refused")) == 1
        told = server.log_text()
    assert "Traceback" not in told
    assert "urllib3" not in told
