"""Retraining on what was decided and labelled; and retrainings that meet, or are killed."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl
import pytest
from click.testing import Result

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.container.storage import build_database, build_lock
from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.jobs.retraining import LOCK
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.settings import Settings
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from support.applications import application
from support.commands import fraud, quick_training
from support.polling import eventually
from support.servers import finds_support

CREDIT = load_contract("credit")
DECIDED = 3000
NOW = ("--matured-days", "0")

# runs the command, and waits in the middle of a function until a file is there
HELD_UP = """
import importlib, pathlib, sys, time
module, path, begun, go_on = sys.argv[1:5]
del sys.argv[1:5]
*owners, name = path.split(".")
holder = importlib.import_module(module)
for owner in owners:
    holder = getattr(holder, owner)
function = getattr(holder, name)
def held_up(*given, **named):
    pathlib.Path(begun).touch()
    while not pathlib.Path(go_on).exists():
        time.sleep(0.01)
    return function(*given, **named)
setattr(holder, name, held_up)
from support.commands import quick_fraud
quick_fraud()
"""
TRAINING = ("fraud_detection_api.training.fit_scorer", "ScorerFitter.fit_each")
ASSIGNING = ("fraud_detection_api.adapters.file_registry", "FileRegistry.assign")


@pytest.fixture(scope="module")
def lived(file_registry_path, tmp_path_factory):
    """The folder of a service that has decided, and knows by now what was true: a registry and a store."""
    folder = tmp_path_factory.mktemp("lived")
    registry = FileRegistry(shutil.copytree(file_registry_path, folder / "registry"))
    later = simulate_credit_records(DECIDED, seed=8, fraud_rate=0.05)
    records, truth = later.select(CREDIT.record_columns).to_dicts(), later[CREDIT.target.name].to_list()
    with application(registry, store=f"sqlite:///{folder / 'decisions.db'}") as client:
        answer = client.post("/v1/decisions", json={"records": records})
        labels = [
            {"decision_id": decision["decision_id"], "is_fraud": bool(is_fraud), "source": "investigation"}
            for decision, is_fraud in zip(answer.json()["decisions"], truth, strict=True)
        ]
        assert client.post("/v1/labels", json={"labels": labels}).json()["recorded"] == DECIDED
    return folder


def environment(folder: Path, scratch: Path) -> dict[str, str]:
    store = f"sqlite:///{folder / 'decisions.db'}"
    return {"FRAUD_STORE": store, "FRAUD_REGISTRY": str(folder / "registry"), "TMPDIR": str(scratch)}


def retrain(lived: Path, scratch: Path, *arguments: str, matured: tuple[str, ...] = NOW) -> Result:
    """In this process, whose folder for temporary files is the scratch folder meanwhile."""
    with quick_training(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(scratch))
        return fraud("retrain", *matured, *arguments, **environment(lived, scratch))


def held_up(lived: Path, scratch: Path, moment) -> subprocess.Popen:
    """A retraining that has come to that moment, and goes on once the file `go-on` is in the scratch folder."""
    places = [str(scratch / "begun"), str(scratch / "go-on")]
    process = subprocess.Popen(
        [sys.executable, "-c", HELD_UP, *moment, *places, "retrain", *NOW, "--json"],
        env=finds_support(**environment(lived, scratch)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: (scratch / "begun").exists() or process.poll() is not None, "it is under way", within_seconds=90)
    assert process.poll() is None, process.communicate()
    return process


def left(scratch: Path) -> list[str]:
    return [path.name for path in scratch.glob("fraud-retrain-*")]


def test_what_was_served_and_labelled_makes_a_challenger_beside_the_champion(lived, tmp_path):
    registry = FileRegistry(lived / "registry")
    versions = registry.versions()
    dry = json.loads(retrain(lived, tmp_path, "--dry-run", "--json").stdout)
    assert (dry["status"], dry["records"]["rows"]) == ("dry_run", DECIDED)
    assert registry.versions() == versions
    ids = simulate_credit_records(DECIDED, seed=8, fraud_rate=0.05)["customer_id"].unique(maintain_order=True)
    groups = pl.DataFrame({"customer_id": ids, "side": [("left", "right")[place % 2] for place in range(len(ids))]})
    groups.write_csv(tmp_path / "groups.csv")
    done = retrain(lived, tmp_path, "--groups", str(tmp_path / "groups.csv"), "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["status"], told["champion"], told["challenger_before"]) == ("challenger", "1", None)
    assert registry.assigned("challenger") == told["version"]
    assert registry.assigned("champion") == "1"
    (change,) = [change for change in registry.audit() if change.alias == "challenger"]
    assert (change.cause.action, change.cause.reason) == ("challenge", "retrained on matured labels")
    assert change.cause.by.startswith("fraud retrain (")
    assert told["records"]["rows"] == DECIDED
    (fairness,) = read_bundle(registry.fetch(told["version"]), source="test").card["fairness"]
    assert {each["band"]["level"] for each in fairness["groups"]} == {"left", "right"}
    compared = told["comparison"]
    assert compared["records"] == pytest.approx(DECIDED / 5, abs=2)
    assert compared["unseen"], "the champion is older than every decision"
    for name in ("roc_auc", "average_precision"):
        for model in ("champion", "challenger"):
            assert compared[model][name]["low"] <= compared[model][name]["value"] <= compared[model][name]["high"]
        difference = compared["challenger"][name]["value"] - compared["champion"][name]["value"]
        assert compared["differences"][name]["difference"] == pytest.approx(difference)
    assert left(tmp_path) == []


def test_while_another_retraining_runs_nothing_is_done(lived, tmp_path):
    database = build_database(Settings(store=f"sqlite:///{lived / 'decisions.db'}"))
    with build_lock(database).held(LOCK):
        second = retrain(lived, tmp_path, "--json")
    assert (second.exit_code, json.loads(second.stdout)) == (0, {"status": "busy"})
    assert len(second.stderr.splitlines()) == 1


@pytest.mark.slow
def test_of_two_at_once_one_works_and_the_other_leaves_the_work_to_it(lived, tmp_path):
    registry = FileRegistry(lived / "registry")
    versions = len(registry.versions())
    first = held_up(lived, tmp_path, TRAINING)
    second = retrain(lived, tmp_path, "--json")
    assert json.loads(second.stdout) == {"status": "busy"}
    (tmp_path / "go-on").touch()
    output, errors = first.communicate(timeout=120)
    assert first.returncode == 0, errors
    assert len(registry.versions()) == versions + 1
    assert registry.assigned("challenger") == json.loads(output)["version"]


@pytest.mark.parametrize(
    ("how", "moment"),
    [
        pytest.param(signal.SIGTERM, TRAINING, id="ended while it trains"),
        pytest.param(signal.SIGKILL, ASSIGNING, id="killed before it is challenger", marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, TRAINING, id="killed while it trains", marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, ASSIGNING, id="ended before it is challenger", marks=pytest.mark.slow),
    ],
)
def test_one_that_is_stopped_changes_no_alias_and_hinders_no_other(lived, tmp_path, moment, how):
    registry = FileRegistry(lived / "registry")
    before = (registry.assigned("champion"), registry.assigned("challenger"))
    process = held_up(lived, tmp_path, moment)
    assert len(left(tmp_path)) == 1
    process.send_signal(how)
    process.communicate(timeout=20)
    assert process.returncode == (-how if how == signal.SIGKILL else 128 + how)
    assert (registry.assigned("champion"), registry.assigned("challenger")) == before
    if how == signal.SIGTERM:
        assert left(tmp_path) == []
    again = retrain(lived, tmp_path, "--dry-run")
    assert again.exit_code == 0, again.stderr
    assert left(tmp_path) == []  # what a killed one left holds records of customers


def test_too_little_to_learn_from_is_refused_with_the_figures(lived, tmp_path):
    done = retrain(lived, tmp_path, "--min-frauds", "2000")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert " 3,000 records" in done.stderr.splitlines()[-1]
    assert retrain(lived, tmp_path, "--min-records", "5000").exit_code == 1
    assert left(tmp_path) == []


def test_labels_that_have_not_matured_are_not_learned_from(lived, tmp_path):
    done = retrain(lived, tmp_path, matured=("--matured-days", "1"))
    assert done.exit_code == 1
    assert "nothing to export" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_people_see_a_table(lived, tmp_path):
    done = retrain(lived, tmp_path)
    assert done.exit_code == 0, done.stderr
    assert "ROC AUC" in done.stdout
    assert "challenger" in done.stdout
    assert "fraud models report" in done.stderr
