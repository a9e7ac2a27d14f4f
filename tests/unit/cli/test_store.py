"""fraud store: migrate, info, purge, erase, compact, backup, restore and check, with errors of one line."""

import json
import os
import re
import signal
from pathlib import Path

import pytest

from fraud_detection_api.adapters.journal import FileJournal
from fraud_detection_api.adapters.sql import sqlite_files
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import build_store
from fraud_detection_api.decision.identifiers import uuid_bytes
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import BackupFailed, NoStore, StoreUnavailable
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from fraud_detection_api.settings import Settings
from support.refusals import numbers_in, refusal_of
from support.sealed_rows import DAY, NOON, keep_rows, kept_row

COMMANDS = [
    ["migrate"],
    ["info"],
    ["purge", "--older-than", "1d"],
    ["erase", "1"],
    ["compact"],
    ["backup", "copy.db"],
    ["restore", "copy.db"],
    ["check"],
]
SEAL_KEY = "a secret of some length"
IDENTIFIER = r"(?m)[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$"


@pytest.fixture
def kept():
    """A store of three decisions, where commands find it without an option."""
    settings = Settings(seal_key=SEAL_KEY)
    store = build_store(settings)
    store.migrate()
    keep_rows(store, [kept_row(n, recorder=build_recorder(settings)) for n in (1234, 1235, 1236)])
    yield store
    store.close()


def told(result) -> dict:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_where_no_decision_is_kept_there_is_nothing_to_look_after(fraud, command):
    assert refusal_of(fraud("store", *command, FRAUD_STORE="none")) is NoStore


@pytest.mark.parametrize("command", COMMANDS[1:6] + COMMANDS[7:], ids=lambda command: command[0])
def test_a_store_that_is_not_there_is_not_made(fraud, command):
    assert refusal_of(fraud("store", *command)) is StoreUnavailable
    assert list(Path().iterdir()) == []


def test_migrate_tells_from_where_to_where(fraud):
    first = told(fraud("store", "migrate", "--json"))
    assert first["from"] is None
    assert first["to"] in fraud("store", "migrate").stderr
    assert told(fraud("store", "migrate", "--json")) == {"from": first["to"], "to": first["to"]}


def test_info_tells_people_what_is_kept(fraud, kept):
    shown = fraud("store", "info").stdout
    for text in ("decisions", "approve", "2026-", "idempotency keys", "journal"):
        assert text in shown


def test_info_tells_programs_the_same(fraud, kept):
    shown = told(fraud("store", "info", "--json"))
    assert (shown["decisions"], shown["outcomes"]) == (3, {"approve": 1, "review": 1, "decline": 1})
    assert shown["first"].endswith("Z")
    assert shown["journal"] == {"files": 0, "size_bytes": 0, "damaged_files": 0}


def test_info_tells_what_waits_in_the_journal(fraud, kept):
    FileJournal(Path("journal")).append([StoredRequest([kept_row(9)])])
    Path("journal/x.damaged").write_bytes(b"")
    waiting = told(fraud("store", "info", "--json"))["journal"]
    assert (waiting["files"], waiting["damaged_files"]) == (1, 1)
    assert waiting["size_bytes"] > 0


def test_another_store_can_be_named(fraud, kept):
    assert fraud("store", "migrate", "--store", "sqlite:///other.db").exit_code == 0
    assert told(fraud("store", "info", "--store", "sqlite:///other.db", "--json"))["decisions"] == 0


def test_a_dry_run_counts_and_removes_nothing(fraud, kept):
    dry_run = ("store", "purge", "--older-than", "1d", "--dry-run")
    assert numbers_in(fraud(*dry_run).stderr) == [3, 0]
    assert told(fraud(*dry_run, "--json")) == {"decisions": 3, "events": 0, "dry_run": True}
    assert len(kept.following(DecisionFilter(), limit=10)) == 3


def test_a_purge_tells_what_it_removed(fraud, kept):
    keep_rows(kept, [kept_row(1, at=NOON - 900 * DAY)])
    assert told(fraud("store", "purge", "--older-than", "800d", "--json")) == {
        "decisions": 1,
        "events": 0,
        "idempotency_keys": 0,
        "dry_run": False,
    }
    assert len(kept.following(DecisionFilter(), limit=10)) == 3
    assert numbers_in(fraud("store", "purge", "--older-than", "800d").stderr) == [0, 0, 0]


@pytest.mark.parametrize("age", ["400", "0d", "d", "-1d", "1y"])
def test_an_age_that_is_none_is_told(fraud, age):
    result = fraud("store", "purge", "--older-than", age)
    assert result.exit_code == 2
    assert "90s" in result.stderr


def test_erase_tells_how_many_decisions_it_was(fraud, kept):
    result = fraud("store", "erase", "1235", FRAUD_SEAL_KEY=SEAL_KEY)
    assert (result.exit_code, numbers_in(result.stderr)) == (0, [1])
    assert [row.entity for row in kept.following(DecisionFilter(), limit=10)] == ["1234", None, "1236"]


def test_an_erasure_of_nobody_does_not_look_like_one(fraud, kept):
    result = fraud("store", "erase", "999999")
    assert result.exit_code == 1
    assert "FRAUD_PSEUDONYM_KEY" in result.stderr


def test_erase_tells_of_what_it_cannot_reach(fraud, kept):
    FileJournal(Path("journal")).append([StoredRequest([kept_row(1235)])])
    keep_rows(kept, [kept_row(1, record='{"total_balance":1235}')])
    result = fraud("store", "erase", "1235")
    assert [numbers_in(line) for line in result.stderr.splitlines()] == [[1], [1], [1], [1]]
    again = fraud("store", "erase", "1235", "--json")
    assert again.exit_code == 1
    assert json.loads(again.stdout) == {"decisions": 0, "events": 0, "altered": 0, "traces": 1, "journal_files": 1}


def test_compact_tells_sizes(fraud, kept):
    assert fraud("store", "compact").stderr.count(" MB") == 2
    assert set(told(fraud("store", "compact", "--json"))) == {"size_bytes_before", "size_bytes"}


def test_a_backup_is_restored(fraud, kept):
    assert fraud("store", "backup", "copy.db").exit_code == 0
    kept.close()
    refused = fraud("store", "restore", "copy.db")
    assert refusal_of(refused) is BackupFailed
    assert "--force" in refused.stderr
    Path("decisions.db").unlink()
    restored = fraud("store", "restore", "copy.db")
    assert numbers_in(restored.stderr.splitlines()[0]) == [3]


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_copy_that_sigterm_ends_leaves_no_records_behind(fraud, kept, command, monkeypatch):
    fraud("store", "backup", "copy.db")
    kept.close()
    monkeypatch.setattr(sqlite_files, "_copy", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    ended = fraud("store", command, "copy.db", *(["--force"] if command == "restore" else []))
    assert ended.exit_code == 128 + signal.SIGTERM
    assert [path.name for path in Path().iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("command", "told"), [("backup", "pg_dump --format=custom --file=copy.db"), ("restore", "pg_restore --clean")]
)
def test_postgresql_is_backed_up_by_its_own_tools(fraud, command, told, monkeypatch):
    monkeypatch.setattr("fraud_detection_api.adapters.sql.upkeep.SqlStoreUpkeep.require_ready", lambda self: None)
    result = fraud("store", command, "copy.db", FRAUD_STORE="postgresql://nobody@localhost:1/none")
    assert refusal_of(result) is BackupFailed
    assert told in result.stderr


def test_a_check_of_a_sound_store_passes(fraud, kept):
    result = fraud("store", "check", FRAUD_SEAL_KEY=SEAL_KEY)
    assert (result.exit_code, numbers_in(result.stderr)) == (0, [3, 0, 0])


def test_a_check_names_what_was_changed_and_fails(fraud, kept):
    with kept._database.writing() as session:
        session.change("UPDATE decisions SET outcome = 'approve' WHERE entity = '1235'")
    result = fraud("store", "check", FRAUD_SEAL_KEY=SEAL_KEY)
    assert result.exit_code == 1
    assert len(re.findall(IDENTIFIER, result.stderr)) == 1
    sampled = fraud("store", "check", "--sample", "50", "--json", FRAUD_SEAL_KEY="another secret of some length")
    assert sampled.exit_code == 1
    assert json.loads(sampled.stdout)["decisions"] == 3


def test_a_check_counts_a_row_that_was_sealed_again_without_its_entry(fraud, kept):
    row = kept.following(DecisionFilter(), limit=1)[0]
    resealed = build_recorder(Settings(seal_key=SEAL_KEY)).sealed(row._replace(outcome="approve", latency_ms=9.0))
    with kept._database.writing() as session:
        change = "UPDATE decisions SET outcome = ?, latency_ms = 9.0, seal = ? WHERE decision_id = ?"
        session.change(change, (resealed.outcome, resealed.seal, uuid_bytes(row.decision_id)))
    checked = json.loads(fraud("store", "check", "--json", FRAUD_SEAL_KEY=SEAL_KEY).stdout)
    assert (checked["altered"], checked["altered_count"]) == ([row.decision_id], 1)


def test_with_another_key_than_the_servers_a_check_asks_about_it_once_and_names_twenty(fraud, kept):
    keep_rows(kept, [kept_row(n, recorder=build_recorder(Settings(seal_key=SEAL_KEY))) for n in range(22)])
    lines = fraud("store", "check").stderr.splitlines()
    assert all(re.search(IDENTIFIER, line) for line in lines[:20])
    assert [numbers_in(line) for line in lines[20:22]] == [[5], [25, 25, 0]]
    assert "FRAUD_SEAL_KEY" in lines[22]
    assert len(json.loads(fraud("store", "check", "--json").stdout)["altered"]) == 25


def test_where_some_of_a_few_seals_are_broken_the_key_is_not_doubted(fraud, kept):
    with kept._database.writing() as session:
        session.change("UPDATE decisions SET outcome = 'approve' WHERE entity = '1235'")
    assert "FRAUD_SEAL_KEY" not in fraud("store", "check", FRAUD_SEAL_KEY=SEAL_KEY).stderr


def test_a_check_names_damage(fraud, kept):
    keep_rows(kept, [kept_row(n) for n in range(200)])
    kept.close()
    path = Path("decisions.db")
    content = path.read_bytes()
    at = content.rindex(b"request-150") // 8192 * 8192
    path.write_bytes(content[:at] + b"\xff" * 8192 + content[at + 8192 :])
    result = fraud("store", "check")
    assert result.exit_code == 1
    assert "damaged: " in result.stderr
