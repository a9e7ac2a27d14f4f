"""A champion whose file was damaged on disk: it is not served, the reason is given, and a fix needs no restart."""

import shutil

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from support.builders import OVERDRAWN
from support.forgery import flip_a_bit
from support.http import assert_problem
from support.polling import eventually


@pytest.fixture
def own_registry(file_registry_path, tmp_path) -> FileRegistry:
    """Version 1, a credit model, is champion; version 2 is the same."""
    registry = FileRegistry(shutil.copytree(file_registry_path, tmp_path / "registry"))
    registry.register(registry.fetch("1"))
    return registry


@pytest.fixture
def damaged(own_registry):
    """Path of the champion's file that has a flipped bit."""
    return flip_a_bit(own_registry.root, "1")


@pytest.fixture
def client(client_for, own_registry, damaged):
    return client_for(own_registry, reload_seconds=0.01)


def score(client):
    return client.post("/fraud_detection", json=[OVERDRAWN])


def is_ready(client) -> bool:
    return client.get("/readyz").status_code == 200


def test_it_is_alive_not_ready_and_scores_nothing(client, events):
    assert client.get("/livez").status_code == 200
    for answer in (client.get("/readyz"), score(client)):
        problem = assert_problem(answer, 503, "model_not_ready")
        assert "version 1" in problem["detail"]
        assert "booster.ubj is not the file that was registered" in problem["detail"]
    (model,) = [one for one in client.get("/v1/models").json()["models"] if one["version"] == "1"]
    assert (model["status"], model["aliases"]) == ("damaged", ["champion"])


def test_it_is_logged_once(client_for, own_registry, damaged, events):
    client = client_for(own_registry, reload_seconds=0.01)
    assert not is_ready(client)
    assert len(events("model_refused")) == 1


def test_promoting_a_sound_model_over_http_is_served_at_once(client):
    assert client.post("/v1/models/2/promote").json() == {"champion": "2"}
    assert is_ready(client)
    assert score(client).status_code == 200


def test_a_sound_model_that_somebody_else_promotes_is_served(client, own_registry):
    own_registry.assign("champion", "2")
    eventually(lambda: is_ready(client), "the server follows the promotion")
    assert score(client).status_code == 200


def test_the_model_is_served_once_its_file_is_restored(client, own_registry, damaged):
    damaged.write_bytes((own_registry.root / "versions" / "2" / damaged.name).read_bytes())
    eventually(lambda: is_ready(client), "the server sees the restored file")
    assert score(client).status_code == 200


def test_a_model_that_is_damaged_after_it_was_loaded_is_served_on(client_for, own_registry):
    client = client_for(own_registry, reload_seconds=0.01)
    before = score(client).json()
    flip_a_bit(own_registry.root, "1")
    assert score(client).json() == before
    assert is_ready(client)
