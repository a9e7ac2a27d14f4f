"""A champion whose file was damaged on disk: not served, told with its reason, and mended without a restart."""

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from support import calls
from support.builders import OVERDRAWN
from support.http import assert_problem
from support.polling import eventually
from support.servers import run_fraud, running_server


@pytest.fixture
def damaged(own_registry, damage, tmp_path):
    """A server whose champion, version 1, has a flipped bit; version 2 is sound."""
    registry = FileRegistry(own_registry)
    registry.register(registry.fetch("1"))
    path = damage(own_registry, "1")
    with running_server(own_registry, tmp_path / "server.log", ready=False, FRAUD_RELOAD_SECONDS="0.05") as server:
        yield server, own_registry, path


def score(server):
    return calls.post(f"{server.url}/fraud_detection", json=[OVERDRAWN])


def is_ready(server) -> bool:
    return calls.get(f"{server.url}/readyz").status_code == 200


def test_it_is_alive_not_ready_and_scores_nothing(damaged):
    server, _, _ = damaged
    assert calls.get(f"{server.url}/livez").status_code == 200
    for answer in (calls.get(f"{server.url}/readyz"), score(server)):
        problem = assert_problem(answer, 503, "model_not_ready")
        assert "version 1" in problem["detail"]
        assert "booster.ubj is not the file that was registered" in problem["detail"]
    (model,) = [one for one in calls.get(f"{server.url}/v1/models").json()["models"] if one["version"] == "1"]
    assert (model["status"], model["aliases"]) == ("damaged", ["champion"])
    assert len(server.events("model_refused")) == 1


def test_promoting_a_sound_model_over_http_mends_it_at_once(damaged):
    server, _, _ = damaged
    assert calls.post(f"{server.url}/v1/models/2/promote").json() == {"champion": "2"}
    assert is_ready(server)
    assert score(server).status_code == 200


def test_promoting_a_sound_model_from_another_process_mends_it(damaged):
    server, path, _ = damaged
    assert run_fraud("models", "promote", "2", "--registry", str(path)).returncode == 0
    eventually(lambda: is_ready(server), "the server follows the promotion")
    assert score(server).status_code == 200


def test_restoring_the_file_mends_it(damaged):
    server, path, file = damaged
    file.write_bytes((path / "versions" / "2" / file.name).read_bytes())
    eventually(lambda: is_ready(server), "the server sees the restored file")
    assert score(server).status_code == 200


def test_a_model_damaged_after_it_was_loaded_goes_on_serving(own_registry, damage, tmp_path):
    with running_server(own_registry, tmp_path / "server.log", FRAUD_RELOAD_SECONDS="0.05") as server:
        before = score(server).json()
        damage(own_registry, "1")
        assert score(server).json() == before
        assert is_ready(server)
