"""Models and decisions of two contracts in one folder: nothing is mixed, and what is printed leads to the right ones."""

import json
from pathlib import Path

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.container.storage import build_store
from fraud_detection_api.errors import ContractMismatch, GateRefused, NoChampion
from fraud_detection_api.settings import Settings
from support.builders import every_dtype_files
from support.refusals import refusal_of


@pytest.fixture
def other(tmp_path) -> FileRegistry:
    """A registry of the every-dtype contract beside that of the credit contract."""
    registry = FileRegistry(tmp_path / "other")
    registry.assign("champion", registry.register(every_dtype_files()))
    return registry


@pytest.fixture
def store() -> None:
    """The store in the folder holds decisions of the credit contract."""
    store = build_store(Settings())
    store.migrate()
    store.claim("credit")
    store.close()


@pytest.mark.parametrize("command", ["train", "tune"])
def test_a_model_of_another_contract_is_refused_before_its_file_is_read(fraud, registry, own_file, command):
    result = fraud(command, "absent.parquet", "--contract", "my.toml")
    assert refusal_of(result) is ContractMismatch
    assert all(told in result.stderr for told in ("'credit'", "'every_dtype'", "--registry", "--allow-contract-change"))
    assert registry.versions() == ["1"]


def test_a_contract_that_replaces_the_registrys_own_is_allowed_by_an_option(fraud, quick, registry, own_file):
    assert fraud("train", own_file, "--contract", "my.toml", "--allow-contract-change").exit_code == 0
    assert (registry.versions(), registry.assigned("champion")) == (["1", "2"], "1")


@pytest.mark.parametrize("command", ["train", "tune"])
def test_a_promotion_that_cannot_be_is_refused_before_the_file_is_read(fraud, registry, tmp_path, command):
    (tmp_path / "narrow.toml").write_text(
        'name = "credit"\n[target]\nname = "is_fraud"\n[features.total_balance]\ndtype = "float"\n'
    )
    other_records = fraud(command, "absent.parquet", "--contract", "narrow.toml", "--promote", "--force", "why")
    assert refusal_of(other_records) is ContractMismatch
    assert refusal_of(fraud(command, "absent.parquet", "--promote")) is GateRefused


COMMANDS = {
    "serve": ["serve", "--port", "0"],
    "monitor": ["monitor", "show"],
    "replay": ["replay", "--sample", "5"],
    "labels": ["labels", "import", "absent.csv"],
    "export": ["export", "training-set", "--since", "2026-01-01T00:00:00Z", "--out", "x.parquet"],
    "retrain": ["retrain"],
    "audit": ["audit", "verify"],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_store_of_another_contract_is_refused(fraud, store, other, command):
    result = fraud(*command, "--registry", "other")
    assert refusal_of(result) is ContractMismatch
    assert "'credit'" in result.stderr
    assert "decisions.db" in result.stderr


def test_labels_follow_the_contract_of_the_registry(fraud, other):
    build = build_store(Settings(store="sqlite:///other.db"))
    build.migrate()
    build.claim("every_dtype")
    build.close()
    Path("labels.csv").write_text("application,decided_at,is_fraud,source\nA-1,2026-01-01T00:00:00Z,1,rule\n")
    done = fraud("labels", "import", "labels.csv", "--registry", "other", "--store", "sqlite:///other.db", "--json")
    assert json.loads(done.stdout)["unknown"][0]["detail"] == "there was no decision on that entity by then"


def test_hints_carry_the_options_that_were_given(fraud, quick, credit_file, tmp_path):
    done = fraud("train", credit_file, "--registry", "my models", "--contract", "credit")
    assert "`fraud models report 1 --out report.html --registry 'my models'`" in done.stderr
    assert "`fraud policy show --registry 'my models'`" in done.stderr


def test_errors_carry_the_options_that_were_given(fraud, tmp_path):
    (tmp_path / "empty").mkdir()
    scored = fraud("score", "x.csv", "--registry", "empty", "--out", "y.csv")
    assert refusal_of(scored) is NoChampion
    assert "`fraud train FILE --registry empty`" in scored.stderr
    assert "`fraud models promote VERSION --registry empty`" in scored.stderr


def test_a_password_is_not_repeated_in_a_hint(fraud, registry):
    given = ["--registry", "registry", "--store", "postgresql://me:secret@127.0.0.1:1/none"]
    result = fraud("models", "promote", "9", *given)
    assert "`fraud models list --registry registry`" in result.stderr
    assert "secret" not in result.stderr
