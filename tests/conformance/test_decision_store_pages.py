"""What every decision store lists: what is wanted, in order, a page at a time, however much comes meanwhile."""

import pytest

from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from support.kept import BEGINNING, decision_id, kept, numbers_of, request_of

EVERYTHING = DecisionFilter()
OUTCOMES = ["approve", "review", "decline"]
FAR = 2**50


@pytest.fixture
def filled(store):
    """Decisions 0 to 29, stored in random order: number n has outcome n modulo 3 and entity n modulo 5."""
    rows = [kept(number, outcome=OUTCOMES[number % 3], entity=f"{number % 5}") for number in range(30)]
    store.save([StoredRequest(rows[number::7]) for number in range(7)])
    return store


WANTED = {
    EVERYTHING: range(30),
    DecisionFilter(outcome="review"): range(1, 30, 3),
    DecisionFilter(entity="3"): range(3, 30, 5),
    DecisionFilter(entity="3", outcome="approve"): range(3, 30, 15),
    DecisionFilter(since=BEGINNING + 10): range(10, 30),
    DecisionFilter(until=BEGINNING + 10): range(10),
    DecisionFilter(since=BEGINNING + 10, until=BEGINNING + 20): range(10, 20),
    DecisionFilter(since=BEGINNING + 10, until=BEGINNING + 20, entity="0"): range(10, 20, 5),
    DecisionFilter(since=BEGINNING + 9, until=BEGINNING + 28, entity="2", outcome="approve"): range(12, 28, 15),
    DecisionFilter(since=BEGINNING + 20, until=BEGINNING + 10): range(0),
    DecisionFilter(entity="9"): range(0),
    DecisionFilter(since=0, until=FAR): range(30),
    DecisionFilter(since=-FAR, until=2**48 - 1): range(30),
    DecisionFilter(since=FAR): range(0),
    DecisionFilter(until=-1): range(0),
}


def test_listed_decisions_meet_all_conditions(filled):
    listed = {wanted: filled.following(wanted, limit=100) for wanted in WANTED}
    assert {wanted: numbers_of(rows) for wanted, rows in listed.items()} == {w: list(WANTED[w]) for w in WANTED}


def test_the_newest_come_first_on_a_page(filled):
    listed = {wanted: filled.page(wanted, limit=100) for wanted in WANTED}
    assert {wanted: numbers_of(rows) for wanted, rows in listed.items()} == {w: [*reversed(WANTED[w])] for w in WANTED}


def test_ids_are_those_of_listed_decisions(filled):
    for wanted in WANTED:
        rows = filled.following(wanted, limit=4, after=decision_id(4))
        assert filled.ids(wanted, limit=4, after=decision_id(4)) == [row.decision_id for row in rows]


@pytest.mark.parametrize("limit", [1, 4])
def test_pages_follow_each_other_without_a_gap(filled, limit):
    for wanted, numbers in WANTED.items():
        newest, before = [], None
        while rows := filled.page(wanted, limit=limit, before=before):
            assert len(rows) <= limit
            newest, before = newest + rows, rows[-1].decision_id
        assert numbers_of(newest) == list(reversed(numbers))


@pytest.mark.parametrize("limit", [1, 4])
def test_the_oldest_first_follow_each_other_without_a_gap(filled, limit):
    for wanted, numbers in WANTED.items():
        oldest, after = [], None
        while rows := filled.following(wanted, limit=limit, after=after):
            assert len(rows) <= limit
            oldest, after = oldest + rows, rows[-1].decision_id
        assert numbers_of(oldest) == list(numbers)


def test_a_cursor_need_not_match_the_filter(filled):
    assert numbers_of(filled.page(DecisionFilter(entity="0"), limit=2, before=decision_id(13))) == [10, 5]
    assert numbers_of(filled.following(DecisionFilter(entity="0"), limit=2, after=decision_id(13))) == [15, 20]


def test_new_decisions_do_not_move_others_between_pages(filled):
    first = filled.page(EVERYTHING, limit=10)
    filled.save([request_of(30), request_of(31)])
    second = filled.page(EVERYTHING, limit=10, before=first[-1].decision_id)
    assert numbers_of(first + second) == list(range(29, 9, -1))


def test_new_decisions_appear_at_the_end_when_the_oldest_come_first(filled):
    first = filled.following(EVERYTHING, limit=25)
    filled.save([request_of(30), request_of(31)])
    rest = filled.following(EVERYTHING, limit=25, after=first[-1].decision_id)
    assert numbers_of(first + rest) == list(range(32))


def test_a_page_without_matches_is_empty(filled):
    assert filled.page(EVERYTHING, limit=0) == []
    assert filled.following(EVERYTHING, limit=0) == []
