"""Training in one process, serving in another: promotions are followed, kills are harmless."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from support import calls
from support.builders import OVERDRAWN
from support.commands import fraud, quick_training
from support.polling import eventually
from support.servers import QUICK_FRAUD, finds_support, running_server

# runs the command, and kills its own process when a function is called for the nth time
KILLED = """
import importlib, os, signal, sys
module, path, nth = sys.argv[1:4]
del sys.argv[1:4]
*owners, name = path.split(".")
holder = importlib.import_module(module)
for owner in owners:
    holder = getattr(holder, owner)
function, calls = getattr(holder, name), []
def killed(*given, **named):
    calls.append(name)
    if len(calls) == int(nth):
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*given, **named)
setattr(holder, name, killed)
from support.commands import quick_fraud
quick_fraud()
"""
FILES = "fraud_detection_api.adapters.file_registry"
FORCED = ("--promote", "--force", "no traffic has been compared")


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "credit.parquet"
    simulate_credit_records(4000, seed=3).write_parquet(path)
    return path


@pytest.fixture(scope="module")
def served(file_registry_path, tmp_path_factory):
    """A server and its registry, which every killed training leaves as it was."""
    folder = tmp_path_factory.mktemp("served")
    registry = shutil.copytree(file_registry_path, folder / "registry")
    with running_server(registry, folder / "server.log", FRAUD_RELOAD_SECONDS="0.05") as server:
        yield server, registry


def contents(registry: Path) -> dict[str, bytes]:
    """Every file that belongs to a version or an alias."""
    return {
        str(path.relative_to(registry)): path.read_bytes()
        for folder in ("versions", "aliases")
        for path in (registry / folder).rglob("*")
        if path.is_file()
    }


def served_version(server) -> str:
    return calls.get(f"{server.url}/readyz").json()["model_version"]


def scores(server) -> bool:
    return calls.post(f"{server.url}/fraud_detection", json=[OVERDRAWN]).status_code == 200


def train_killed(moment, records: Path, registry: Path) -> int:
    command = [sys.executable, "-c", KILLED, *moment, "train", str(records), "--registry", str(registry), *FORCED]
    return subprocess.run(command, env=finds_support(), capture_output=True, timeout=120, check=False).returncode


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param((FILES, "_write_durably", "4"), id="between two files", marks=pytest.mark.slow),
        pytest.param((FILES, "FileRegistry._publish", "1"), id="before the folder gets its number"),
    ],
)
def test_a_killed_training_leaves_the_registry_as_it_was(served, records, moment):
    server, registry = served
    before = contents(registry)
    assert train_killed(moment, records, registry) == -signal.SIGKILL
    assert contents(registry) == before
    assert served_version(server) == "1"
    assert scores(server)


@pytest.mark.slow
def test_a_training_killed_while_its_progress_bar_moves_leaves_the_registry_as_it_was(served, records):
    server, registry = served
    before = contents(registry)
    master, terminal = os.openpty()
    command = [*QUICK_FRAUD, "train", str(records), "--registry", str(registry), *FORCED]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=terminal, env=finds_support(TERM="xterm"))
    os.close(terminal)
    try:
        shown = b""
        while not re.search(rb"[1-9]\d?%", shown):
            shown += os.read(master, 4096)
    finally:
        process.kill()
        assert process.wait() == -signal.SIGKILL
        os.close(master)
    assert contents(registry) == before
    assert scores(server)


def test_a_training_killed_before_its_promotion_leaves_a_whole_model_and_the_old_champion(own_registry, records):
    moment = ("fraud_detection_api.services.models.rollout", "RolloutService.promote", "1")
    assert train_killed(moment, records, own_registry) == -signal.SIGKILL
    assert FileRegistry(own_registry).versions() == ["1", "2"]
    assert FileRegistry(own_registry).assigned("champion") == "1"
    assert fraud("models", "promote", "2", *FORCED[1:], "--registry", str(own_registry)).exit_code == 0


def test_every_worker_follows_a_training_a_rollback_and_a_promotion_over_http(own_registry, records, tmp_path):
    with running_server(own_registry, tmp_path / "server.log", FRAUD_WORKERS="2") as server:
        eventually(lambda: loaded(server) == ["1"] * 2, "both workers serve version 1")
        before = probability(server)
        with quick_training():
            trained = fraud("train", str(records), "--registry", str(own_registry), *FORCED)
        assert trained.exit_code == 0, trained.stderr
        eventually(lambda: loaded(server) == ["1"] * 2 + ["2"] * 2, "both workers serve version 2", within_seconds=10)
        assert {served_version(server) for _ in range(20)} == {"2"}
        assert probability(server) != before
        assert fraud("models", "rollback", "--registry", str(own_registry)).exit_code == 0
        eventually(lambda: loaded(server)[4:] == ["1"] * 2, "both workers are back", within_seconds=10)
        assert {served_version(server) for _ in range(20)} == {"1"}
        assert probability(server) == before
        forced = {"force": True, "reason": "no traffic has been compared"}
        assert calls.post(f"{server.url}/v1/models/2/promote", json=forced).json() == {"champion": "2"}
        eventually(lambda: loaded(server)[6:] == ["2"] * 2, "both workers serve it again", within_seconds=10)


def loaded(server) -> list[str]:
    """Versions that any worker has loaded, in order."""
    return [event["version"] for event in server.events("model_loaded")]


def probability(server) -> float:
    return calls.post(f"{server.url}/fraud_detection", json=[OVERDRAWN]).json()[0]
