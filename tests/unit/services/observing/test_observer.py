"""Each stored decision is counted once, whatever happens to the observer, and whatever clocks say."""

import pytest

from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.metrics import catalogue
from fraud_detection_api.services.observing.observer import PIECE_DECISIONS
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from support.builders import every_dtype_files
from support.decided import BEGINNING
from support.observing import DAY, HOUR, MINUTE, Observed, credit_model, made, outcomes_of, strict_model

SLOT = BEGINNING // 300_000 * 300_000
HOURS_SLOT = BEGINNING // HOUR * HOUR
DIGEST = credit_model().bundle.digest


@pytest.fixture
def observed():
    return Observed()


def test_decisions_are_counted_in_both_slots_of_their_time_and_model(observed):
    rows = observed.keep(made(50))
    observed.observe()
    assert list(observed.counts(300)) == [(SLOT, DIGEST)]
    assert list(observed.counts(3600)) == [(HOURS_SLOT, DIGEST)]
    counts = observed.counts(300)[SLOT, DIGEST]
    assert counts == observed.counts(3600)[HOURS_SLOT, DIGEST]
    assert counts.rows == observed.rows_counted() == 50
    assert counts.outcomes == {"approve": 0, "review": 0, "decline": 0, **outcomes_of(rows)}
    assert observed.observations.position() == len(rows)
    assert observed.counter(catalogue.OBSERVER_RECORDS) == 50


@pytest.mark.parametrize("clocks", [[0, -10_000, 8_000], [5_000, 0, -20 * DAY], [30 * DAY, 0, 1]])
def test_decisions_of_clocks_that_differ_or_jump_are_all_counted_once(observed, clocks):
    observer, kept = observed.observer(), 0
    for step, offset in enumerate(clocks * 2):
        kept += len(observed.keep(made(7, at=BEGINNING + step * 1_000 + offset)))
        observed.now = BEGINNING + step * 1_000
        observed.observe(observer)
    assert observed.counter(catalogue.OBSERVER_RECORDS) == observed.rows_counted() == kept
    assert observed.counter(catalogue.OBSERVER_SKIPPED_RECORDS) == 0


def test_slots_divide_time(observed):
    for minutes in (0, 4, 5, 59, 60, 125):
        observed.keep(made(2, at=HOURS_SLOT + minutes * MINUTE))
    observed.now = HOURS_SLOT + 3 * HOUR
    observed.observe()
    of_minutes = {(start - HOURS_SLOT) // MINUTE: counts.rows for (start, _), counts in observed.counts(300).items()}
    of_hours = {(start - HOURS_SLOT) // HOUR: counts.rows for (start, _), counts in observed.counts(3600).items()}
    assert of_minutes == {0: 4, 5: 2, 55: 2, 60: 2, 125: 2}
    assert of_hours == {0: 8, 1: 2, 2: 2}


def test_many_pieces_count_what_one_would(observed):
    rows = observed.keep(made(2 * PIECE_DECISIONS + 7))
    observer = observed.observer()
    assert [observer.observe() for _ in range(4)] == [True, True, False, False]
    assert observed.rows_counted() == observed.rows_counted(3600) == len(rows)


def test_a_decision_is_counted_once_however_often_the_observer_starts_again(observed):
    for second in range(0, 30, 3):
        observed.keep(made(5, at=BEGINNING + second * 1000))
        observed.now = BEGINNING + second * 1000 + 2_500
        observed.observe(observed.observer())
    assert observed.rows_counted() == observed.rows_counted(3600) == 50
    assert observed.counter(catalogue.OBSERVER_RECORDS) == 50


def test_a_piece_that_could_not_be_kept_is_counted_once_it_can(observed):
    observed.keep(made(10))
    observer = observed.observer()
    observed.store.error = "unavailable"
    with pytest.raises(StoreUnavailable):
        observer.observe()
    observed.store.error = None
    observer.begin()
    observed.observe(observer)
    assert observed.rows_counted() == observed.counter(catalogue.OBSERVER_RECORDS) == 10


def test_an_observer_that_lost_its_lead_unnoticed_counts_nothing_twice(observed):
    observed.keep(made(10))
    former, leader = observed.observer(), observed.observer()
    observed.keep(made(5, at=BEGINNING + 1_000))
    observed.observe(leader)
    observed.keep(made(7, at=BEGINNING + 2_000))
    with pytest.raises(StoreUnavailable, match="another process has moved the log on"):
        former.observe()
    former.begin()
    observed.observe(former)
    assert observed.rows_counted() == 22
    observed.keep(made(3, at=BEGINNING + 3_000))
    leader.begin()
    observed.observe(leader)
    assert observed.rows_counted() == 25


def test_an_observer_that_has_come_less_far_than_another_changes_nothing(observed):
    observed.keep(made(PIECE_DECISIONS + 10))
    former, leader = observed.observer(), observed.observer()
    observed.observe(leader)
    with pytest.raises(StoreUnavailable, match="another observer has observed further"):
        former.observe()
    assert observed.rows_counted() == PIECE_DECISIONS + 10


def test_fallbacks_and_erased_records_are_passed_over(observed):
    whole, erased, fallback = made(3), made(2, at=BEGINNING + 1), made(4, at=BEGINNING + 2, deadline=-1.0)
    assert {row.source for row in fallback} == {"fallback"}
    observed.keep([*whole, *(row._replace(entity=None, record=None) for row in erased), *fallback])
    observed.observe()
    assert observed.rows_counted() == 3
    assert observed.counter(catalogue.OBSERVER_SKIPPED_RECORDS) == 6
    assert observed.observations.position() == 9


@pytest.mark.parametrize("text", ["", "null", "[]", "5", "{", '{"total_balance":"SECRET"}', '{"total_balance":[1]}'])
def test_a_record_that_cannot_be_read_is_passed_over_and_the_others_are_counted(observed, text):
    rows = made(9)
    observed.keep([*rows[:4], rows[4]._replace(record=text), *rows[5:]])
    observed.observe()
    assert observed.rows_counted() == 8
    assert observed.counter(catalogue.OBSERVER_SKIPPED_RECORDS) == 1


def test_decisions_of_two_models_are_counted_apart(observed):
    observed.keep(made(4))
    observed.keep(made(6, model=strict_model(), at=BEGINNING + 1))
    observed.observe()
    rows = {digest: counts.rows for (_, digest), counts in observed.counts().items()}
    assert rows == {DIGEST: 4, strict_model().bundle.digest: 6}


def test_decisions_of_a_model_that_the_registry_has_not_are_passed_over(observed):
    gone = made(4, at=BEGINNING + 1)
    observed.keep(made(2))
    observed.keep([row._replace(model_version="99", model_digest="sha256:gone") for row in gone])
    observed.observe()
    assert observed.rows_counted() == 2
    assert observed.counter(catalogue.OBSERVER_SKIPPED_RECORDS) == 4


def test_a_slot_that_is_held_no_more_goes_on_from_the_store(observed):
    first = made(3)
    observed.keep(first)
    observer = observed.observer()
    observed.observe(observer)
    observed.keep(made(2, at=BEGINNING + 5 * HOUR))
    observed.now = BEGINNING + 6 * HOUR
    observed.observe(observer)
    late = [row._replace(decided_at=BEGINNING) for row in made(4, at=BEGINNING + 5 * HOUR + 1)]
    observed.keep(late)
    observed.observe(observer)
    assert observed.counts()[SLOT, DIGEST].rows == 7


def test_what_cannot_be_read_of_a_slot_is_counted_anew(observed):
    slot = observed.observations
    rows = observed.keep(made(3))
    from fraud_detection_api.services.observing.observation_store import CountedSlot

    slot.record(0, [CountedSlot(SLOT, 300, DIGEST, {"of": "another version"})], [])
    observed.observe()
    assert observed.counts()[SLOT, DIGEST].rows == len(rows)


def test_slots_of_more_than_eight_days_ago_are_removed(observed):
    observed.keep(made(3))
    observed.observe()
    observed.keep(made(2, at=BEGINNING + DAY))
    observed.now = BEGINNING + 8 * DAY + HOUR
    observed.observe()
    assert {start for start, _ in observed.counts(300)} == {(BEGINNING + DAY) // 300_000 * 300_000}
    assert observed.rows_counted() == 2


def test_of_too_many_that_wait_the_oldest_are_passed_over_and_counted(observed):
    rows = observed.keep(made(3 * PIECE_DECISIONS))
    observed.registry.assign("challenger", "2")
    observed.observe(observed.observer(backlog=PIECE_DECISIONS // 2))
    skipped = PIECE_DECISIONS  # two thousand leaves got their positions, then the rest; runs are passed over whole
    assert observed.rows_counted() == len(rows) - skipped
    assert observed.counter(catalogue.OBSERVER_SKIPPED_RECORDS) == skipped
    assert observed.counter(catalogue.SHADOW_DROPPED_RECORDS, "2") == skipped
    assert observed.observations.position() == len(rows)


def test_a_backlog_within_the_limit_is_observed_whole(observed):
    rows = observed.keep(made(3 * PIECE_DECISIONS))
    observed.observe(observed.observer(backlog=2 * PIECE_DECISIONS))
    assert observed.rows_counted() == len(rows)
    assert observed.counter(catalogue.OBSERVER_SKIPPED_RECORDS) == 0


def test_removals_that_wait_keep_no_decision_from_being_observed(observed):
    rows = observed.keep(made(10))
    observed.log.enter("purged", bytes(16) * 3 * PIECE_DECISIONS, bytes(17) * 3 * PIECE_DECISIONS)
    observed.observe(observed.observer(backlog=PIECE_DECISIONS))
    assert observed.rows_counted() == len(rows)
    assert observed.counter(catalogue.OBSERVER_SKIPPED_RECORDS) == 0


def test_a_position_that_somebody_changed_passes_no_decision_over_in_silence(observed):
    observed.keep(made(3))
    observed.observations.record(4611686018427387904, [], [])
    with pytest.raises(StoreUnavailable, match="observer_position"):
        observed.observer()


def test_the_lag_is_the_time_since_nothing_waited(observed):
    observed.keep(made(PIECE_DECISIONS + 1))
    observer, lag = observed.observer(), observed.tallies.gauge(catalogue.OBSERVER_LAG)
    assert observer.observe()
    observed.now += MINUTE
    observed.keep(made(3 * PIECE_DECISIONS, at=observed.now))
    assert observer.observe()
    assert lag.value == MINUTE / 1000
    while observer.observe():
        pass
    assert lag.value == 0
    observed.now += 30_000
    observer.stalled()
    assert lag.value == 30


def test_every_dtype_is_counted(observed):
    from datetime import UTC, datetime

    from fraud_detection_api.model.bundle import read_bundle
    from fraud_detection_api.services.models.deployment import ServedModel
    from support.decided import decided

    observed.registry.register(every_dtype_files())
    model = ServedModel("3", read_bundle(every_dtype_files(), source="x"))
    sent = {"amount_eur": 1500.0, "instalments": 5, "opened_at": datetime(2021, 5, 1, tzinfo=UTC)}
    sent |= {"application": "A", "applied_at": None, "is_employed": None, "channel": "fax"}
    observed.keep(decided(model, [sent, {**sent, "channel": None, "opened_at": datetime(1980, 1, 1, tzinfo=UTC)}]))
    observed.observe()
    [counts] = observed.counts().values()
    assert (counts.features["channel"].unseen, counts.features["channel"].missing) == (1, 1)
    assert counts.features["is_employed"].missing == 2
    assert (counts.features["opened_at"].below, counts.features["opened_at"].missing) == (1, 0)


def test_an_empty_store_is_observed(observed):
    observed.observe()
    assert observed.observations.position() == 0
    assert observed.store.following(DecisionFilter(), limit=1) == []
