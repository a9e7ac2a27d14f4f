"""One suite for every ObservationStore: observations are stored whole, once, and removed with their decisions."""

import pytest

from fraud_detection_api.adapters.sql.observations import SqlObservationStore
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.services.observing.observation_store import CountedSlot, ShadowDecision
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from support.fakes import InMemoryDecisionStore, InMemoryObservationStore
from support.kept import BEGINNING, decision_id, numbers_of, request_of


def slot(start: int = 0, *, seconds: int = 300, model: str = "sha256:model", rows: int = 1) -> CountedSlot:
    """A slot of so many rows."""
    return CountedSlot(BEGINNING + start, seconds, model, {"rows": rows, "features": {"ä": {"counts": [rows, 0]}}})


def shadow(number: int, **changes: object) -> ShadowDecision:
    """What challenger 8 would have said of decision `number`, with changes."""
    made = ShadowDecision(
        decision_id=decision_id(number),
        model_version="8",
        model_digest="sha256:challenger",
        policy_version="1",
        margin=0.1 + number,
        fraud_probability=1 / 3,
        outcome="review",
        duration_us=5.25,
        observed_at=BEGINNING + 5_000,
    )
    return made._replace(**changes)


@pytest.fixture
def observations(store):
    """Observations of `store`'s decisions."""
    if isinstance(store, InMemoryDecisionStore):
        return InMemoryObservationStore(store)
    return SqlObservationStore(store._database)


def test_the_first_position_is_zero(observations):
    assert observations.position() == 0
    assert observations.slots(since=0, seconds=300) == []
    assert observations.compared("sha256:challenger", DecisionFilter(), limit=10) == []


def test_the_position_is_that_of_the_last_record(observations):
    observations.record(1, [], [])
    observations.record(2, [], [])
    assert observations.position() == 2


def test_slots_are_found_by_their_length_and_start_oldest_first(observations):
    later, hour, first, before = slot(600_000), slot(0, seconds=3600), slot(300_000), slot(0)
    observations.record(1, [later, hour, first, before], [])
    assert observations.slots(since=BEGINNING + 300_000, seconds=300) == [first, later]
    assert observations.slots(since=0, seconds=3600) == [hour]


def test_a_slot_replaces_the_one_of_its_time_and_model_and_no_other(observations):
    other = slot(model="sha256:other")
    observations.record(1, [slot(rows=1), other, slot(seconds=3600, rows=1)], [])
    observations.record(2, [slot(rows=2)], [])
    assert observations.slots(since=0, seconds=300) == [slot(rows=2), other]
    assert observations.slots(since=0, seconds=3600) == [slot(seconds=3600, rows=1)]


def test_a_position_cannot_go_back(store, observations):
    store.save([request_of(1, 2)])
    observations.record(2, [slot(rows=2)], [])
    with pytest.raises(StoreUnavailable, match="another observer has observed further"):
        observations.record(1, [slot(rows=1)], [shadow(1)])
    assert observations.position() == 2
    assert observations.slots(since=0, seconds=300) == [slot(rows=2)]
    assert observations.compared("sha256:challenger", DecisionFilter(), limit=10) == []


def test_a_record_that_is_repeated_changes_nothing(store, observations):
    store.save([request_of(1)])
    for _ in range(2):
        observations.record(1, [slot()], [shadow(1)])
    assert observations.slots(since=0, seconds=300) == [slot()]
    assert [pair[1] for pair in observations.compared("sha256:challenger", DecisionFilter(), limit=10)] == [shadow(1)]


def test_a_shadow_is_found_beside_its_decision_to_the_bit(store, observations):
    store.save([request_of(1)])
    observations.record(1, [], [shadow(1)])
    [(decision, beside)] = observations.compared("sha256:challenger", DecisionFilter(), limit=10)
    assert decision == store.find(decision_id(1))
    assert beside == shadow(1)


def test_only_decisions_that_this_challenger_shadowed_are_compared(store, observations):
    store.save([request_of(1, 2, 3)])
    observations.record(3, [], [shadow(1), shadow(3, model_digest="sha256:another")])
    assert numbers_of(row for row, _ in observations.compared("sha256:challenger", DecisionFilter(), limit=10)) == [1]
    assert numbers_of(row for row, _ in observations.compared("sha256:another", DecisionFilter(), limit=10)) == [3]
    assert observations.compared("sha256:nobody", DecisionFilter(), limit=10) == []


def test_two_challengers_may_shadow_one_decision(store, observations):
    store.save([request_of(1)])
    another = shadow(1, model_version="9", model_digest="sha256:another", outcome="approve")
    observations.record(1, [], [shadow(1), another])
    assert observations.compared("sha256:another", DecisionFilter(), limit=10)[0][1] == another


def test_comparisons_come_in_pages_oldest_first(store, observations):
    store.save([request_of(*range(250))])
    observations.record(249, [], [shadow(number) for number in range(250)])
    pages, after = [], None
    while page := observations.compared("sha256:challenger", DecisionFilter(), limit=100, after=after):
        after = page[-1][0].decision_id
        pages.append(numbers_of(row for row, _ in page))
    assert [len(page) for page in pages] == [100, 100, 50]
    assert [number for page in pages for number in page] == list(range(250))


def test_shadows_of_a_model_registered_twice_form_one_list(store, observations):
    store.save([request_of(*range(4))])
    versions = [shadow(number, model_version=str(8 + number % 2)) for number in range(4)]
    observations.record(3, [], versions)
    compared = observations.compared("sha256:challenger", DecisionFilter(), limit=3)
    assert [(row.decision_id, beside.model_version) for row, beside in compared] == [
        (decision_id(number), str(8 + number % 2)) for number in range(3)
    ]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (DecisionFilter(since=BEGINNING + 2), [2, 3]),
        (DecisionFilter(until=BEGINNING + 2), [0, 1]),
        (DecisionFilter(since=BEGINNING + 1, until=BEGINNING + 3), [1, 2]),
        (DecisionFilter(entity='"mine"'), [3]),
        (DecisionFilter(outcome="approve"), [0]),
        (DecisionFilter(outcome="decline", since=BEGINNING + 2), [2, 3]),
    ],
)
def test_comparisons_follow_the_filter(store, observations, wanted, numbers):
    store.save([request_of(0, outcome="approve"), request_of(1, 2), request_of(3, entity='"mine"')])
    observations.record(3, [], [shadow(number) for number in range(4)])
    assert numbers_of(row for row, _ in observations.compared("sha256:challenger", wanted, limit=10)) == numbers


def test_slots_that_started_before_a_moment_are_removed(observations):
    observations.record(1, [slot(0), slot(300_000), slot(0, seconds=3600)], [])
    observations.remove_before(BEGINNING + 300_000)
    assert observations.slots(since=0, seconds=300) == [slot(300_000)]
    assert observations.slots(since=0, seconds=3600) == []
    assert observations.position() == 1
