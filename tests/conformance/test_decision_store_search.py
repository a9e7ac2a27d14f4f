"""What every decision store finds by traits that no index serves, among a bounded number of decisions."""

from collections.abc import Iterator

import pytest
from pydantic_core import to_json

from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.events import SqlEventStore
from fraud_detection_api.adapters.sql.labels import SqlLabelStore
from fraud_detection_api.adapters.sql.postgres import PostgresDatabase
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.decision.decided import Unseen, warnings_text
from fraud_detection_api.decision.label import EventNamed, Finding, Label
from fraud_detection_api.decision.stored import StoredDecision, StoredRequest
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore, Traits
from support.fakes import InMemoryDecisionStore
from support.happened import happened
from support.kept import BEGINNING, decision_id, kept, numbers_of

EVERYTHING = DecisionFilter()
FRAUD, LEGITIMATE = range(0, 30, 5), range(1, 30, 5)


def decision(number: int) -> StoredDecision:
    """Every third has outcome review, every second was decided by model 2, number 7 by none; scores are tenfold."""
    reasons = [{"rank": 1, "code": "HIGH" if number % 4 == 0 else "HIGHER", "description": 'not "code":"LOW"'}]
    return kept(
        number,
        outcome="review" if number % 3 == 0 else "approve",
        model_version=str(1 + number % 2),
        source="fallback" if number == 7 else "model",
        risk_score=None if number == 7 else 10 * number,
        reasons=None if number > 20 else to_json(reasons).decode(),
        entity=f"{number % 5}",
        record=to_json(
            {"channel": "web" if number % 3 == 1 else '"terminal":1', "terminal": (10, 1)[number % 4 == 1]}
        ).decode(),
        warnings=warnings_text([Unseen("channel", requires_review=False)]) if number % 6 == 0 else None,
    )


@pytest.fixture(params=["in memory", "SQLite", "PostgreSQL"])
def filled(request, tmp_path) -> Iterator[DecisionStore]:
    """Decisions 0 to 29. Number 0, 5, … turned out to be fraud after it was taken for legitimate; 1, 6, … the reverse."""
    rows = [decision(number) for number in range(30)]
    if request.param == "in memory":
        memory = InMemoryDecisionStore()
        says = {decision_id(number): number in FRAUD for number in [*FRAUD, *LEGITIMATE]}
        memory.label_of = lambda one: Label(one, says[one], "rule", 2, "", 2) if one in says else None
        memory.save([StoredRequest(rows)])
        yield memory
        return
    database = (
        SqliteDatabase(tmp_path / "decisions.db", timeout_seconds=20)
        if request.param == "SQLite"
        else PostgresDatabase(request.getfixturevalue("postgres_url"), timeout_seconds=20)
    )
    store = SqlDecisionStore(database, idempotency_seconds=1)
    store.migrate()
    store.save([StoredRequest([row]) for row in rows])
    findings = [
        Finding(decision_id(number), (number in FRAUD) is (at == 2), "rule", at)
        for number in [*FRAUD, *LEGITIMATE]
        for at in (2, 1)
    ]
    SqlLabelStore(database).record(findings)
    # later, and no decisions: a search for labels does not look at them
    SqlEventStore(database).record([happened(100 + number) for number in range(9)])
    SqlLabelStore(database).record([Finding(EventNamed(f"event-{100 + number}"), True, "rule") for number in range(9)])
    yield store
    store.close()


WANTED = {
    (EVERYTHING, Traits(label="fraud")): FRAUD,
    (EVERYTHING, Traits(label="legitimate")): LEGITIMATE,
    (EVERYTHING, Traits(label="unlabelled")): [number for number in range(30) if number % 5 > 1],
    (EVERYTHING, Traits(model="2")): [number for number in range(1, 30, 2) if number != 7],
    (EVERYTHING, Traits(min_risk_score=250)): range(25, 30),
    (EVERYTHING, Traits(max_risk_score=70)): range(7),
    (EVERYTHING, Traits(min_risk_score=100, max_risk_score=120)): range(10, 13),
    (EVERYTHING, Traits(reason="HIGH")): range(0, 21, 4),
    (EVERYTHING, Traits(members=('"terminal":1',))): range(1, 30, 4),
    (EVERYTHING, Traits(members=('"terminal":1', '"channel":"web"'))): range(1, 30, 12),
    (EVERYTHING, Traits(members=('"channel":"we',))): (),
    (EVERYTHING, Traits(reason="LOW")): [],
    (EVERYTHING, Traits(warning="unseen_level")): range(0, 30, 6),
    (EVERYTHING, Traits(warning="unseen_level", reason="HIGH")): [0, 12],
    (DecisionFilter(outcome="review"), Traits(label="fraud", model="1")): [0],
    (DecisionFilter(entity="0"), Traits(label="fraud", min_risk_score=200)): [20, 25],
    (DecisionFilter(since=BEGINNING + 6, until=BEGINNING + 21), Traits(label="legitimate")): [6, 11, 16],
}


@pytest.mark.parametrize("limit", [1, 3, 100])
@pytest.mark.parametrize("among", [2, 7, 1000])
def test_pages_hold_each_decision_that_is_wanted_once(filled, limit, among):
    for (where, traits), numbers in WANTED.items():
        found, before, pages = [], None, 0
        while pages < 100:
            pages += 1
            rows, reached = filled.search(where, traits, limit=limit, among=among, before=before)
            assert len(rows) <= limit
            found += rows
            before = rows[-1].decision_id if len(rows) == limit else reached
            if before is None:
                break
        assert numbers_of(found) == sorted(numbers, reverse=True), (where, traits)


def test_no_more_decisions_are_looked_at_than_asked(filled):
    rows, reached = filled.search(EVERYTHING, Traits(max_risk_score=50), limit=10, among=20)
    assert (rows, reached) == ([], decision_id(10))


@pytest.mark.parametrize(
    ("among", "found", "last"),
    [(1, [], 26), (5, [25, 20], 16), (12, list(FRAUD)[::-1], 0), (13, list(FRAUD)[::-1], None)],
)
def test_labelled_decisions_are_found_among_the_labelled_ones(filled, among, found, last):
    """Labels of events take none of their places."""
    rows, reached = filled.search(EVERYTHING, Traits(label="fraud"), limit=10, among=among)
    assert numbers_of(rows) == found
    assert reached == (None if last is None else decision_id(last))


def test_decisions_are_counted_up_to_a_limit(filled):
    review = DecisionFilter(outcome="review")
    assert filled.count(EVERYTHING, most=100) == 30
    assert (filled.count(review, most=100), filled.count(review, most=4)) == (10, 4)
    assert filled.count(review._replace(since=BEGINNING + 15), most=100) == 5
    assert filled.count(review._replace(until=BEGINNING), most=100) == 0
