"""What a training leaves on a real MLflow server."""

import pytest

from fraud_detection_api.container.registry import build_registry, build_tracker
from fraud_detection_api.model.bundle import read_manifest
from fraud_detection_api.training.card import track_training
from support.builders import credit_files

DIGEST = "sha256:" + "5" * 64
FILES = {"bundle/card.json": b"{}", "report.html": b"<p>"}
TRAINING = {
    "digest": DIGEST,
    "parameters": {"seed": 7, "rate": 0.05, "kind": "random", "weighted": False},
    "metrics": {"test_roc_auc": 0.9},
    "curves": {"validation": [0.7, 0.5, 0.4]},
    "files": FILES,
    "tags": {"version": "1"},
}


@pytest.fixture
def tracker(location):
    return build_tracker("mlflow", registry=location, mlflow_uri=None)


@pytest.fixture
def runs(person, name):
    """All runs of the test's experiment, newest first."""

    def search():
        experiment = person.get_experiment_by_name(name)
        return person.search_runs([experiment.experiment_id])

    return search


def paths(person, run, folder=None) -> set[str]:
    return {artifact.path for artifact in person.list_artifacts(run.info.run_id, folder)}


def test_a_training_is_a_finished_run(tracker, runs, mlflow_server):
    told = tracker.track(**TRAINING)
    [run] = runs()
    assert run.info.status == "FINISHED"
    assert told == f"{mlflow_server.url}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"


def test_parameters_metrics_and_tags_are_what_was_given(tracker, runs):
    tracker.track(**TRAINING)
    [run] = runs()
    assert run.data.params == {"seed": "7", "rate": "0.05", "kind": "random", "weighted": "False"}
    assert run.data.metrics == {"test_roc_auc": 0.9, "validation": 0.4}
    assert run.data.tags["fraud_detection_api.digest"] == DIGEST
    assert run.data.tags["version"] == "1"


def test_a_curve_is_a_metric_by_step(tracker, runs, person):
    tracker.track(**TRAINING)
    history = person.get_metric_history(runs()[0].info.run_id, "validation")
    assert [(point.step, point.value) for point in history] == [(0, 0.7), (1, 0.5), (2, 0.4)]


def test_more_than_mlflow_takes_at_a_time_is_stored_whole(tracker, runs, person):
    many = {
        **TRAINING,
        "parameters": {f"p{n}": n for n in range(250)},
        "curves": {"long": [float(n) for n in range(2500)]},
    }
    tracker.track(**many)
    [run] = runs()
    assert len(run.data.params) == 250
    assert len(person.get_metric_history(run.info.run_id, "long")) == 2500


def test_a_new_run_holds_the_bundle_and_the_report(tracker, runs, person):
    tracker.track(**TRAINING)
    [run] = runs()
    assert paths(person, run) == {"bundle", "report.html"}
    assert paths(person, run, "bundle") == {"bundle/card.json"}


def test_what_is_tracked_twice_does_not_double(tracker, runs, person):
    assert tracker.track(**TRAINING) == tracker.track(**TRAINING)
    [run] = runs()
    assert len(person.get_metric_history(run.info.run_id, "validation")) == 3


def test_another_digest_is_another_run(tracker, runs):
    tracker.track(**TRAINING)
    tracker.track(**{**TRAINING, "digest": "sha256:" + "6" * 64})
    assert len(runs()) == 2


def test_names_that_mlflow_refuses_are_adapted(tracker, runs):
    tracker.track(**{**TRAINING, "parameters": {"level.a:b|ü'": 1}, "metrics": {"f1@5%": 0.5}})
    [run] = runs()
    assert run.data.params == {"level.a_b___": "1"}
    assert "f1_5_" in run.data.metrics


def test_a_registered_bundle_is_tracked_in_the_run_that_holds_it(tracker, runs, person, location):
    version = build_registry(location).register(credit_files())
    track_training(tracker, {**credit_files()}, version=version)
    [run] = runs()
    assert run.data.tags["fraud_detection_api.digest"] == read_manifest(credit_files(), source="test")["digest"]
    assert run.data.params["training.settings.max_depth"] == "4"
    assert run.data.params["contract.name"] == "credit"
    assert run.data.metrics["test_roc_auc_low"] < run.data.metrics["test_roc_auc"]
    assert run.data.tags["version"] == version
    assert paths(person, run, "bundle") == {f"bundle/{name}" for name in credit_files()}
