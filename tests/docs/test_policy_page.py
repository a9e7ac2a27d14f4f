"""The page on policies: its costs, its table of thresholds, and its commands, executed."""

import json
import re
from pathlib import Path

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.container.storage import build_store
from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.policy.outcomes import FILE_KEYS, Policy, load_policy
from fraud_detection_api.settings import Settings
from support.builders import EVERY_DTYPE
from support.commands import run_block
from support.pages import blocks
from support.sealed_rows import keep_rows, kept_row

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "policy.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    (folder / "costs.toml").write_text(blocks(PAGE, "toml")[0], encoding="utf-8")
    return folder


def test_the_costs_of_the_page_say_every_key_and_its_default(folder):
    assert set(re.findall(r"^(\w+) =", blocks(PAGE, "toml")[0], re.MULTILINE)) == set(FILE_KEYS)
    load_policy(folder / "costs.toml")
    defaults = dict(re.findall(r"^(\w+) =.*; (\d+)(?: if left out)?$", blocks(PAGE, "toml")[0], re.MULTILINE))
    assert defaults == {
        name: f"{getattr(Policy(), name):g}"
        for name in ("loss_given_fraud", "amount_at_risk", "review_cost", "wrong_decline_cost")
    }


def test_the_thresholds_of_the_page_are_those_of_its_costs(folder):
    costs = load_policy(folder / "costs.toml")
    rows = re.findall(r"^\| ([\d,]+) \| (\S+)(?: %)? \| (\S+) % \|$", PAGE, re.MULTILINE)
    assert len(rows) == 4
    for amount, review, decline in rows:
        found = costs.thresholds(float(amount.replace(",", "")))
        assert 100 * found.decline_above == pytest.approx(float(decline), abs=0.05)
        shown = None if review == "never" else pytest.approx(float(review), rel=0.005)
        assert (found.review_above and 100 * found.review_above) == shown


def test_the_line_for_the_contract_is_one():
    contract = contract_from_toml(blocks(PAGE, "toml")[1] + EVERY_DTYPE, source="x")
    assert contract.amount_at_risk == "amount_eur"


@pytest.fixture(scope="module")
def commands(folder):
    """The page's first commands, executed."""
    done = run_block(blocks(PAGE, "sh")[0].replace("--rows 20000", "--rows 4000"), folder)
    assert done.returncode == 0, done.stderr
    return done


def test_the_commands_of_the_page_run(folder, commands):
    registry = FileRegistry(folder / "registry")
    assert registry.assigned("champion") == "1"
    assert read_bundle(registry.fetch("2"), source="x").policy.reviews_a_day == 120
    assert "now: policy 2, with 1,500 at risk" in commands.stderr


@pytest.mark.usefixtures("commands")
def test_the_costs_of_the_page_make_sense_on_the_default_data(folder):
    done = run_block("fraud policy simulate later.parquet --policy costs.toml --model 1 --json", folder)
    compared = json.loads(done.stdout)
    assert compared["new"]["shares"]["review"] < 0.1
    assert compared["new"]["legitimate"]["decline"] < 0.01


@pytest.mark.usefixtures("commands")
def test_the_command_on_stored_decisions_runs_once_some_are_stored(folder):
    registry = FileRegistry(folder / "registry")
    contract = read_bundle(registry.fetch("1"), source="x").contract.record_fingerprint
    store = build_store(Settings(store=f"sqlite:///{folder / 'decisions.db'}"))
    store.migrate()
    keep_rows(store, [kept_row(number, contract=contract) for number in range(20)])
    store.close()
    done = run_block(blocks(PAGE, "sh")[1], folder)
    assert done.returncode == 0, done.stderr
    assert "20 stored decisions" in done.stdout
