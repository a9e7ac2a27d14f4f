"""One suite for every ArrivalStore: every leaf once, in the order of the log, whoever moves it meanwhile."""

import threading

import pytest

from fraud_detection_api.adapters.sql.arrivals import SqlArrivalStore
from fraud_detection_api.adapters.sql.decisions import DECISIONS, SqlDecisionStore
from fraud_detection_api.adapters.sql.events import SqlEventStore
from fraud_detection_api.adapters.sql.labels import SqlLabelStore
from fraud_detection_api.adapters.sql.log import SqlLogStore
from fraud_detection_api.adapters.sql.postgres import PostgresDatabase
from fraud_detection_api.decision.identifiers import uuid_bytes, uuid_text
from fraud_detection_api.decision.label import EventNamed, Finding
from fraud_detection_api.decision.log import LogKey
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.services.auditing.sequencing import Sequencer
from fraud_detection_api.services.history.arrivals import Arrival, JustStored
from support.happened import happened
from support.kept import decision_id, kept, request_of


class Followed:
    """A store, its sequencer, and a reader that remembers how far it came."""

    def __init__(self, database):
        self.database = database
        self.store = SqlDecisionStore(database, idempotency_seconds=86_400)
        self.store.migrate()
        self.events, self.labels = SqlEventStore(database), SqlLabelStore(database)
        self.sequencer = Sequencer(SqlLogStore(database), LogKey(), changes=list)
        self.sequencer.begin()
        self.arrivals = SqlArrivalStore(database)
        self.arrivals.begin()
        self.read: list[Arrival] = []

    def save(self, *numbers):
        self.store.save([request_of(*numbers)])

    def sequence(self):
        while self.sequencer.sequence():
            pass

    def follow(self, limit=1000) -> list[Arrival]:
        """What is new."""
        found = []
        while some := self.arrivals.following(len(self.read), limit=limit):
            found += some
            self.read += some
        return found

    def numbers(self) -> list[int]:
        """The decisions that were read, in order."""
        by_id = {uuid_bytes(decision_id(number)): number for number in range(300)}
        return [by_id[each.subject] for each in self.read if each.kind == "decision"]


@pytest.fixture
def followed(database):
    one = Followed(database())
    yield one
    one.database.close()


def test_a_decision_arrives_with_its_record_and_an_event_with_what_is_known(followed):
    row, event = kept(3, history=7, record_index=0), happened(4, is_fraud=1)
    followed.store.save([request_of(3, history=7)])
    followed.events.record([event])
    expected = [
        Arrival(
            0, "decision", uuid_bytes(row.decision_id), row.decided_at, row.entity, row.record, row.request_id, 0, 7
        ),
        Arrival(1, "event", uuid_bytes(event.event_id), event.recorded_at, event.entity, event.record, is_fraud=True),
    ]
    assert followed.follow() == expected
    followed.sequence()
    assert SqlArrivalStore(followed.database).following(0, limit=10) == expected


def test_of_a_known_decision_nothing_is_read_and_the_others_are_complete(followed):
    rows = [kept(number, history=7, record_index=index) for index, number in enumerate((3, 4))]
    followed.store.save([StoredRequest(rows)])
    known = JustStored(uuid_bytes(rows[0].decision_id), 5, '"another"', "{}")
    first, second = followed.arrivals.following(0, limit=10, known={known.subject: known})
    assert first == Arrival(0, "decision", *known)
    assert (second.position, second.record, second.history) == (1, rows[1].record, 7)


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
@pytest.mark.parametrize("sequenced", [0, 1, 2, 3])
def test_leaves_are_read_once_and_in_order_while_a_sequencer_moves_them(followed, limit, sequenced):
    """The sequencer moves in each of the moments between a write and a read, or in none."""
    for turn in range(3):
        followed.save(10 * turn + 2, 10 * turn + 1)
        if sequenced & 1:
            followed.sequence()
        followed.save(10 * turn + 5)
        followed.follow(limit)
        if sequenced & 2:
            followed.sequence()
        followed.follow(limit)
    assert followed.numbers() == [10 * turn + number for turn in range(3) for number in (2, 1, 5)]
    assert [each.position for each in followed.read] == list(range(9))
    assert followed.arrivals.position() == 9


def test_entries_that_the_queue_numbers_again_are_not_missed(followed):
    followed.save(1, 2, 3)
    followed.follow()
    followed.sequence()  # the queue is empty now, and SQLite begins with 1 again
    followed.save(4)
    assert [each.position for each in followed.follow()] == [3]
    followed.sequence()
    followed.save(5, 6)
    followed.sequence()
    followed.save(7)
    followed.follow()
    assert followed.numbers() == [1, 2, 3, 4, 5, 6, 7]


def test_a_reader_starts_anywhere(followed):
    followed.save(1, 2, 3)
    followed.sequence()
    followed.save(4, 5)
    for position in range(6):
        found = SqlArrivalStore(followed.database).following(position, limit=2)
        assert [each.position for each in found] == list(range(5))[position : position + 2]


def test_runs_of_many_leaves_are_read_in_pages(followed):
    followed.save(*range(250))
    followed.sequence()
    followed.follow(limit=99)
    assert followed.numbers() == list(range(250))


def test_a_position_beyond_the_end_is_an_error_and_the_end_is_not(followed):
    followed.save(1)
    assert SqlArrivalStore(followed.database).following(1, limit=9) == []
    with pytest.raises(StoreUnavailable):
        SqlArrivalStore(followed.database).following(2, limit=9)


def test_entries_of_other_kinds_count_and_an_entry_that_is_none_counts_as_one(followed):
    log = SqlLogStore(followed.database)
    log.enter("alias", bytes(32), bytes(34))
    log.enter("decision", b"short", b"")
    followed.save(1)
    assert followed.arrivals.position() == 4
    assert [each.kind for each in followed.follow()] == ["alias", "alias", "forged", "decision"]
    followed.sequence()
    assert [each.kind for each in SqlArrivalStore(followed.database).following(0, limit=9)] == [
        *("alias", "alias", "forged", "decision")
    ]


def test_a_label_says_what_is_in_force_once_it_is_recorded(followed):
    followed.save(1, 2)
    for is_fraud, effective_at in ((True, 5), (False, 9), (True, 7)):  # the last one became known before the second
        followed.labels.record([Finding(decision_id(1), is_fraud, "analyst", effective_at, "Ms Doe")])
    followed.labels.record([Finding(decision_id(2), True, "analyst", 5)])
    said = [(0, True), (0, False), (0, False), (1, True)]
    ids = [uuid_bytes(decision_id(1)), uuid_bytes(decision_id(2))]
    for _ in range(2):
        found = SqlArrivalStore(followed.database).following(2, limit=9)
        assert [(ids.index(each.subject), each.is_fraud) for each in found] == said
        assert {(each.record, each.recorded_at - each.place) for each in found} == {
            (kept(1).record, kept(1).decided_at)
        }
        followed.sequence()


def test_a_label_of_an_event_arrives_with_the_event_and_what_is_in_force(followed):
    """Whatever was said of the event when it was sent."""
    event = happened(4, is_fraud=1)
    followed.events.record([event])
    followed.save(1)
    for about, is_fraud, effective_at in (("event-4", False, 9), ("event-4", True, 5)):
        followed.labels.record([Finding(EventNamed(about), is_fraud, "chargeback", effective_at)])
    followed.labels.record(
        [Finding(EventNamed("event-4"), True, "chargeback", 10), Finding(decision_id(1), True, "rule")]
    )
    sent = Arrival(0, "event", uuid_bytes(event.event_id), event.recorded_at, event.entity, event.record, is_fraud=1)
    for _ in range(2):
        found = SqlArrivalStore(followed.database).following(0, limit=9)
        assert found[0] == sent
        assert found[2:5] == [
            sent._replace(position=at, kind="label", is_fraud=said) for at, said in ((2, 0), (3, 0), (4, 1))
        ]
        assert (found[5].subject, found[5].record, found[5].is_fraud) == (found[1].subject, kept(1).record, 1)
        followed.sequence()


def test_labels_that_earlier_releases_did_not_seal_are_told_apart(followed):
    followed.save(1)
    columns = "decision_id, is_fraud, source, effective_at, note, recorded_at"
    with followed.database.writing() as session:
        for is_fraud, at in ((1, 5), (0, 6)):
            values = (uuid_bytes(decision_id(1)), is_fraud, "rule", at, "", at)
            session.change(f"INSERT INTO labels ({columns}) VALUES (?, ?, ?, ?, ?, ?)", values)
    assert [each.is_fraud for each in followed.follow()] == [None, True, False]
    followed.sequence()
    assert [each.is_fraud for each in SqlArrivalStore(followed.database).following(1, limit=1)] == [True]
    assert [each.is_fraud for each in SqlArrivalStore(followed.database).following(2, limit=1)] == [False]


def test_what_was_removed_leaves_its_position(followed):
    followed.save(1, 2)
    followed.labels.record([Finding(decision_id(1), True, "analyst")])
    with followed.database.writing() as session:
        session.change("DELETE FROM decisions WHERE decision_id = ?", (uuid_bytes(decision_id(1)),))
    gone, stays, label = followed.follow()
    assert gone == Arrival(0, "decision", uuid_bytes(decision_id(1)))
    assert (stays.record, label.is_fraud) == (kept(2).record, None)


def test_while_a_transaction_waits_to_commit_later_ones_wait_with_it(postgres_url):
    """Otherwise a reader of the queue would pass over its leaves, which have lower numbers."""
    one, other = (Followed(PostgresDatabase(postgres_url, timeout_seconds=20)) for _ in range(2))
    stored, may_commit, ended = threading.Event(), threading.Event(), threading.Event()

    def stall():
        with other.database.writing() as session:
            ids = other.store._ids_of({DECISIONS.decider(kept(1))})
            DECISIONS.insert(session, [kept(1), kept(2)], ids)
            stored.set()
            may_commit.wait(20)

    def save():
        one.save(8)
        ended.set()

    threads = [threading.Thread(target=each) for each in (stall, save)]
    threads[0].start()
    assert stored.wait(20)
    threads[1].start()
    with one.database.reading() as session:
        own = "(SELECT oid FROM pg_database WHERE datname = current_database())"
        waits = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = {own}"
        while not session.rows(waits)[0][0]:
            pass
    assert not ended.is_set()
    assert one.follow() == []
    may_commit.set()
    for thread in threads:
        thread.join()
    one.follow()
    assert one.numbers() == [1, 2, 8]
    for each in (one, other):
        each.database.close()


def test_a_store_without_a_reader_does_not_make_transactions_wait(postgres_url):
    one = SqlDecisionStore(PostgresDatabase(postgres_url, timeout_seconds=2), idempotency_seconds=1)
    one.migrate()
    other = PostgresDatabase(postgres_url, timeout_seconds=20)
    ids = one._ids_of({DECISIONS.decider(kept(1))})
    with other.writing() as session:
        DECISIONS.insert(session, [kept(1)], ids)
        one.save([request_of(2)])
    assert one.find(decision_id(2)) == kept(2)
    for each in (one, other):
        each.close()


def test_several_writers_and_a_sequencer_beside_a_reader_lose_nothing(database):
    writers, reader, mover = [Followed(database()) for _ in range(2)], Followed(database()), Followed(database())
    ended = threading.Event()

    def write(writer, first):
        for number in range(first, first + 60, 2):
            writer.save(number, number + 1)

    def move():
        while not ended.is_set():
            mover.sequence()

    threads = [threading.Thread(target=write, args=(each, 100 * index)) for index, each in enumerate(writers)]
    moving = threading.Thread(target=move)
    for thread in (*threads, moving):
        thread.start()
    while any(thread.is_alive() for thread in threads):
        reader.follow(limit=7)
    ended.set()
    moving.join()
    reader.follow()
    mover.sequence()
    assert sorted(reader.numbers()) == [*range(60), *range(100, 160)]
    logged = [leaf for run in SqlLogStore(reader.database).runs(after=0, limit=1000) for leaf, _ in run.pairs()]
    assert [uuid_text(each.subject) for each in reader.read] == [uuid_text(each) for each in logged]
    for each in (*writers, reader, mover):
        each.database.close()
