"""Champions swapped and servers replaced under load, a few times; `make test-swap` does it many times."""

import statistics

import pytest

from drills.swap.promotions import promotions
from drills.swap.restarts import restarts
from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.container.registry import build_registry
from support import calls
from support.builders import OVERDRAWN, credit_files, other_credit_files
from support.http import flipped
from support.polling import eventually
from support.servers import running_server

LONGEST_CONVERGENCE_SECONDS = 5


@pytest.fixture(params=["folder", "MLflow server"])
def location(request, tmp_path) -> str:
    """A registry; version 1 is champion, version 2 scores otherwise."""
    location = str(tmp_path / "registry")
    if request.param != "folder":
        location = request.getfixturevalue("mlflow_server").location()
    registry = build_registry(location)
    registry.assign("champion", registry.register(credit_files()))
    registry.register(other_credit_files())
    return location


def test_while_champions_are_swapped_no_request_fails_and_every_answer_is_its_models_own(location, tmp_path, promise):
    swapped = promotions(location, build_registry(location), tmp_path, count=5, workers=2)
    faults = swapped.faults
    promise(
        "champions swapped: requests that failed or got a wrong answer", measured=len(faults), bound=0, faults=faults
    )
    assert len(swapped.answered) == 4, "both routes were answered by both versions"
    # a machine that other tests keep busy may hold a worker up for seconds
    middle = statistics.median(swapped.converged_seconds)
    bound = LONGEST_CONVERGENCE_SECONDS
    promise("all workers serve the new champion, median", measured=middle, bound=bound, unit="s")


def test_a_bad_bundle_that_is_made_champion_from_outside_replaces_the_good_one_in_no_worker(
    location, tmp_path, promise
):
    registry = build_registry(location)
    bad = registry.register(flipped(credit_files()))
    with running_server(location, tmp_path / "server.log", FRAUD_WORKERS="2") as server:
        refused = calls.post(f"{server.url}/v1/models/{bad}/promote", json={"force": True, "reason": "by mistake"})
        assert refused.status_code == 409
        assert registry.assigned("champion") == "1"
        registry.assign("champion", bad)
        eventually(lambda: len(server.events("model_refused")) == 2, "both workers have refused it")
        answers = [calls.post(f"{server.url}/fraud_detection", json=[OVERDRAWN]) for _ in range(20)]
        wrong = [answer for answer in answers if (answer.status_code, answer.headers["x-model-version"]) != (200, "1")]
        promise("a bad champion answers no request", measured=len(wrong), bound=0, unit="answers")
        assert calls.post(f"{server.url}/v1/models/rollback", json={}).json() == {"champion": "1"}


def test_while_servers_are_replaced_no_request_fails(tmp_path, promise):
    registry = FileRegistry(tmp_path / "registry")
    registry.assign("champion", registry.register(credit_files()))
    restarted = restarts(registry.root, tmp_path, count=3, workers=2)
    faults = restarted.faults
    promise(
        "servers replaced: requests that failed or got a wrong answer", measured=len(faults), bound=0, faults=faults
    )
    assert restarted.answered.total() > 100
