"""fraud audit: verify, export and prove, with an exit status that a job can rely on."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.cli.audit import _show
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import build_store
from fraud_detection_api.errors import (
    InvalidEvidence,
    NoStore,
    NotLogged,
    RegistryUnavailable,
    StoreUnavailable,
    UnknownDecision,
)
from fraud_detection_api.services.auditing.verification import Break, Verified
from fraud_detection_api.settings import Settings
from support.refusals import refusal_of
from support.sealed_rows import NOON, keep_rows, kept_row

KEY = {"FRAUD_SEAL_KEY": "a secret of some length"}


@pytest.fixture
def kept():
    """A store of three decisions, and the registry of their model, where commands find them without an option."""
    registry = FileRegistry(Path("registry"), wall_clock=lambda: NOON / 1000)
    registry.assign("champion", registry.register({"manifest.json": b"{}"}))
    settings = Settings(seal_key=KEY["FRAUD_SEAL_KEY"])
    store = build_store(settings)
    store.migrate()
    keep_rows(store, [kept_row(n, recorder=build_recorder(settings)) for n in range(3)])
    yield store
    store.close()


@pytest.mark.parametrize("command", [["verify"], ["export", "roots.jsonl"], ["prove", "x"]], ids=lambda each: each[0])
def test_without_a_store_there_is_nothing_to_audit(fraud, command):
    assert refusal_of(fraud("audit", *command, FRAUD_STORE="none")) is NoStore
    assert refusal_of(fraud("audit", *command)) is StoreUnavailable
    assert list(Path().iterdir()) == []


def test_a_sound_store_verifies_and_a_removed_row_fails(fraud, kept):
    sound = fraud("audit", "verify", "--json", **KEY)
    assert sound.exit_code == 0, sound.stderr
    assert json.loads(sound.stdout)["decisions"] == 3
    with kept._database.writing() as session:
        session.change("DELETE FROM decisions WHERE request_id = 'request-1'")
    broken = fraud("audit", "verify", "--json", **KEY)
    assert broken.exit_code == 1
    [found] = json.loads(broken.stdout)["breaks"]
    assert (found["fault"], found["subject"]) == ("decision_missing", kept_row(1).decision_id)
    told = fraud("audit", "verify", **KEY)
    assert told.exit_code == 1
    assert kept_row(1).decision_id in told.stderr
    assert fraud("store", "check", **KEY).exit_code == 1


def test_a_row_that_an_index_hides_fails(fraud, kept):
    index = "CREATE INDEX decisions_by_outcome ON decisions (outcome, decision_id)"
    kept.close()
    with closing(sqlite3.connect("decisions.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DROP INDEX decisions_by_outcome")
        connection.execute(f"{index} WHERE outcome = 'nothing'")
        connection.execute(f"UPDATE sqlite_schema SET sql = '{index}' WHERE name = 'decisions_by_outcome'")
    broken = fraud("audit", "verify", "--json", **KEY)
    assert (broken.exit_code, {each["fault"] for each in json.loads(broken.stdout)["breaks"]}) == (1, {"file_damaged"})


def test_people_read_each_breaks_code_and_are_asked_for_the_key_only_if_most_seals_are_broken(fraud, kept):
    assert "none yet" in fraud("audit", "verify", **KEY).stdout
    with kept._database.writing() as session:
        session.change("UPDATE decisions SET outcome = 'approve', risk_score = 0 WHERE request_id = 'request-1'")
    told = fraud("audit", "verify", **KEY)
    assert told.stderr.startswith("decision_changed: a decision was changed: ")
    assert "FRAUD_SEAL_KEY" not in told.stderr
    assert "FRAUD_SEAL_KEY" in fraud("audit", "verify", FRAUD_SEAL_KEY="another secret of some length").stderr


def test_more_breaks_than_are_listed_are_said_to_be_more(capsys):
    breaks = [Break("decision_changed", kept_row(n).decision_id, n) for n in range(1000)]
    _show(Verified(2000, 0, 2000, 0, 0, 1, True, breaks, altered=1500))
    assert "more than 1,000" in capsys.readouterr().out


def test_a_registry_that_is_not_there_is_an_error(fraud, kept):
    assert refusal_of(fraud("audit", "verify", FRAUD_REGISTRY="elsewhere", **KEY)) is RegistryUnavailable


def test_a_registry_that_was_replaced_verifies_once_that_is_entered(fraud, kept):
    fraud("audit", "export", "roots.jsonl", **KEY)
    Path("registry").rename("before")
    registry = FileRegistry(Path("registry"), wall_clock=lambda: NOON / 1000 + 60)
    registry.assign("champion", registry.register({"manifest.json": b"{}"}))
    assert fraud("audit", "verify", **KEY).exit_code == 1
    assert (
        refusal_of(fraud("audit", "accept-registry", FRAUD_SEAL_KEY="another secret of some length")) is InvalidEvidence
    )
    assert "FRAUD_SEAL_KEY is not set" in fraud("audit", "accept-registry").stderr
    assert refusal_of(fraud("audit", "accept-registry", FRAUD_REGISTRY="elsewhere", **KEY)) is RegistryUnavailable
    assert fraud("audit", "accept-registry", **KEY).exit_code == 0
    sound = fraud("audit", "verify", "--json", **KEY)
    assert (sound.exit_code, len(json.loads(sound.stdout)["replaced"])) == (0, 1)
    assert "leaf 4" in fraud("audit", "verify", **KEY).stdout


def test_roots_are_exported_once_and_show_that_the_end_is_gone(fraud, kept):
    assert fraud("audit", "export", "roots.jsonl", **KEY).exit_code == 0
    assert fraud("audit", "export", "roots.jsonl", **KEY).exit_code == 0
    [root] = map(json.loads, Path("roots.jsonl").read_text().splitlines())
    assert root["size"] == 4  # with the promotion
    assert fraud("audit", "verify", "--roots", "roots.jsonl", **KEY).exit_code == 0
    Path("decisions.db").unlink()
    kept.close()
    build_store(Settings()).migrate()
    other = fraud("audit", "verify", "--roots", "roots.jsonl", "--json", **KEY)
    assert [each["fault"] for each in json.loads(other.stdout)["breaks"]] == ["other_log"]


def test_a_proof_holds_without_the_store_and_not_for_another_key(fraud, kept):
    decision_id = kept_row(2).decision_id
    assert refusal_of(fraud("audit", "prove", decision_id, **KEY)) is UnknownDecision  # it has no position yet
    fraud("audit", "export", "roots.jsonl", **KEY)
    with kept._database.writing() as session:
        session.change("DELETE FROM log_roots")
    assert refusal_of(fraud("audit", "prove", decision_id, **KEY)) is NotLogged
    fraud("audit", "export", "roots.jsonl", **KEY)
    Path("proof.json").write_text(fraud("audit", "prove", decision_id, **KEY).stdout)
    kept.close()
    Path("decisions.db").unlink()
    assert fraud("audit", "verify", "--proof", "proof.json", **KEY).exit_code == 0
    other = fraud("audit", "verify", "--proof", "proof.json", "--json", FRAUD_SEAL_KEY="another secret of some length")
    assert (other.exit_code, json.loads(other.stdout)) == (1, {"holds": False})


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE decisions SET outcome = 'approve', risk_score = 0", "was changed"),
        ("DELETE FROM decisions", "is not stored any more"),
        (f"UPDATE decisions SET seal = X'{'00' * 17}'", "was changed"),
    ],
)
def test_a_proof_of_a_row_that_is_not_what_was_logged_says_so(fraud, kept, statement, says):
    fraud("audit", "export", "roots.jsonl", **KEY)
    assert fraud("audit", "prove", kept_row(1).decision_id, **KEY).exit_code == 0
    with kept._database.writing() as session:
        session.change(f"{statement} WHERE request_id = 'request-1'")
    told = fraud("audit", "prove", kept_row(1).decision_id, **KEY)
    assert (told.exit_code, json.loads(told.stdout)["position"]) == (1, 1)
    assert says in told.stderr
    assert fraud("audit", "prove", kept_row(2).decision_id, **KEY).exit_code == 0


def test_an_erased_decision_has_a_proof(fraud, kept):
    fraud("audit", "export", "roots.jsonl", **KEY)
    assert fraud("store", "erase", "1", **KEY).exit_code == 0
    assert fraud("audit", "prove", kept_row(1).decision_id, **KEY).exit_code == 0
    fraud("audit", "export", "roots.jsonl", **KEY)
    assert fraud("audit", "prove", kept_row(1).decision_id, **KEY).exit_code == 0


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b'{"size": "1"}', b"\xff"])
def test_a_file_that_is_no_evidence_is_refused(fraud, kept, content):
    Path("evidence").write_bytes(content)
    assert refusal_of(fraud("audit", "verify", "--proof", "evidence", **KEY)) is InvalidEvidence
    assert refusal_of(fraud("audit", "verify", "--roots", "evidence", **KEY)) is InvalidEvidence
    assert refusal_of(fraud("audit", "verify", "--roots", "absent", **KEY)) is InvalidEvidence
