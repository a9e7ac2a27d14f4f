"""One suite for every EventStore: an event is stored, sealed and logged once."""

import json

import pytest

from fraud_detection_api.adapters.sql.arrivals import SqlArrivalStore
from fraud_detection_api.adapters.sql.events import SqlEventStore, events_of
from fraud_detection_api.adapters.sql.labels import sealed_labels
from fraud_detection_api.decision.identifiers import uuid_bytes
from fraud_detection_api.decision.label import EventNamed, Finding
from support.happened import happened
from support.logged import SEALING, Logged
from support.sealed_rows import keep_rows, kept_row


def _residue(record: str) -> str:
    """All but the id."""
    fields = json.loads(record)
    del fields["customer_id"]
    return json.dumps(fields)


@pytest.fixture
def logged(database):
    opened = Logged(database())
    yield opened
    opened.database.close()


def stored(logged, *events):
    with logged.database.reading() as session:
        found = events_of(session, [uuid_bytes(event.event_id) for event in events])
    return sorted(found, key=lambda event: event.event_id)


def test_an_event_comes_back_as_it_was_recorded(logged):
    events = [happened(n, recorder=SEALING, is_fraud=known) for n, known in enumerate((None, 0, 1))]
    assert SqlEventStore(logged.database).record(events) == 3
    assert stored(logged, *events) == events
    assert all(map(SEALING.is_intact_event, stored(logged, *events)))


def test_an_event_is_stored_and_logged_once_under_its_own_id(logged):
    events = SqlEventStore(logged.database)
    first, again = happened(1, recorder=SEALING), happened(2, recorder=SEALING, external_id="event-1")
    assert events.record([first, again]) == 1
    assert events.record([first]) == events.record([again]) == 0
    assert events.record([again, happened(3, recorder=SEALING)]) == 1
    assert stored(logged, first, again, happened(3)) == [first, happened(3, recorder=SEALING)]
    assert [len(each.subjects) for each in logged.log.waiting(limit=10)] == [16, 16]


def test_the_events_recorded_last_about_an_entity_are_found(logged):
    events = [happened(n, recorder=SEALING, entity=str(n % 2)) for n in range(6)]
    store = SqlEventStore(logged.database)
    store.record(events)
    assert store.about("1", limit=2) == [events[5], events[3]]
    assert store.about("2", limit=2) == []
    assert store.about("1", limit=9, before=events[4].event_id) == [events[3], events[1]]
    found = store.find_each([events[4].event_id, events[0].event_id, happened(9).event_id])
    assert sorted(found) == [events[0], events[4]]


def test_several_hundred_events_are_recorded_at_once(logged):
    events = [happened(number, recorder=SEALING) for number in range(250)]
    assert SqlEventStore(logged.database).record(events) == 250
    assert logged.verified()[:3] == (12, 250, 8)
    assert (logged.verified().events, logged.verified().breaks) == (250, [])


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM events WHERE external_id = 'event-1'", "event_missing"),
        ("UPDATE events SET is_fraud = 1 WHERE external_id = 'event-1'", "event_changed"),
        ("UPDATE events SET seal = (SELECT seal FROM events WHERE external_id = 'event-2')", "event_changed"),
        ("INSERT INTO log_queue (kind, subjects, seals) SELECT kind, subjects, seals FROM log", "event_logged_again"),
    ],
)
def test_what_somebody_does_to_an_event_is_a_break(logged, statement, fault):
    event = happened(1, recorder=SEALING)
    SqlEventStore(logged.database).record([event, happened(2, recorder=SEALING)])
    logged.sign()
    logged.change(statement)
    assert (fault, event.event_id) in logged.faults()


def test_an_erasure_leaves_a_residue_of_decisions_and_events_and_the_log_is_sound(logged):
    events = [happened(number, recorder=SEALING, entity=entity) for number, entity in enumerate(("77", '"77"', "78"))]
    SqlEventStore(logged.database).record(events)
    logged.sign()
    keep_rows(logged.store, [kept_row(40, recorder=SEALING, entity="77", record='{"customer_id":77,"terminal":5}')])
    assert logged.upkeep.erase("77", residue=_residue)[:3] == (1, 2, 0)
    assert logged.upkeep.erase("77", residue=_residue)[:3] == (0, 0, 0)
    read = SqlArrivalStore(logged.database).following(12, limit=10)
    seen = [(each.kind, each.entity, each.record and json.loads(each.record)) for each in read]
    assert seen == [
        ("event", None, {"total_balance": 200000}),
        ("event", None, {"total_balance": 200000}),
        ("event", "78", json.loads(events[2].record)),
        ("decision", None, {"terminal": 5}),
        *[("erased", None, None)] * 3,
    ]
    assert logged.faults() == []
    logged.change("UPDATE events SET residue = '{}' WHERE entity IS NULL")
    assert {fault for fault, _ in logged.faults()} == {"event_changed"}


def test_an_event_that_was_changed_is_erased_without_a_residue_and_stays_a_break(logged):
    event = happened(1, recorder=SEALING)
    SqlEventStore(logged.database).record([event])
    logged.change("UPDATE events SET record = 'no JSON'")
    assert logged.upkeep.erase("345435", residue=_residue)[1:3] == (1, 1)
    [erased] = stored(logged, event)
    assert (erased.entity, erased.record, erased.residue) == (None, None, None)
    assert logged.faults() == [("event_changed", event.event_id)]


def test_labels_that_an_erasure_logged_again_say_the_same(logged):
    """The first decision has two labels with notes, and the second one."""
    before = [(each.subject, each.is_fraud) for each in SqlArrivalStore(logged.database).following(8, limit=3)]
    assert [is_fraud for _, is_fraud in before] == [1, 1, 0]
    logged.upkeep.erase(logged.rows[0].entity)
    after = SqlArrivalStore(logged.database).following(8, limit=3)
    assert [(each.subject, each.is_fraud) for each in after] == before


def labelled(logged, *numbers):
    """Events with a label each, whose note names a person."""
    events = [happened(number, recorder=SEALING) for number in numbers]
    SqlEventStore(logged.database).record(events)
    findings = [Finding(EventNamed(event.external_id), True, "analyst", 5, "called Ms Doe") for event in events]
    assert logged.labels.record(findings) == ["recorded"] * len(events)
    logged.sign()
    return events


def notes(logged, *events):
    with logged.database.reading() as session:
        return [label.note for _, label in sealed_labels(session, [uuid_bytes(event.event_id) for event in events])]


def test_a_purge_of_events_and_their_labels_is_in_the_log(logged):
    [event] = labelled(logged, 1)
    assert logged.upkeep.purge(0, lambda _removed: None)[:2] == (8, 1)
    assert (logged.faults(), logged.verified().events, logged.verified().labels) == ([], 0, 0)
    assert notes(logged, event) == []
    assert SqlArrivalStore(logged.database).position() == 12 + 2 + 9


def test_an_erasure_removes_the_notes_of_an_events_labels_and_the_log_is_sound(logged):
    [event] = labelled(logged, 1)
    logged.upkeep.erase("345435", residue=_residue)
    assert notes(logged, event) == [""]
    assert logged.labels.in_force([event.event_id])[event.event_id].is_fraud
    assert logged.faults() == []
    arrived = SqlArrivalStore(logged.database).following(12, limit=10)
    assert [each.is_fraud for each in arrived if each.kind == "label"] == [True, True]


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE labels SET is_fraud = 0 WHERE event_id IS NOT NULL", "label_changed"),
        ("DELETE FROM labels WHERE event_id IS NOT NULL", "label_missing"),
        (
            "UPDATE labels SET event_id = events.event_id FROM events WHERE external_id = 'event-2' AND decision_id IS NULL",
            "label_missing",
        ),
    ],
)
def test_what_somebody_does_to_a_label_of_an_event_is_a_break(logged, statement, fault):
    [event] = labelled(logged, 1)
    SqlEventStore(logged.database).record([happened(2, recorder=SEALING)])
    logged.sign()
    assert logged.faults() == []
    logged.change(statement)
    assert (fault, event.event_id) in logged.faults()


def test_an_event_that_somebody_adds_without_an_entry_is_a_break(logged):
    event = happened(1, recorder=SEALING)
    SqlEventStore(logged.database).record([event])
    logged.change("DELETE FROM log_queue")
    assert logged.faults() == [("event_not_logged", event.event_id)]
