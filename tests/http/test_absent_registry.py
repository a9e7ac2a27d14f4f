"""The registry's folder is absent, as with a volume that is not mounted: that is an outage, and no empty registry."""

import shutil

import pytest

from fraud_detection_api.container.registry import patient_registry
from support.builders import OVERDRAWN
from support.http import assert_problem
from support.polling import eventually


@pytest.fixture
def folder(file_registry_path, tmp_path):
    return shutil.copytree(file_registry_path, tmp_path / "registry")


def started(client_for, folder, tmp_path):
    store = f"sqlite:///{tmp_path}/decisions.db"
    return client_for(patient_registry(str(folder)), store=store, reload_seconds=0.01)


def test_look_ups_are_refused_while_it_is_away_and_scoring_goes_on(client_for, folder, tmp_path):
    client = started(client_for, folder, tmp_path)
    decided = client.post("/v1/decisions", json={"records": [OVERDRAWN]}).json()["decisions"]
    away = folder.rename(tmp_path / "away")
    replay = f"/v1/decisions/{decided[0]['decision_id']}/replay"
    for method, path in [
        ("GET", "/v1/models"),
        ("GET", "/v1/models/1"),
        ("GET", "/v1/models/champion"),
        ("GET", "/v1/models/history"),
        ("POST", replay),
        ("POST", "/v1/models/1/promote"),
        ("POST", "/v1/models/rollback"),
        ("DELETE", "/v1/models/1/challenge"),
    ]:
        assert_problem(client.request(method, path), 503, "registry_unavailable")
    assert not folder.exists()
    assert client.post("/fraud_detection", json=[OVERDRAWN]).status_code == 200
    away.rename(folder)
    assert client.get("/v1/models/1").status_code == 200
    assert client.post(replay).json()["status"] == "equal"


def test_a_server_that_starts_without_it_waits_for_it(client_for, folder, tmp_path):
    away = folder.rename(tmp_path / "away")
    client = started(client_for, folder, tmp_path)
    problem = assert_problem(client.get("/readyz"), 503, "model_not_ready")
    assert "does not exist" in problem["detail"]
    away.rename(folder)
    eventually(lambda: client.get("/readyz").status_code == 200, "the model is loaded")
