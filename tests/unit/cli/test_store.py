"""fraud store: migrate, info, purge, erase, compact, backup, restore and check, with errors of one line."""

import json
from pathlib import Path

import pytest

from fraud_detection_api.adapters.journal import FileJournal
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import build_store
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from fraud_detection_api.settings import Settings
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
    result = fraud("store", *command, FRAUD_STORE="none")
    assert result.exit_code == 1
    assert result.stderr == "error: no decision is kept here: FRAUD_STORE is `none`\n"


@pytest.mark.parametrize("command", COMMANDS[1:6] + COMMANDS[7:], ids=lambda command: command[0])
def test_a_store_that_is_not_there_is_not_made(fraud, command):
    result = fraud("store", *command)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: there is not a decision store yet: a server, or `fraud store migrate`")
    assert list(Path().iterdir()) == []


def test_migrate_tells_from_where_to_where(fraud):
    assert "migrated the store from nothing to revision 0" in fraud("store", "migrate").stderr
    assert "already" in fraud("store", "migrate").stderr
    again = told(fraud("store", "migrate", "--json"))
    assert again["from"] == again["to"]


def test_info_tells_people_what_is_kept(fraud, kept):
    shown = fraud("store", "info").stdout
    for text in ("decisions", "approve", "1970" if NOON == 0 else "2026-", "idempotency keys", "0 files wait"):
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
    assert "older; nothing was removed" in fraud("store", "purge", "--older-than", "400d", "--dry-run").stderr
    assert len(kept.following(DecisionFilter(), limit=10)) == 3


def test_a_purge_tells_what_it_removed(fraud, kept):
    keep_rows(kept, [kept_row(1, at=NOON - 900 * DAY)])
    assert told(fraud("store", "purge", "--older-than", "800d", "--json")) == {
        "decisions": 1,
        "idempotency_keys": 0,
        "dry_run": False,
    }
    assert len(kept.following(DecisionFilter(), limit=10)) == 3
    assert fraud("store", "purge", "--older-than", "800d").stderr == "removed 0 decisions and 0 idempotency keys\n"


@pytest.mark.parametrize("age", ["400", "0d", "d", "-1d", "1y"])
def test_an_age_that_is_none_is_told(fraud, age):
    result = fraud("store", "purge", "--older-than", age)
    assert result.exit_code == 2
    assert "such as 90s" in result.stderr


def test_erase_tells_how_many_decisions_it_was(fraud, kept):
    result = fraud("store", "erase", "1235", FRAUD_SEAL_KEY=SEAL_KEY)
    assert (result.exit_code, result.stderr) == (0, "erased 1 decisions\n")
    assert [row.entity for row in kept.following(DecisionFilter(), limit=10)] == ["1234", None, "1236"]


def test_an_erasure_of_nobody_does_not_look_like_one(fraud, kept):
    result = fraud("store", "erase", "999999")
    assert result.exit_code == 1
    assert "no decision about that id is kept" in result.stderr
    assert "FRAUD_PSEUDONYM_KEY" in result.stderr


def test_erase_tells_of_what_it_cannot_reach(fraud, kept):
    FileJournal(Path("journal")).append([StoredRequest([kept_row(1235)])])
    keep_rows(kept, [kept_row(1, record='{"total_balance":1235}')])
    result = fraud("store", "erase", "1235")
    assert "1 of them had been changed since they were kept" in result.stderr
    assert "the id still stands in 1 places of the file" in result.stderr
    assert "1 files of the journal may tell of them too" in result.stderr
    again = fraud("store", "erase", "1235", "--json")
    assert again.exit_code == 1
    assert json.loads(again.stdout) == {"decisions": 0, "altered": 0, "traces": 1, "journal_files": 1}


def test_compact_tells_sizes(fraud, kept):
    assert "the store took" in fraud("store", "compact").stderr
    assert set(told(fraud("store", "compact", "--json"))) == {"size_bytes_before", "size_bytes"}


def test_a_backup_is_restored(fraud, kept):
    assert "holds a sound copy" in fraud("store", "backup", "copy.db").stderr
    kept.close()
    refused = fraud("store", "restore", "copy.db")
    assert (refused.exit_code, refused.stderr) == (
        1,
        "error: there is a store, decisions.db; --force replaces it\n",
    )
    Path("decisions.db").unlink()
    assert "restored 3 decisions, the last of 2026-" in fraud("store", "restore", "copy.db").stderr


@pytest.mark.parametrize(
    ("command", "told"), [("backup", "pg_dump --format=custom --file=copy.db"), ("restore", "pg_restore --clean")]
)
def test_postgresql_is_backed_up_by_its_own_tools(fraud, command, told, monkeypatch):
    monkeypatch.setattr("fraud_detection_api.adapters.sql.upkeep.SqlStoreUpkeep.require_ready", lambda self: None)
    result = fraud("store", command, "copy.db", FRAUD_STORE="postgresql://nobody@localhost:1/none")
    assert result.exit_code == 1
    assert told in result.stderr


def test_a_check_of_a_sound_store_passes(fraud, kept):
    result = fraud("store", "check", FRAUD_SEAL_KEY=SEAL_KEY)
    assert (result.exit_code, result.stderr) == (0, "looked at 3 decisions: 0 changed, 0 faults\n")


def test_a_check_names_what_was_changed_and_fails(fraud, kept):
    with kept._database.writing() as session:
        session.change("UPDATE decisions SET outcome = 'approve' WHERE entity = '1235'")
    result = fraud("store", "check", FRAUD_SEAL_KEY=SEAL_KEY)
    assert result.exit_code == 1
    assert "changed since it was kept: 01" in result.stderr
    sampled = fraud("store", "check", "--sample", "50", "--json", FRAUD_SEAL_KEY="another secret of some length")
    assert sampled.exit_code == 1
    assert json.loads(sampled.stdout)["decisions"] == 3


def test_with_another_key_than_the_servers_a_check_asks_about_it_once_and_names_twenty(fraud, kept):
    keep_rows(kept, [kept_row(n, recorder=build_recorder(Settings(seal_key=SEAL_KEY))) for n in range(22)])
    lines = fraud("store", "check").stderr.splitlines()
    assert sum(line.startswith("changed since it was kept: ") for line in lines) == 20
    assert lines[20:22] == ["and 5 more", "looked at 25 decisions: 25 changed, 0 faults"]
    assert lines[22].startswith("is FRAUD_SEAL_KEY")
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
