"""StoreUpkeep, beside DecisionStore on the same database: SQLite and PostgreSQL do the same."""

import pytest

from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.events import SqlEventStore
from fraud_detection_api.adapters.sql.labels import SqlLabelStore
from fraud_detection_api.adapters.sql.observations import SqlObservationStore
from fraud_detection_api.adapters.sql.postgres import PostgresFiles
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.adapters.sql.sqlite_files import SqliteFiles
from fraud_detection_api.adapters.sql.upkeep import SqlStoreUpkeep
from fraud_detection_api.decision.label import Finding
from fraud_detection_api.decision.stored import IdempotencyKey
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.observing.observation_store import ShadowDecision
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from support.happened import happened
from support.sealed_rows import NOON, keep_rows, kept_row


class Kept:
    """A store, what looks after it, and the database of both."""

    def __init__(self, database, files):
        self.database = database
        self.store = SqlDecisionStore(database, idempotency_seconds=86_400, wall_clock=lambda: NOON / 1000)
        self.labels = SqlLabelStore(database)
        self.observations = SqlObservationStore(database)
        self.upkeep = SqlStoreUpkeep(database, files, Recorder())

    def ids(self) -> list[str]:
        return [row.decision_id for row in self.store.following(DecisionFilter(), limit=1000)]


@pytest.fixture
def bare(database):
    connected = database()
    files = SqliteFiles if isinstance(connected, SqliteDatabase) else PostgresFiles
    yield Kept(connected, files(connected))
    connected.close()


@pytest.fixture
def kept(bare):
    bare.store.migrate()
    return bare


def test_a_missing_store_has_no_revision_and_is_not_ready(bare):
    assert bare.upkeep.revision() is None
    with pytest.raises(StoreUnavailable, match="no decision store at "):
        bare.upkeep.require_ready()


def test_a_migrated_store_is_ready(kept):
    kept.upkeep.require_ready()
    assert kept.upkeep.revision() is not None


def test_an_empty_store_has_a_summary(kept):
    summary = kept.upkeep.summary()
    assert summary.by_outcome == {"approve": 0, "review": 0, "decline": 0}
    assert (summary.first, summary.last, summary.idempotency_keys) == (None, None, 0)
    assert summary.size_bytes > 0


def test_a_summary_counts_by_outcome_and_names_the_first_and_last_times(kept):
    keep_rows(kept.store, [kept_row(n) for n in (0, 1, 3)])
    summary = kept.upkeep.summary()
    assert summary.by_outcome == {"approve": 2, "review": 1, "decline": 0}
    assert (summary.first, summary.last) == (NOON, NOON + 3 * 60_000)


def test_the_oldest_are_removed_first_up_to_a_limit(kept):
    rows = [kept_row(n) for n in range(5)]
    keep_rows(kept.store, rows)
    before = rows[4].decided_at
    assert kept.upkeep.count_older(before) == (4, 0)
    assert kept.upkeep.remove_older(before, limit=3) == 3
    assert kept.ids() == [row.decision_id for row in rows[3:]]
    assert kept.upkeep.remove_older(before, limit=3) == 1
    assert kept.upkeep.remove_older(before, limit=3) == 0
    assert kept.ids() == [rows[4].decision_id]


def test_a_decision_made_at_the_limit_is_not_older(kept):
    row = kept_row(0)
    keep_rows(kept.store, [row])
    assert kept.upkeep.remove_older(row.decided_at, limit=10) == 0


def test_keys_that_were_stored_before_a_time_are_removed(kept):
    for number in range(3):
        keep_rows(kept.store, [kept_row(number)], IdempotencyKey("", f"key-{number}", b"d"), b"answer")
    assert kept.upkeep.remove_keys(NOON, limit=10) == 0
    assert kept.upkeep.remove_keys(NOON + 1, limit=2) == 2
    assert kept.upkeep.summary().idempotency_keys == 1
    assert len(kept.ids()) == 3


def test_decisions_about_entities_are_found_in_the_table(kept):
    rows = [kept_row(n) for n in range(4)]
    keep_rows(kept.store, rows)
    assert sorted(kept.upkeep.ids_about([rows[1].entity, rows[3].entity])) == [rows[n].decision_id for n in (1, 3)]
    assert kept.upkeep.ids_about(["nobody"]) == []


def test_erased_rows_replace_the_stored_ones(kept):
    row, other = kept_row(0), kept_row(1)
    keep_rows(kept.store, [row, other])
    erased = row._replace(entity=None, record=None, reasons=None, seal=b"another")
    kept.upkeep.erase([erased])
    assert kept.store.find(row.decision_id) == erased
    assert kept.store.find(other.decision_id) == other


def test_events_are_counted_and_removed_by_the_time_they_were_recorded(kept):
    events = [happened(number) for number in range(4)]
    SqlEventStore(kept.database).record(events)
    before = events[3].recorded_at
    assert (kept.upkeep.summary().events, kept.upkeep.count_older(before)) == (4, (0, 3))
    assert kept.upkeep.remove_events(before, limit=2) == 2
    assert kept.upkeep.remove_events(before, limit=2) == 1
    assert kept.upkeep.remove_events(before, limit=2) == 0
    assert kept.upkeep.events_about([events[3].entity], limit=9) == [events[3]]


def finding(row, note):
    return Finding(row.decision_id, is_fraud=True, source="analyst", effective_at=NOON, note=note)


def test_labels_are_counted_and_go_with_their_decisions(kept):
    rows = [kept_row(0), kept_row(1)]
    keep_rows(kept.store, rows)
    kept.labels.record([finding(row, "") for row in rows])
    assert kept.upkeep.summary().labels == 2
    kept.upkeep.remove_older(rows[1].decided_at, limit=10)
    assert kept.upkeep.summary().labels == 1


def shadow(row):
    return ShadowDecision(row.decision_id, "8", "sha256:challenger", "1", 0.5, 0.25, "review", 5.0, NOON)


def test_shadows_go_with_their_decisions_when_those_are_removed_or_erased(kept):
    rows = [kept_row(n) for n in range(3)]
    keep_rows(kept.store, rows)
    kept.observations.record(len(rows), [], [shadow(row) for row in rows])
    kept.upkeep.remove_older(rows[1].decided_at, limit=10)
    kept.upkeep.erase([rows[1]._replace(entity=None, record=None, reasons=None)])
    compared = kept.observations.compared("sha256:challenger", DecisionFilter(), limit=10)
    assert [row.decision_id for row, _ in compared] == [rows[2].decision_id]
    with kept.database.reading() as session:
        assert session.rows("SELECT count(*) FROM shadow_decisions") == [(1,)]


def test_a_shadow_of_a_decision_that_was_removed_or_erased_meanwhile_is_not_stored(kept):
    rows = [kept_row(n) for n in range(3)]
    keep_rows(kept.store, rows)
    kept.upkeep.remove_older(rows[1].decided_at, limit=10)
    kept.upkeep.erase([rows[1]._replace(entity=None, record=None, reasons=None)])
    kept.observations.record(len(rows), [], [shadow(row) for row in rows])
    with kept.database.reading() as session:
        assert session.rows("SELECT count(*) FROM shadow_decisions") == [(1,)]


def test_labels_of_erased_rows_stay_without_their_notes(kept):
    row, other = kept_row(0), kept_row(1)
    keep_rows(kept.store, [row, other])
    kept.labels.record([finding(row, "called Ms Doe"), finding(other, "called")])
    kept.upkeep.erase([row._replace(entity=None, record=None, reasons=None)])
    (label,) = kept.labels.history(row.decision_id)
    assert (label.is_fraud, label.note) == (True, "")
    assert kept.labels.history(other.decision_id)[0].note == "called"


def test_answers_about_erased_rows_are_removed_for_every_caller(kept):
    keys = [IdempotencyKey(caller, name, b"d") for caller, name in (("b", "one"), ("a", "one"), ("a", "two"))]
    rows = [kept_row(number, idempotency_key=key.key) for number, key in enumerate(keys)]
    for row, key in zip(rows, keys, strict=True):
        keep_rows(kept.store, [row], key, b"answer")
    kept.upkeep.erase([row._replace(entity=None, record=None, reasons=None) for row in rows[:2]])
    assert [kept.store.find_answer(key) is not None for key in keys] == [False, False, True]


def test_scrubbing_compacting_and_checking_files_leave_rows_as_they_are(kept):
    rows = [kept_row(n) for n in range(3)]
    keep_rows(kept.store, rows)
    kept.upkeep.files.scrub()
    kept.upkeep.files.compact()
    assert kept.upkeep.files.problems() == []
    assert kept.store.following(DecisionFilter(), limit=10) == rows
