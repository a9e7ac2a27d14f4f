"""One suite for every EventStore: an event is stored, sealed and logged once."""

import pytest

from fraud_detection_api.adapters.sql.events import SqlEventStore, events_of
from fraud_detection_api.decision.identifiers import uuid_bytes
from support.happened import happened
from support.logged import SEALING, Logged


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


def test_an_event_that_somebody_adds_without_an_entry_is_a_break(logged):
    event = happened(1, recorder=SEALING)
    SqlEventStore(logged.database).record([event])
    logged.change("DELETE FROM log_queue")
    assert logged.faults() == [("event_not_logged", event.event_id)]
