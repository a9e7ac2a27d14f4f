"""The page on retraining: its command, beside a service that has lived, and the options that it names."""

import json
import re
import shutil
from pathlib import Path

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from support.applications import application
from support.commands import fraud, run_block
from support.pages import blocks

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "retraining.md").read_text(encoding="utf-8")
CREDIT = load_contract("credit")


@pytest.fixture(scope="module")
def lived(file_registry_path, tmp_path_factory):
    """A folder with a registry and a store of labelled decisions, where commands find both unasked."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(file_registry_path, folder / "registry")
    truth = simulate_credit_records(3000, seed=5, fraud_rate=0.05)
    with application(
        FileRegistry(folder / "registry"), store=f"sqlite:///{folder / 'decisions.db'}", max_records=3000
    ) as client:
        body = {"records": truth.select(CREDIT.record_columns).to_dicts()}
        decisions = client.post("/v1/decisions", json=body).json()["decisions"]
        labels = [
            {"decision_id": decision["decision_id"], "is_fraud": bool(is_fraud), "source": "investigation"}
            for decision, is_fraud in zip(decisions, truth[CREDIT.target.name], strict=True)
        ]
        assert client.post("/v1/labels", json={"labels": labels}).status_code == 200
    return folder


def test_the_command_of_the_page_makes_a_challenger(lived):
    done = run_block(blocks(PAGE, "sh")[0], lived)
    assert done.returncode == 0, done.stderr
    assert FileRegistry(lived / "registry").assigned("challenger") == "2"
    for shown in ("ROC AUC", "average precision", "champion 1", "challenger 2", "difference", "frauds"):
        assert shown in done.stdout
        assert shown in blocks(PAGE, "text")[0]


def test_what_the_page_says_of_a_dry_run_holds(lived):
    done = run_block("fraud retrain --matured-days 0 --min-frauds 50 --dry-run --json", lived)
    assert json.loads(done.stdout)["status"] == "dry_run"


def test_every_option_of_the_page_is_one():
    known = fraud("retrain", "--help", COLUMNS="200").stdout
    assert set(re.findall(r"`(--[\w-]+)", PAGE)) <= set(re.findall(r"--[\w-]+", known))
