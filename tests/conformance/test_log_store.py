"""One suite for every LogStore: what is committed is queued once, and moved in the order of its commits."""

import threading

import pytest

from fraud_detection_api.adapters.sql.decisions import DECISIONS, SqlDecisionStore
from fraud_detection_api.adapters.sql.labels import SqlLabelStore
from fraud_detection_api.adapters.sql.log import SqlLogStore
from fraud_detection_api.adapters.sql.postgres import PostgresDatabase
from fraud_detection_api.decision.identifiers import uuid_bytes, uuid_text
from fraud_detection_api.decision.label import Finding
from fraud_detection_api.decision.log import LEAVES_A_RUN, UNSEALED, LogKey, runs_of
from fraud_detection_api.decision.merkle import Tree
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.services.auditing.sequencing import Sequencer
from fraud_detection_api.services.deciding.recording import Recorder
from support.earlier_stores import of_first_seals
from support.kept import decision_id, kept, keyed, request_of

KEY = LogKey(b"k" * 32)


class Logged:
    """A store with its log and a sequencer, on connections of their own."""

    def __init__(self, connect):
        self.database = connect()
        self.store = SqlDecisionStore(self.database, idempotency_seconds=86_400)
        self.store.migrate()
        self.log = SqlLogStore(self.database)
        self.sequencer = Sequencer(self.log, KEY, changes=list)
        self.sequencer.begin()

    def sequence(self):
        while self.sequencer.sequence():
            pass

    def numbers(self) -> list[str]:
        """The decisions in the log, in order."""
        runs = self.log.runs(after=0, limit=1_000_000)
        return [uuid_text(subject) for run in runs if run.kind == "decision" for subject, _ in run.pairs()]


@pytest.fixture
def logged(database):
    opened = []

    def start():
        opened.append(Logged(database))
        return opened[-1]

    yield start
    for each in opened:
        each.database.close()


def test_an_empty_log_has_a_name_and_the_empty_tree(logged):
    state = logged().log.state()
    assert len(state.log_id) == 32
    assert (state.found, state.tree) == (0, Tree())


def test_stored_decisions_are_logged_with_their_seals_in_the_order_of_commits(logged):
    one = logged()
    one.store.save([request_of(5, 1)])
    one.store.save([request_of(3), keyed(2)])
    one.sequence()
    assert one.numbers() == [decision_id(number) for number in (5, 1, 3, 2)]
    [run] = one.log.runs(after=0, limit=10)
    assert {seal for _, seal in run.pairs()} == {kept(1).seal}
    assert one.log.state().tree == Tree().with_leaves(run.leaves())
    assert one.log.waiting(limit=10) == []


def test_what_is_stored_twice_or_not_at_all_is_logged_once_or_never(logged):
    one = logged()
    one.store.save([request_of(1)])
    one.store.save([request_of(1, 2)])  # a doubtful write is repeated
    one.store.save([keyed(3, "a key")])
    one.store.save([keyed(4, "a key")])  # its key was answered
    with pytest.raises(Exception, match=r"CHECK|check"):
        one.store.save([request_of(5, outcome="no outcome")])
    one.sequence()
    assert one.numbers() == [decision_id(number) for number in (1, 2, 3)]


def test_many_leaves_make_several_runs(logged):
    one = logged()
    one.store.save([request_of(*range(2 * LEAVES_A_RUN + 5))])
    one.sequence()
    assert [run.position for run in one.log.runs(after=0, limit=10_000)] == [0, LEAVES_A_RUN, 2 * LEAVES_A_RUN]
    assert [run.end for run in one.log.runs(after=1, limit=LEAVES_A_RUN)] == [2 * LEAVES_A_RUN]
    assert one.log.lengths("decision", after=1) == [(LEAVES_A_RUN, LEAVES_A_RUN), (2 * LEAVES_A_RUN, 5)]
    assert one.log.lengths("label", after=0) == []


def test_labels_are_logged_with_seals_of_their_own(logged):
    one = logged()
    recorder = Recorder(b"k" * 32)
    one.store.save([request_of(1)])
    labels = SqlLabelStore(one.database, recorder)
    assert labels.record([Finding(decision_id(1), True, "analyst")]) == ["recorded"]
    one.sequence()
    [run] = [run for run in one.log.runs(after=0, limit=10) if run.kind == "label"]
    assert run.subjects == uuid_bytes(decision_id(1))
    with one.log.snapshot() as snapshot:
        [row] = snapshot.labels([uuid_bytes(decision_id(1))])
    assert row.label.seal == run.seals
    assert recorder.is_intact_label(row.label)


def test_of_two_that_move_the_same_entries_one_does_and_the_other_changes_nothing(logged):
    one = logged()
    one.store.save([request_of(1)])
    waiting, before = one.log.waiting(limit=10), one.log.state().tree
    runs = list(runs_of(waiting, 0))
    after = before.with_leaves(runs[0].leaves())
    one.log.move(waiting, runs, before, after)
    with pytest.raises(StoreUnavailable):
        one.log.move(waiting, runs, before, after)
    assert one.log.state().tree == after
    assert len(one.log.runs(after=0, limit=10)) == 1


def test_roots_are_signed_once_for_a_size(logged):
    one = logged()
    assert one.log.last_root() is None
    one.store.save([request_of(1)])
    one.sequence()
    for _ in range(2):
        one.sequencer.sign()
    root = one.log.last_root()
    assert (root.size, root.root) == (1, one.log.state().tree.root)
    assert KEY.is_signed(root)
    assert not LogKey(b"another").is_signed(root)
    with one.log.snapshot() as snapshot:
        assert snapshot.roots() == [root]


def test_a_transaction_that_commits_late_is_logged_late_and_not_lost(postgres_url):
    one, other = (Logged(lambda: PostgresDatabase(postgres_url, timeout_seconds=20)) for _ in range(2))
    stored, may_commit = threading.Event(), threading.Event()

    def stall():
        with other.database.writing() as session:
            ids = other.store._ids_of({DECISIONS.decider(kept(1))})
            DECISIONS.insert(session, [kept(1), kept(2)], ids)
            stored.set()
            may_commit.wait(20)

    stalled = threading.Thread(target=stall)
    stalled.start()
    assert stored.wait(20)
    one.store.save([request_of(8, 9)])
    one.sequence()
    assert one.numbers() == [decision_id(8), decision_id(9)]
    may_commit.set()
    stalled.join()
    one.sequence()
    assert one.numbers() == [decision_id(number) for number in (8, 9, 1, 2)]
    for each in (one, other):
        each.database.close()


def test_several_writers_and_sequencers_at_once_log_each_decision_once(logged):
    writers = [logged() for _ in range(3)]

    def write(writer, first):
        for number in range(first, first + 60, 3):
            writer.store.save([request_of(number), request_of(number + 1, number + 2)])

    def sequence(writer, ended):
        while not ended.is_set():
            try:
                writer.sequencer.begin()
                writer.sequence()
            except StoreUnavailable:
                continue

    ended = threading.Event()
    sequencers = [threading.Thread(target=sequence, args=(logged(), ended)) for _ in range(2)]
    threads = [threading.Thread(target=write, args=(each, 1000 * index)) for index, each in enumerate(writers)]
    for thread in sequencers + threads:
        thread.start()
    for thread in threads:
        thread.join()
    ended.set()
    for thread in sequencers:
        thread.join()
    one = logged()
    one.sequence()
    assert sorted(one.numbers()) == sorted(
        decision_id(1000 * index + number) for index in range(3) for number in range(60)
    )
    runs = one.log.runs(after=0, limit=10_000)
    assert one.log.state().tree == Tree().with_leaves(leaf for run in runs for leaf in run.leaves())


@pytest.mark.parametrize("observed", [None, 0, 1, 1500, 2500])
def test_a_store_of_an_earlier_release_gets_a_log_of_what_it_holds(database, observed):
    raw = database()
    raw.upgrade("0003")
    store = SqlDecisionStore(raw, idempotency_seconds=86_400)
    with of_first_seals(raw):
        store.save([request_of(*range(2500))])
    with raw.writing() as session:
        session.change(
            "INSERT INTO labels (decision_id, is_fraud, source, effective_at, note, recorded_at) "
            "VALUES (?, 1, 'rule', 1, '', 1)",
            (uuid_bytes(decision_id(7)),),
        )
        if observed is not None:
            session.change(
                "INSERT INTO observer_cursor (name, decision_id) VALUES ('decisions', ?)",
                (uuid_bytes(decision_id(observed)),),
            )
    store.migrate()
    log = SqlLogStore(raw)
    runs = log.runs(after=0, limit=10_000)
    assert [uuid_text(subject) for run in runs[:-1] for subject, _ in run.pairs()] == [
        decision_id(number) for number in range(2500)
    ]
    assert (runs[-1].kind, runs[-1].seals) == ("label", UNSEALED)
    assert log.state().found == 2501
    with raw.reading() as session:
        [(position,)] = session.rows("SELECT position FROM observer_position")
    assert position == (0 if observed is None else min(observed + 1, 2500))
    sequencer = Sequencer(log, KEY, changes=list)
    sequencer.begin()
    sequencer.sequence()
    sequencer.sign()
    assert log.last_root().size == 2501
    raw.close()
