"""Whatever somebody does to a store who can write to its database shows against its log; what the software does is sound."""

import pytest
from pydantic_core import to_json

from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.decision.identifiers import uuid_bytes
from fraud_detection_api.decision.label import Finding
from fraud_detection_api.decision.log import LogKey, LogState, signed_root
from fraud_detection_api.decision.merkle import Tree
from fraud_detection_api.errors import NotLogged, StoreUnavailable, UnknownDecision
from fraud_detection_api.services.auditing.proofs import parsed_proof, prove
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.models.aliases import AliasChange, Cause
from support.logged import SEALING, Logged
from support.sealed_rows import DAY, HOUR, NOON, keep_rows, kept_row


@pytest.fixture
def logged(database):
    opened = Logged(database())
    yield opened
    opened.database.close()


def packed(row) -> bytes:
    return uuid_bytes(row.decision_id)


def test_a_store_that_nobody_touched_is_sound(logged):
    verified = logged.verified()
    assert verified.breaks == []
    assert (verified.leaves, verified.waiting) == (8 + 3 + 1, 0)
    assert (verified.decisions, verified.labels, verified.aliases, verified.roots) == (8, 3, 1, 1)
    assert verified.is_signed


def test_what_waits_for_its_position_is_compared_too(logged):
    keep_rows(logged.store, [kept_row(n, recorder=SEALING) for n in (20, 21)])
    assert (logged.verified().breaks, logged.verified().waiting) == ([], 2)
    logged.change("DELETE FROM decisions WHERE request_id = 'request-21'")
    assert [fault for fault, _ in logged.faults()] == ["decision_missing"]


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM decisions WHERE request_id = 'request-5'", "decision_missing"),
        ("DELETE FROM decisions WHERE request_id IN ('request-6', 'request-7')", "decision_missing"),
        ("DELETE FROM labels WHERE source = 'customer'", "label_missing"),
        ("DELETE FROM labels", "label_missing"),
        ("UPDATE labels SET is_fraud = 0 WHERE is_fraud = 1", "label_changed"),
        ("UPDATE labels SET note = 'changed' WHERE note <> ''", "label_changed"),
        ("UPDATE decisions SET outcome = 'approve' WHERE request_id = 'request-5'", "decision_changed"),
        ("UPDATE decisions SET seal = (SELECT seal FROM decisions WHERE request_id = 'request-1')", "decision_changed"),
        ("DELETE FROM log WHERE position > 3", "log_changed"),
        ("UPDATE log SET kind = 'erased' WHERE kind = 'label'", "log_changed"),
        ("UPDATE log_state SET found = 1000", "other_log"),
        ("UPDATE log_state SET log_id = 'another'", "other_log"),
        ("UPDATE log_roots SET signed_at = signed_at + 1", "root_forged"),
        ("UPDATE log_roots SET size = size + 1", "root_forged"),
    ],
)
def test_a_change_in_the_database_is_a_break(logged, statement, fault):
    logged.change(statement)
    assert fault in {found for found, _ in logged.faults()}


def test_a_decision_that_somebody_adds_is_a_break(logged):
    forged = kept_row(30, recorder=Recorder(seal_key=b"another" * 5))
    keep_rows(logged.store, [forged])
    assert logged.faults() == [("decision_changed", forged.decision_id)]
    logged.change("DELETE FROM log_queue")
    assert ("decision_not_logged", forged.decision_id) in logged.faults()


def test_a_label_that_somebody_adds_is_a_break(logged):
    columns = "decision_id, is_fraud, source, effective_at, note, recorded_at"
    logged.change(f"INSERT INTO labels ({columns}) SELECT {columns} FROM labels WHERE source = 'customer'")
    assert [fault for fault, _ in logged.faults()] == ["label_changed"]
    logged.change("DELETE FROM log_queue")
    assert logged.faults() == [("label_not_logged", "1")]


def test_a_removal_that_somebody_makes_up_is_a_break(logged):
    row = logged.rows[4]
    logged.change("DELETE FROM decisions WHERE request_id = 'request-4'")
    logged.log.enter("purged", packed(row), LogKey(b"another key").tombstones([packed(row)]))
    assert logged.faults() == [("decision_missing", row.decision_id), ("removal_forged", row.decision_id)]


@pytest.mark.parametrize(
    ("changes", "fault"), [([], "alias_change_missing"), ([("champion", None, "2")], "alias_change_altered")]
)
def test_a_registry_that_lost_or_altered_a_change_is_a_break(logged, changes, fault):
    logged.changes = [logged.changes[0]._replace(alias=alias, before=old, after=new) for alias, old, new in changes]
    assert logged.faults() == [(fault, "1"), ("model_not_promoted", "1")]


@pytest.mark.parametrize(
    ("version", "digest", "at", "faults"),
    [
        ("2", "sha256:2", DAY, [("model_not_promoted", "2")]),  # somebody wrote the alias by hand
        ("3", "sha256:3", DAY, []),
        ("3", "sha256:other", DAY, [("model_not_promoted", "3")]),
        ("3", "sha256:3", 2 * HOUR, [("model_not_promoted", "3")]),
        ("3", "sha256:3", 3 * HOUR - 60_000, []),  # clocks differ
    ],
)
def test_a_model_that_no_change_made_champion_before_it_decided_is_a_break(logged, version, digest, at, faults):
    promotion = AliasChange(NOON + 3 * HOUR, "champion", "1", "3", Cause(digest="sha256:3"))
    logged.changes.append(promotion)
    logged.changes.append(AliasChange(NOON, "challenger", None, "2", Cause(digest="sha256:2")))
    changes = {"at": NOON + at, "model_version": version, "model_digest": digest}
    keep_rows(logged.store, [kept_row(50, recorder=SEALING, **changes)])
    logged.sign()
    assert logged.faults() == faults


def test_a_whole_new_log_without_the_key_is_a_break(logged):
    state = logged.log.state()
    logged.change("DELETE FROM log_roots")
    forged = LogKey(b"another key").signed(state._replace(tree=Tree(3, (b"\1" * 32, b"\2" * 32))), NOON)
    logged.log.sign(forged)
    assert [fault for fault, _ in logged.faults()] == ["root_forged"]


def test_the_end_that_is_cut_off_shows_against_a_copy_of_the_roots(logged):
    keep_rows(logged.store, [kept_row(n, recorder=SEALING) for n in range(20, 26)])
    before = logged.log.state()
    logged.sign()
    copies = [signed_root(to_json(root.as_json())) for root in logged.roots()]
    assert logged.faults(copies) == []
    logged.change("DELETE FROM decisions WHERE decided_at >= ?", kept_row(20).decided_at)
    logged.change("DELETE FROM log WHERE position >= ?", before.tree.size)
    logged.change("DELETE FROM log_roots WHERE size > ?", before.tree.size)
    logged.change("UPDATE log_state SET size = ?, peaks = ?", before.tree.size, b"".join(before.tree.peaks))
    assert logged.faults() == []  # that is why a copy is kept elsewhere
    assert [fault for fault, _ in logged.faults(copies)] == ["log_cut_off"]


def test_purges_and_erasures_keep_the_log_sound(logged):
    keep_rows(logged.store, [kept_row(n, recorder=SEALING, at=NOON + 499 * DAY + n) for n in range(20, 25)])
    logged.sign()
    assert logged.upkeep.erase("1").decisions == logged.upkeep.erase("21").decisions == 1
    assert logged.faults() == []
    logged.sign()
    assert logged.faults() == []
    assert logged.upkeep.purge(30 * DAY / 1000, lambda _removed: None).decisions == 8
    logged.sign()
    verified = logged.verified()
    assert (verified.breaks, verified.decisions, verified.labels) == ([], 5, 0)


def test_an_erasure_that_somebody_makes_up_hides_no_label(logged):
    row = logged.rows[0]
    logged.change("DELETE FROM labels WHERE source = 'customer'")
    for seal in (row.seal, bytes(17)):
        logged.log.enter("erased", packed(row), seal)
    logged.sign()
    assert ("label_missing", row.decision_id) in logged.faults()


def test_an_erased_decision_that_is_put_back_is_a_break(logged):
    row = logged.rows[3]
    logged.upkeep.erase("3")
    logged.sign()
    assert logged.faults() == []
    logged.change(
        "UPDATE decisions SET entity = ?, record = ?, reasons = ?, seal = ? WHERE decision_id = ?",
        *(row.entity, row.record, row.reasons, row.seal, packed(row)),
    )
    assert logged.faults() == [("decision_changed", row.decision_id)]


def test_a_purged_decision_that_is_put_back_is_a_break(logged):
    row = logged.rows[3]
    logged.upkeep.purge(30 * DAY / 1000, lambda _removed: None)
    keep_rows(logged.store, [row])
    logged.change("DELETE FROM log_queue WHERE kind = 'decision'")
    logged.sign()
    assert logged.faults() == [("decision_not_logged", row.decision_id)]


def test_a_purged_decision_that_is_put_back_and_logged_is_a_break_until_it_is_purged_again(logged):
    logged.upkeep.purge(30 * DAY / 1000, lambda _removed: None)
    logged.sign()
    keep_rows(logged.store, [logged.rows[3]])
    expected = [("decision_logged_again", logged.rows[3].decision_id)]
    assert logged.faults() == expected
    logged.sign()
    assert logged.faults() == expected
    logged.upkeep.purge(30 * DAY / 1000, lambda _removed: None)
    assert logged.faults() == []


def test_a_decision_that_was_deleted_and_is_put_back_is_a_break(logged):
    logged.change("DELETE FROM decisions WHERE request_id = 'request-5'")
    keep_rows(logged.store, [logged.rows[5]])
    assert logged.faults() == [("decision_logged_again", logged.rows[5].decision_id)]


def test_a_decision_that_nobody_finds_any_more_is_a_break(logged):
    row = logged.rows[3]
    logged.without_references(
        "UPDATE decisions SET decider_id = 99, outcome = 'approve' WHERE request_id = 'request-3'"
    )
    assert logged.faults() == [("decision_missing", row.decision_id)]


def test_labels_that_are_copied_or_change_places_are_breaks(logged):
    decision_id = logged.rows[0].decision_id
    logged.without_references("UPDATE labels SET label_id = 7 WHERE label_id = 1")
    assert ("label_changed", decision_id) in logged.faults()
    logged.without_references("UPDATE labels SET label_id = 8 WHERE label_id = 3")
    assert logged.faults() == []
    columns = "decision_id, is_fraud, source, effective_at, note, recorded_at, seal"
    logged.change(f"INSERT INTO labels ({columns}) SELECT {columns} FROM labels WHERE label_id = 7")
    assert logged.faults() == [("label_changed", decision_id)]


def test_labels_that_alternate_within_a_moment_are_no_copies(logged):
    about = logged.rows[4].decision_id
    logged.labels.record(
        [Finding(about, is_fraud, "analyst", note=note) for is_fraud in (True, False) * 3 for note in "ab"]
    )
    assert logged.faults() == []
    logged.upkeep.erase("4")
    logged.sign()
    assert logged.faults() == []


@pytest.mark.parametrize("table", ["decisions", "labels"])
def test_a_trigger_that_logs_no_more_is_a_break(logged, table):
    on = "" if isinstance(logged.database, SqliteDatabase) else f" ON {table}"
    logged.change(f"DROP TRIGGER {table}_logged{on}")
    assert logged.faults() == [("log_not_fed", "12")]


def test_an_entry_of_no_known_kind_is_a_break(logged):
    logged.log.enter("another", bytes(16), bytes(17))
    logged.sign()
    assert logged.faults() == [("entry_forged", "12")]


@pytest.mark.parametrize(
    ("subjects", "seals"),
    [(b"", b""), (b"", b"1" * 17), (b"1" * 5, b""), (b"1" * 16, b"1" * 16), (b"1" * 17, b"1" * 17)],
)
def test_an_entry_without_whole_leaves_is_a_break_and_shifts_no_others(logged, subjects, seals):
    logged.log.enter("decision", subjects, seals)
    keep_rows(logged.store, [kept_row(20, recorder=SEALING)])
    assert logged.faults() == [("entry_forged", "12")]
    logged.sign()
    assert logged.faults() == [("entry_forged", "12")]
    assert logged.verified().leaves == 14


def test_an_entry_that_is_repeated_does_not_make_up_for_a_decision_without_one(logged):
    logged.log.enter("decision", packed(logged.rows[0]), logged.rows[0].seal)
    logged.sign()
    added = kept_row(30, recorder=SEALING)
    keep_rows(logged.store, [added])
    logged.change("DELETE FROM log_queue")
    repeated = ("decision_logged_again", logged.rows[0].decision_id)
    assert logged.faults() == [repeated, ("decision_not_logged", added.decision_id)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log_state SET size = 4611686018427387904",
        "UPDATE log_state SET size = -1",
        "UPDATE log_state SET size = 0, peaks = ''",
        "UPDATE log_state SET peaks = ''",
        "UPDATE log SET position = 9223372036854775807 WHERE position > 9",
    ],
)
def test_nothing_follows_a_log_whose_end_was_changed(logged, statement):
    logged.change(statement.replace("''", "X''" if isinstance(logged.database, SqliteDatabase) else "''"))
    keep_rows(logged.store, [kept_row(20, recorder=SEALING)])
    assert "log_changed" in {fault for fault, _ in logged.faults()}
    with pytest.raises(StoreUnavailable, match="fraud audit verify"):
        logged.sign()


def test_a_log_without_its_state_says_so(logged):
    logged.change("DELETE FROM log_state")
    for use in (logged.verified, logged.sign):
        with pytest.raises(StoreUnavailable, match="state of the store's log is missing"):
            use()


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE labels SET note = CAST(X'ff' AS TEXT) WHERE source = 'customer'", "label_changed"),
        ("UPDATE decisions SET record = CAST(X'ff' AS TEXT) WHERE request_id = 'request-5'", "decision_changed"),
        ("INSERT INTO log_queue (kind, subjects, seals) VALUES (CAST(X'ff' AS TEXT), X'', X'')", "entry_forged"),
    ],
)
def test_a_text_that_is_no_utf_8_is_a_break_and_stops_nothing(tmp_path, statement, fault):
    logged = Logged(SqliteDatabase(tmp_path / "decisions.db", timeout_seconds=5))
    logged.change(statement)
    assert [found for found, _ in logged.faults()] == [fault]
    logged.sign()
    assert [found for found, _ in logged.faults()] == [fault]
    logged.database.close()


def test_a_note_that_an_erasure_removed_cannot_be_put_back_nor_its_label_removed(logged):
    logged.upkeep.erase("0")
    logged.sign()
    assert logged.faults() == []
    logged.change("UPDATE labels SET note = 'called' WHERE decision_id = ?", packed(logged.rows[0]))
    assert {fault for fault, _ in logged.faults()} == {"label_changed"}
    logged.change("DELETE FROM labels WHERE decision_id = ?", packed(logged.rows[0]))
    assert {fault for fault, _ in logged.faults()} == {"label_missing"}


def test_without_a_key_roots_are_not_signed_and_copies_still_show_changes(database):
    logged = Logged(database(), Recorder())
    assert not logged.verified().is_signed
    assert logged.faults() == []
    copies = logged.roots()
    logged.change("DELETE FROM labels")
    logged.change("UPDATE log SET kind = 'erased', subjects = ?, seals = ? WHERE kind = 'label'", b"", b"")
    assert "log_changed" in {fault for fault, _ in logged.faults(copies)}
    logged.database.close()


def test_a_proof_shows_that_a_decision_is_in_the_log_without_the_store(logged):
    row = logged.rows[5]
    proof = parsed_proof(to_json(prove(logged.log, row.decision_id).as_json()))
    assert proof.seal == row.seal
    assert proof.holds(SEALING.log_key)
    assert not proof.holds(LogKey(b"another key"))
    for change in (
        {"decision_id": logged.rows[4].decision_id},
        {"seal": logged.rows[4].seal},
        {"position": 4},
        {"path": []},
    ):
        assert not proof._replace(**change).holds(SEALING.log_key)


def test_what_is_not_in_a_signed_log_has_no_proof(logged):
    fresh = kept_row(40, recorder=SEALING)
    keep_rows(logged.store, [fresh])
    for unknown in ("019a0000-0000-7000-8000-000000000000", "nothing"):
        with pytest.raises(UnknownDecision):
            prove(logged.log, unknown)
    with pytest.raises((NotLogged, UnknownDecision)):
        prove(logged.log, fresh.decision_id)
    logged.sign()
    assert prove(logged.log, fresh.decision_id).holds(SEALING.log_key)


def test_a_signature_covers_every_field_of_a_root():
    key = LogKey(b"k" * 32)
    root = key.signed(LogState("log", 5, Tree().with_leaves([b"\1" * 32])), NOON)
    assert key.is_signed(root)
    for change in ({"log_id": "l"}, {"found": 6}, {"size": 2}, {"root": b"\2" * 32}, {"signed_at": NOON + 1}):
        assert not key.is_signed(root._replace(**change))
