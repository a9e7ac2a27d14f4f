"""Retention, erasure and checks of a store, on the embedded database."""

import asyncio
import random
import sqlite3
from contextlib import closing

import pytest

from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.labels import SqlLabelStore
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.adapters.sql.sqlite_files import SqliteFiles
from fraud_detection_api.adapters.sql.upkeep import SqlStoreUpkeep
from fraud_detection_api.decision.label import Finding
from fraud_detection_api.decision.stored import IdempotencyKey, StoredRequest
from fraud_detection_api.errors import StoreUnavailable, UnknownDecision
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.storage import upkeep as module
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from fraud_detection_api.services.storage.upkeep import PAUSE_SECONDS, UpkeepService
from support.sealed_rows import DAY, HOUR, NOON, keep_rows, kept_row

SEALING = Recorder(seal_key=b"k" * 32)
NOW = NOON + 500 * DAY


class Kept:
    """A store in a file, the service that looks after it, and the pauses that it made."""

    def __init__(self, path, recorder=SEALING):
        self.path, self.pauses, self.recorder = path, [], recorder
        self.database = SqliteDatabase(path, timeout_seconds=5)
        self.store = SqlDecisionStore(self.database, idempotency_seconds=86_400, wall_clock=lambda: NOW / 1000)
        self.service = UpkeepService(
            self.store,
            SqlStoreUpkeep(self.database, SqliteFiles(self.database), recorder),
            recorder=recorder,
            idempotency_seconds=86_400,
            pause=self.pauses.append,
            wall_clock=lambda: NOW / 1000,
        )

    def altered(self):
        """The decisions whose seals are broken."""
        return [row.decision_id for row in self.rows() if not self.recorder.is_intact(row)]

    def rows(self):
        return self.store.following(DecisionFilter(), limit=10_000)

    def raw(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.path.parent.glob(f"{self.path.name}*"))


@pytest.fixture
def kept_with(tmp_path):
    opened = []

    def start(recorder=SEALING):
        kept = Kept(tmp_path / "kept.db", recorder)
        opened.append(kept)
        kept.service.migrate()
        return kept

    yield start
    for kept in opened:
        kept.database.close()


@pytest.fixture
def kept(kept_with):
    return kept_with()


def row(number, **changes):
    return kept_row(number, **{"recorder": SEALING, **changes})


def purge(kept, days):
    return kept.service.purge(days * 86_400, lambda removed: None)


def test_migrating_reports_from_where_to_where(tmp_path):
    kept = Kept(tmp_path / "kept.db")
    before, after = kept.service.migrate()
    assert before is None
    assert kept.service.migrate() == (after, after)
    kept.database.close()


@pytest.mark.parametrize(
    "work",
    [
        lambda service: service.summary(),
        lambda service: service.count_older(1),
        lambda service: service.purge(1, print),
        lambda service: service.erase("1"),
        lambda service: service.compact(),
        lambda service: service.backup(None),
        lambda service: service.problems(),
    ],
)
def test_a_missing_store_is_reported_and_not_created(tmp_path, work):
    with pytest.raises(StoreUnavailable, match="no decision store at "):
        work(Kept(tmp_path / "kept.db").service)
    assert list(tmp_path.iterdir()) == []


def test_a_purge_removes_what_is_older_and_nothing_else(kept):
    rows = [row(n, at=NOW - days * DAY) for n, days in enumerate([410, 401, 399, 1])]
    keep_rows(kept.store, rows)
    assert kept.service.count_older(400 * 86_400) == (2, 0)
    assert purge(kept, 400) == (2, 0, 0)
    assert kept.rows() == rows[2:]


def test_a_purge_is_many_small_transactions_with_pauses_for_the_servers(kept, monkeypatch):
    monkeypatch.setattr(module, "ROWS_A_TRANSACTION", 2)
    keep_rows(kept.store, [row(n) for n in range(5)])
    told = []
    kept.service.purge(86_400, told.append)
    assert told == [2, 4, 5]
    assert kept.pauses == [PAUSE_SECONDS] * 2


def test_a_purge_removes_keys_that_are_older_or_have_expired(kept):
    keep_rows(kept.store, [row(0, idempotency_key="a")], IdempotencyKey("", "a", b"d"), b"answer")
    kept.store._wall_clock = lambda: (NOW - 30 * HOUR) / 1000
    keep_rows(kept.store, [row(1, idempotency_key="b")], IdempotencyKey("", "b", b"d"), b"answer")
    kept.store._wall_clock = lambda: NOW / 1000
    assert purge(kept, 9000) == (0, 0, 1)
    assert kept.store.find_answer(IdempotencyKey("", "a", b"d")) is not None


def test_purged_bytes_are_gone_from_the_files(kept):
    keep_rows(kept.store, [row(n, request_id=f"purge-me-{n}") for n in range(50)])
    assert b"purge-me" in kept.raw()
    purge(kept, 400)
    assert b"purge-me" not in kept.raw()


@pytest.mark.parametrize(
    "recorder", [SEALING, Recorder(SEALING.seal_key, pseudonym_key=b"p" * 32)], ids=["plain", "pseudonyms"]
)
@pytest.mark.parametrize("entity_id", [345435, "C-345435", "345435", 'a "b" ü'])
def test_an_erased_entity_is_gone_from_the_files_and_its_counts_stay(kept_with, recorder, entity_id):
    kept = kept_with(recorder)
    key = IdempotencyKey("caller", "key", b"d")
    about = row(1, recorder=recorder, entity_id=entity_id, idempotency_key="key")
    others = [row(n, recorder=recorder, entity_id=f"other-{n}") for n in range(2, 50)]
    keep_rows(kept.store, [about], key, b"erase-this-answer")
    keep_rows(kept.store, others)
    note = Finding(about.decision_id, is_fraud=True, source="analyst", note="erase-this-note")
    assert SqlLabelStore(kept.database).record([note]) == ["recorded"]
    assert kept.service.erase(str(entity_id)) == (1, 0, 0, 0)
    (left,) = [found for found in kept.rows() if found.decision_id == about.decision_id]
    assert (left.entity, left.record, left.reasons) == (None, None, None)
    assert left[:5] == about[:5]
    assert left[7:16] == about[7:16]
    assert kept.rows()[1:] == others
    assert kept.store.find_answer(key) is None
    raw = kept.raw()
    for gone in (about.entity, about.record, "345435", "erase-this-answer", "erase-this-note"):
        assert gone.encode() not in raw


def test_with_pseudonyms_what_was_stored_before_them_is_erased_too(kept_with):
    pseudonyms = Recorder(SEALING.seal_key, pseudonym_key=b"p" * 32)
    kept = kept_with(pseudonyms)
    keep_rows(kept.store, [row(1, entity_id="C-1"), row(2, recorder=pseudonyms, entity_id="C-1")])
    assert kept.service.erase("C-1").decisions == 2


def test_every_byte_of_erased_entities_is_gone_or_reported(kept):
    """Pages that were split may keep copies; those are counted, and compacting removes them."""
    draws = random.Random(4)
    ids = [f"E{draws.getrandbits(64):016x}" for _ in range(4000)]
    for first in range(0, len(ids), 100):
        kept.store.save([StoredRequest([row(n, entity_id=ids[n]) for n in range(first, first + 100)])])
    erased = draws.sample(ids, 30)
    told = sum(kept.service.erase(entity_id).traces for entity_id in erased)
    raw = kept.raw()
    assert sum(raw.count(entity_id.encode()) for entity_id in erased) == told
    kept.service.compact()
    raw = kept.raw()
    assert not any(entity_id.encode() in raw for entity_id in erased)


def test_another_record_with_the_same_number_is_reported_as_a_trace(kept):
    keep_rows(kept.store, [row(1, entity_id=345435), row(2, record='{"total_balance":345435}')])
    assert kept.service.erase("345435") == (1, 0, 0, 1)


def damage(kept, *statements):
    """Change the store as its owner can with `writable_schema`."""
    kept.database.close()
    with closing(sqlite3.connect(kept.path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        for statement in statements:
            connection.execute(statement)


def test_a_decision_that_an_index_hides_is_never_taken_for_erased(kept):
    about = row(1)
    keep_rows(kept.store, [about, row(2)])
    index = "CREATE INDEX decisions_of_entity ON decisions (entity, decision_id, outcome) WHERE entity"
    damage(
        kept,
        "DROP INDEX decisions_of_entity",
        f"{index} <> '{about.entity}'",
        f"UPDATE sqlite_schema SET sql = '{index} IS NOT NULL' WHERE name = 'decisions_of_entity'",
    )
    assert kept.store.following(DecisionFilter(entity=about.entity), limit=10) == []
    with pytest.raises(StoreUnavailable, match="restore a backup"):  # SQLite does not change what an index lacks
        kept.service.erase("1")
    damage(kept, "REINDEX")
    assert kept.service.erase("1") == (1, 0, 0, 0)


def test_a_decision_that_cannot_be_read_makes_its_erasure_fail(kept):
    keep_rows(kept.store, [row(1)])
    damage(kept, "UPDATE decisions SET decider_id = 99")
    with pytest.raises(StoreUnavailable, match="were not erased: 1"):
        kept.service.erase("1")


def test_an_unknown_entity_erases_nothing(kept):
    keep_rows(kept.store, [row(1)])
    assert kept.service.erase("9").decisions == 0
    assert kept.service.erase("9" * 5000).decisions == 0


def test_an_erased_row_is_sealed_anew_so_that_changing_it_shows(kept):
    keep_rows(kept.store, [row(1)])
    kept.service.erase("1")
    assert kept.altered() == []
    with kept.database.writing() as session:
        session.change("UPDATE decisions SET outcome = 'approve'")
    assert kept.altered() == [row(1).decision_id]


def test_erasing_a_changed_row_does_not_seal_the_change(kept):
    keep_rows(kept.store, [row(1)])
    with kept.database.writing() as session:
        session.change("UPDATE decisions SET outcome = 'approve'")
    assert kept.service.erase("1") == (1, 0, 1, 0)
    assert kept.altered() == [row(1).decision_id]


def test_a_sample_is_drawn_from_all_and_holds_nothing_twice(kept):
    keep_rows(kept.store, [row(n, recorder=Recorder()) for n in range(40)])
    checked = kept.service.check_sample(20, seed=1, report=print)
    assert 10 < checked.decisions <= 20
    assert len(set(checked.altered)) == checked.decisions
    assert checked == kept.service.check_sample(20, seed=1, report=print)
    assert checked != kept.service.check_sample(20, seed=2, report=print)


def test_a_sample_of_a_small_store_is_small(kept):
    assert kept.service.check_sample(5, seed=0, report=print).decisions == 0
    keep_rows(kept.store, [row(0)])
    assert kept.service.check_sample(5, seed=0, report=print).decisions == 1


def test_a_damaged_file_is_reported(kept):
    keep_rows(kept.store, [row(n) for n in range(200)])
    kept.service._upkeep.files.scrub()
    kept.database.close()
    content = bytearray(kept.path.read_bytes())
    at = content.rindex(b"request-150")
    content[at // 8192 * 8192 : at // 8192 * 8192 + 8192] = b"\xff" * 8192
    kept.path.write_bytes(content)
    assert kept.service.problems()
    kept.database.close()


def test_restoring_returns_a_summary(kept, tmp_path):
    keep_rows(kept.store, [row(n) for n in range(3)])
    kept.service.backup(tmp_path / "copy.db")
    keep_rows(kept.store, [row(3)])
    kept.service.close()
    assert sum(kept.service.restore(tmp_path / "copy.db", replace=True).by_outcome.values()) == 3
    with pytest.raises(UnknownDecision):
        kept.store.find(row(3).decision_id)


def test_compacting_reports_sizes(kept):
    keep_rows(kept.store, [row(n) for n in range(300)])
    purge(kept, 1)
    before, after = kept.service.compact()
    assert after < before


async def tidied(service, seconds=0.0):
    task = asyncio.create_task(service.watch(seconds))
    await asyncio.sleep(0.2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_a_server_removes_expired_keys_by_itself(kept):
    kept.store._wall_clock = lambda: (NOW - 25 * HOUR) / 1000
    keep_rows(kept.store, [row(1)], IdempotencyKey("", "old", b"d"), b"answer")
    kept.store._wall_clock = lambda: NOW / 1000
    keep_rows(kept.store, [row(2)], IdempotencyKey("", "new", b"d"), b"answer")
    asyncio.run(tidied(kept.service, 0.01))
    assert kept.service.summary().idempotency_keys == 1
    assert len(kept.rows()) == 2


def test_a_store_that_is_unavailable_is_tidied_when_it_is_back(tmp_path):
    kept = Kept(tmp_path / "none" / "kept.db")
    asyncio.run(tidied(kept.service, 0.01))  # and nothing was raised
    assert not (tmp_path / "none").exists()
