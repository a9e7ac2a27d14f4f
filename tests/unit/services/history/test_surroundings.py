"""What surrounds a decision, within bounds."""

import pytest
from pydantic_core import to_json

from fraud_detection_api.decision.label import Finding
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import NoStore
from fraud_detection_api.services.history import surroundings
from fraud_detection_api.services.history.surroundings import Surroundings
from support.fakes import InMemoryDecisionStore, InMemoryLabelStore
from support.happened import happened
from support.kept import decision_id, kept, numbers_of


class Events:
    """Stands for an EventStore."""

    def __init__(self, *events) -> None:
        self._events = events

    def about(self, entity, *, limit, before=None):
        known = [each for each in self._events if each.entity == entity and (before is None or each.event_id < before)]
        return sorted(known, reverse=True)[:limit]


def row(number, entity="1", terminal=7, **changes):
    record = to_json({"customer_id": 1, "terminal": terminal}).decode()
    return kept(number, entity=entity, record=record, **{"risk_score": 900, **changes})


def around(rows, events=()):
    store, labels = InMemoryDecisionStore(), InMemoryLabelStore(rows, lambda: 1.0, events)
    store.save([StoredRequest([each]) for each in rows])

    def label_of(one):
        return labels.in_force([one]).get(one)

    store.label_of = label_of
    return Surroundings(store, labels, Events(*events)), labels


def numbers(found):
    return numbers_of([each.row for each in found])


def test_the_nearest_decisions_of_the_entity_are_found_on_both_sides():
    rows = [row(number, entity="1" if number % 2 else "2") for number in range(12)]
    service, labels = around(rows)
    labels.record([Finding(decision_id(3), True, "chargeback")])
    life = service.of_entity(rows[5], earlier=1, later=2, events=5)
    assert (numbers(life.earlier), numbers(life.later)) == ([3], [7, 9])
    assert (life.has_earlier, life.has_later) == (True, True)
    assert life.earlier[0].label.is_fraud
    assert numbers(service.of_entity(rows[11], earlier=9, later=2, events=5).later) == []


def test_events_before_the_decision_have_what_is_known_of_them():
    events = [happened(number, entity="1", is_fraud=known) for number, known in ((1, None), (2, 1), (3, 0))]
    later = row(50)
    service, _ = around([later], events)
    assert [each.is_fraud for each in service.of_entity(later, earlier=5, later=5, events=5).events] == [
        False,
        True,
        None,
    ]


def test_an_erased_decision_has_no_entity_and_so_no_life():
    erased = row(1, entity=None)
    assert around([erased, row(2, entity=None)])[0].of_entity(erased, earlier=5, later=5, events=5).later == []


def test_decisions_with_the_same_key_are_found_among_those_around(monkeypatch):
    monkeypatch.setattr(surroundings, "MOST_AROUND", 8)
    rows = [row(number, entity=str(number), terminal=7 if number % 2 else 70) for number in range(40)]
    service, _ = around(rows)
    (linked,) = service.linked(rows[21], [{"terminal": 7}], limit=10)
    assert numbers(linked.decisions) == [23, 19, 17]
    (newest,) = service.linked(rows[39], [{"terminal": 7}], limit=2)
    assert numbers(newest.decisions) == [37, 35]
    assert service.linked(rows[1], [], limit=10) == []


def test_similar_decisions_share_a_reason_and_about_a_score_the_nearest_first():
    reasons = to_json([{"rank": 1, "code": "HIGH", "description": ""}]).decode()
    scores = {1: 900, 2: 910, 3: 870, 4: 960, 5: 905, 6: 900}
    rows = [row(number, risk_score=score, reasons=reasons) for number, score in scores.items()]
    rows += [row(7, risk_score=900, reasons=None), row(8, risk_score=901, reasons=reasons, outcome="approve")]
    service, labels = around(rows)
    labels.record([Finding(decision_id(3), True, "chargeback"), Finding(decision_id(8), False, "analyst")])
    found = service.similar(rows[0], "HIGH")
    assert numbers(found) == [6, 8, 5, 2, 3]
    assert [None if each.label is None else each.label.is_fraud for each in found] == [None, False, None, None, True]
    assert service.similar(row(9, risk_score=None), "HIGH") == []


def test_without_a_store_there_is_nothing_to_look_at():
    with pytest.raises(NoStore):
        Surroundings(None, None, None).of_entity(row(1), earlier=1, later=1, events=1)
