"""One suite for every LabelStore: labels are added, never changed, and the good ones of many are kept."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import pytest
from pydantic_core import to_json

from fraud_detection_api.adapters.sql.database import IDS_A_STATEMENT
from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.events import SqlEventStore
from fraud_detection_api.adapters.sql.labels import SqlLabelStore, sealed_labels
from fraud_detection_api.adapters.sql.log import SqlLogStore
from fraud_detection_api.adapters.sql.postgres import PostgresDatabase
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.decision.event import StoredEvent
from fraud_detection_api.decision.identifiers import uuid_bytes
from fraud_detection_api.decision.label import (
    LABEL_ROWS,
    LABEL_SOURCES,
    EntityAt,
    EventNamed,
    Finding,
    Label,
    SealedLabel,
)
from fraud_detection_api.decision.log import runs_of
from fraud_detection_api.decision.row_format import seal
from fraud_detection_api.decision.stored import StoredDecision, StoredRequest
from fraud_detection_api.errors import UnknownDecision
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.labels.recording import LabelStore
from support.earlier_stores import of_first_seals
from support.fakes import InMemoryLabelStore
from support.happened import happened
from support.labelling import DAY, NOON, kept

NOBODYS = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


class Clock:
    """Seconds since 1970, as a test sets them."""

    now = (NOON + DAY) / 1000

    def __call__(self) -> float:
        return self.now


@dataclass
class Labelled:
    """A store of labels, what stores decisions beside it, and its clock."""

    labels: LabelStore
    save: Callable[[list[StoredDecision]], None]
    save_events: Callable[[list[StoredEvent]], None]
    clock: Clock

    def record(self, *findings: Finding) -> list[str]:
        return self.labels.record(findings)

    def one(self, number: int = 1, **given) -> StoredDecision:
        """A decision, kept."""
        decision = kept(number, **given)
        self.save([decision])
        return decision

    def event(self, number: int = 1, **given) -> StoredEvent:
        """An event, stored."""
        event = happened(number, **given)
        self.save_events([event])
        return event


def in_memory(clock) -> Labelled:
    decisions: list[StoredDecision] = []
    events: list[StoredEvent] = []
    return Labelled(InMemoryLabelStore(decisions, clock, events), decisions.extend, events.extend, clock)


def in_sql(database, clock) -> Labelled:
    store = SqlDecisionStore(database, idempotency_seconds=1)
    store.migrate()
    return Labelled(
        SqlLabelStore(database, wall_clock=clock),
        lambda rows: store.save([StoredRequest(rows)]) and None,
        lambda events: SqlEventStore(database).record(events) and None,
        clock,
    )


@pytest.fixture(params=["in memory", "SQLite", "PostgreSQL"])
def store(request, tmp_path):
    if request.param == "in memory":
        yield in_memory(Clock())
        return
    if request.param == "SQLite":
        database = SqliteDatabase(tmp_path / "decisions.db", timeout_seconds=20)
    else:
        database = PostgresDatabase(request.getfixturevalue("postgres_url"), timeout_seconds=20)
    yield in_sql(database, Clock())
    database.close()


def test_a_label_of_a_decision_is_found_again(store):
    about = store.one().decision_id
    assert store.record(Finding(about, True, "chargeback", NOON + 5, "card reported stolen")) == ["recorded"]
    label = Label(about, True, "chargeback", NOON + 5, "card reported stolen", NOON + DAY)
    assert store.labels.history(about) == [label]
    assert store.labels.in_force([about]) == {about: label}


def test_every_source_may_report_either(store):
    for number, (source, is_fraud) in enumerate(product(LABEL_SOURCES, (True, False))):
        about = store.one(number).decision_id
        store.record(Finding(about, is_fraud, source))
        [label] = store.labels.history(about)
        assert (label.is_fraud, label.source, label.note) == (is_fraud, source, "")
        assert isinstance(label.is_fraud, bool)


def test_a_label_without_a_time_became_known_when_it_was_recorded(store):
    about = store.one().decision_id
    store.record(Finding(about, True, "analyst"))
    [label] = store.labels.history(about)
    assert label.effective_at == label.recorded_at == NOON + DAY


def test_the_label_that_became_known_last_is_in_force_whenever_it_was_recorded(store):
    about = store.one().decision_id
    store.record(Finding(about, False, "investigation", NOON + 9), Finding(about, True, "chargeback", NOON + 5))
    assert store.labels.in_force([about])[about].source == "investigation"
    assert [label.source for label in store.labels.history(about)] == ["investigation", "chargeback"]


def test_the_label_recorded_last_is_in_force_among_those_of_one_time(store):
    about = store.one().decision_id
    store.record(Finding(about, True, "rule", NOON), Finding(about, False, "analyst", NOON))
    store.record(Finding(about, True, "customer", NOON))
    assert store.labels.in_force([about])[about].source == "customer"


def test_a_label_that_is_sent_again_changes_nothing(store):
    about = store.one().decision_id
    sent = Finding(about, True, "chargeback", NOON + 5, "stolen")
    store.record(sent)
    store.record(Finding(about, False, "investigation", NOON + 9))
    before = store.labels.history(about)
    store.clock.now += 60
    assert store.record(sent) == ["repeated"]
    assert store.labels.history(about) == before


def test_a_label_that_is_sent_twice_at_once_is_recorded_once(store):
    about = store.one().decision_id
    sent = Finding(about, True, "chargeback", NOON + 5)
    assert store.record(sent, sent) == ["recorded", "repeated"]
    assert len(store.labels.history(about)) == 1


def test_a_label_without_a_time_that_is_in_force_already_changes_nothing(store):
    about = store.one().decision_id
    store.record(Finding(about, True, "chargeback", NOON + 5))
    assert store.record(Finding(about, True, "chargeback")) == ["repeated"]


def test_a_label_without_a_time_that_was_superseded_is_recorded_again(store):
    about = store.one().decision_id
    store.record(Finding(about, True, "analyst", NOON + 5), Finding(about, False, "analyst", NOON + 6))
    assert store.record(Finding(about, True, "analyst")) == ["recorded"]
    assert store.labels.in_force([about])[about].is_fraud


def test_a_label_that_differs_in_any_field_is_recorded(store):
    sent = Finding(store.one().decision_id, True, "chargeback", NOON + 5, "stolen")
    changes = ({"is_fraud": False}, {"source": "rule"}, {"effective_at": NOON}, {"note": "x"})
    assert store.record(sent, *(sent._replace(**change) for change in changes)) == ["recorded"] * 5


def test_an_entity_and_a_time_select_its_last_decision_by_then(store):
    sent = {"customer_id": 7}
    first, second = store.one(1, sent=sent), store.one(2, sent=sent, at=NOON + 1000)
    store.one(3, sent={"customer_id": 8}, at=NOON + 500)
    about = [EntityAt("7", NOON + 999), EntityAt("7", NOON + 1000), EntityAt("7", NOON + DAY)]
    assert store.record(*(Finding(one, True, "rule", NOON + n) for n, one in enumerate(about))) == ["recorded"] * 3
    assert [label.effective_at for label in store.labels.history(first.decision_id)] == [NOON]
    assert [label.effective_at for label in store.labels.history(second.decision_id)] == [NOON + 1, NOON + 2]


def test_an_entity_without_a_decision_by_then_is_unknown(store):
    store.one(1, sent={"customer_id": 7})
    about = [EntityAt("7", NOON - 1), EntityAt("8", NOON)]
    assert store.record(*(Finding(one, True, "rule") for one in about)) == ["nothing_by_then"] * 2


def test_a_missing_decision_is_unknown(store):
    store.one()
    for about in (NOBODYS, "nonsense", "", NOBODYS.upper()):
        assert store.record(Finding(about, True, "rule")) == ["unknown_decision"]
        with pytest.raises(UnknownDecision):
            store.labels.history(about)


def test_an_erased_decision_cannot_be_labelled(store):
    erased = store.one(1, record=None)
    assert store.record(Finding(erased.decision_id, True, "rule")) == ["erased"]
    assert store.record(Finding(EntityAt(erased.entity, NOON), True, "rule")) == ["erased"]
    assert store.labels.history(erased.decision_id) == []


def test_events_are_labelled_under_the_ids_that_callers_gave_them_beside_decisions(store):
    decision, event = store.one(), store.event()
    about = [EventNamed(event.external_id), decision.decision_id, EventNamed("event-2"), EventNamed(event.event_id)]
    answered = store.record(*(Finding(one, True, "chargeback", NOON) for one in about))
    assert answered == ["recorded", "recorded", "unknown_event", "unknown_event"]
    in_force = store.labels.in_force([event.event_id, decision.decision_id])
    label = Label(event.event_id, True, "chargeback", NOON, "", NOON + DAY)
    assert in_force == {
        event.event_id: label,
        decision.decision_id: label._replace(subject_id=decision.decision_id),
    }
    with pytest.raises(UnknownDecision):
        store.labels.history(event.event_id)


def test_labels_of_an_event_are_repeated_and_corrected_as_those_of_a_decision(store):
    event = store.event(is_fraud=1)
    first, second = (
        Finding(EventNamed(event.external_id), is_fraud, "analyst", NOON + at)
        for is_fraud, at in ((True, 5), (False, 9))
    )
    assert store.record(second, first, second) == ["recorded", "recorded", "repeated"]
    assert store.record(first) == ["repeated"]
    assert store.labels.in_force([event.event_id])[event.event_id].effective_at == NOON + 9


def test_an_erased_event_cannot_be_labelled(store):
    event = store.event(record=None, entity=None)
    assert store.record(Finding(EventNamed(event.external_id), True, "rule")) == ["erased"]


def test_known_labels_are_recorded_beside_unknown_ones(store):
    first, second = store.one(1), store.one(2, at=NOON + 1)
    findings = [Finding(about, True, "rule") for about in (first.decision_id, NOBODYS, second.decision_id)]
    assert store.record(*findings) == ["recorded", "unknown_decision", "recorded"]
    assert set(store.labels.in_force([first.decision_id, second.decision_id])) == {
        first.decision_id,
        second.decision_id,
    }


def test_recording_no_labels_records_nothing(store):
    assert store.record() == []
    assert store.labels.in_force([]) == {}


def test_a_decision_without_a_label_has_none_in_force(store):
    about = store.one().decision_id
    assert store.labels.in_force([about]) == {}
    assert store.labels.history(about) == []


def test_more_labels_than_a_statement_takes_ids_are_recorded(store):
    decisions = [kept(number, at=NOON + number) for number in range(IDS_A_STATEMENT + 3)]
    store.save(decisions)
    findings = [Finding(decision.decision_id, True, "rule", NOON) for decision in decisions]
    assert store.record(*findings) == ["recorded"] * len(decisions)
    assert store.record(*findings) == ["repeated"] * len(decisions)
    assert set(store.labels.in_force([decision.decision_id for decision in decisions])) == {
        decision.decision_id for decision in decisions
    }


def test_callers_that_send_the_same_at_once_record_it_once(store):
    decisions = [kept(number, at=NOON + number) for number in range(50)]
    store.save(decisions)
    findings = [Finding(decision.decision_id, True, "customer") for decision in decisions]
    callers = [threading.Thread(target=store.labels.record, args=(findings,)) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert {len(store.labels.history(decision.decision_id)) for decision in decisions} == {1}


def test_any_note_comes_back_as_it_was(store):
    about, note = store.one().decision_id, "“reported”: ünïcode, 'quotes', \n lines; ? marks % signs"
    store.record(Finding(about, True, "customer", None, note))
    assert store.labels.history(about)[0].note == note


def test_a_store_from_before_labels_takes_them_after_migration(tmp_path):
    database = SqliteDatabase(tmp_path / "decisions.db", timeout_seconds=5)
    database.upgrade("0001")
    store, decision = SqlDecisionStore(database, idempotency_seconds=1), kept(1, outcome="approve")
    with of_first_seals(database):
        store.save([StoredRequest([decision])])
    store.migrate()
    assert SqlLabelStore(database).record([Finding(decision.decision_id, True, "rule")]) == ["recorded"]
    assert store.find(decision.decision_id) == decision
    database.close()


def test_who_said_a_label_is_stored_and_sealed(store):
    about = store.one().decision_id
    store.record(Finding(about, True, "analyst", reviewer="ann"))
    assert store.record(Finding(about, True, "analyst", reviewer="bob")) == ["repeated"]
    assert [label.reviewer for label in store.labels.history(about)] == ["ann"]
    sealed = LABEL_ROWS.sealed(SealedLabel(*store.labels.history(about)[0], b""), b"")
    assert LABEL_ROWS.is_intact(sealed, b"")
    assert not LABEL_ROWS.is_intact(sealed._replace(reviewer="bob"), b"")


def test_labels_of_an_earlier_release_keep_their_seals(database):
    raw, decision = database(), kept(1, outcome="approve")  # it had no review queue
    raw.upgrade("0004")
    store = SqlDecisionStore(raw, idempotency_seconds=1)
    with of_first_seals(raw):
        store.save([StoredRequest([decision])])
    fields = (decision.decision_id, True, "rule", 5, "", 9)
    columns = "decision_id, is_fraud, source, effective_at, note, recorded_at, seal"
    with raw.writing() as session:
        values = (uuid_bytes(decision.decision_id), 1, *fields[2:], seal(b"\x01", to_json(fields), b""))
        session.change(f"INSERT INTO labels ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    store.migrate()
    labels = SqlLabelStore(raw)
    labels.record([Finding(decision.decision_id, False, "analyst", 6, reviewer="ann")])
    assert labels.history(decision.decision_id)[0] == Label(*fields)
    with raw.reading() as session:
        found = [label for _, label in sealed_labels(session, [uuid_bytes(decision.decision_id)])]
    assert [(label.reviewer, Recorder().is_intact_label(label)) for label in found] == [(None, True), ("ann", True)]
    raw.close()


def test_labels_from_before_labels_of_events_stay_and_go_with_their_decisions(database):
    raw, decisions = database(), [kept(1, outcome="approve"), kept(2, at=NOON + 1, outcome="approve")]
    raw.upgrade("0007")
    store, sealing = SqlDecisionStore(raw, idempotency_seconds=1), Recorder(seal_key=b"k")
    store.save([StoredRequest(decisions)])
    labels = [
        sealing.sealed_label(Label(each.decision_id, True, "rule", 5, "a note", 9 + number, "ann"))
        for number, each in enumerate(decisions)
    ]
    columns = "decision_id, is_fraud, source, effective_at, note, recorded_at, reviewer, seal"
    with raw.writing() as session:
        for label in labels:
            values = (uuid_bytes(label.subject_id), 1, *label[2:])
            session.change(f"INSERT INTO labels ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
    store.migrate()
    event = happened(1)
    SqlEventStore(raw).record([event])
    assert SqlLabelStore(raw, sealing).record([Finding(EventNamed(event.external_id), True, "rule")]) == ["recorded"]
    ids = [uuid_bytes(each) for each in (decisions[0].decision_id, decisions[1].decision_id, event.event_id)]
    with raw.reading() as session:
        found = list(sealed_labels(session, ids))
    assert [label_id for label_id, _ in found] == [1, 2, 3]
    assert [label for _, label in found[:2]] == labels
    logged = [(run.kind, run.end - run.position) for run in runs_of(SqlLogStore(raw).waiting(limit=10), 0)]
    assert logged == [("decision", 2), ("label", 2), ("event", 1), ("label", 1)]
    with raw.writing() as session:
        session.change("DELETE FROM decisions WHERE decision_id = ?", (ids[0],))
        session.change("DELETE FROM events")
        assert [label for _, label in sealed_labels(session, ids)] == labels[1:]
    raw.close()
