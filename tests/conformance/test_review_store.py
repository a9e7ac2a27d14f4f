"""One suite for the ReviewStore on both databases: who has which case, and what becomes of it in one transaction."""

import threading
import time
from types import SimpleNamespace

import pytest

from fraud_detection_api.adapters.sql.accounts import SqlAccountStore
from fraud_detection_api.adapters.sql.decisions import DECISIONS, SqlDecisionStore
from fraud_detection_api.adapters.sql.labels import SqlLabelStore, sealed_labels
from fraud_detection_api.adapters.sql.reviews import SqlReviewStore
from fraud_detection_api.adapters.sql.upkeep import SqlStoreUpkeep
from fraud_detection_api.decision.identifiers import uuid_bytes
from fraud_detection_api.decision.label import Finding
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import StoreUnavailable, UnknownDecision
from fraud_detection_api.services.accounts.account_store import AuditLine
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.reviewing.refusals import CaseClosed, CaseEscalated, CaseTaken, NotAppealable
from fraud_detection_api.services.reviewing.review_store import Act, CaseFilter, Length, Reviewer
from fraud_detection_api.services.storage.erasing import Erasing, no_residue
from support.kept import BEGINNING, decided, decision_id, kept

MIRA, OMAR, LEAD = Reviewer("mira", False), Reviewer("omar", False), Reviewer("lena", True)
NOW, LEASE = 1_000_000, 600
ALL = CaseFilter()
RECORDER = Recorder(seal_key=b"key")
DEEDS = {
    "fraud": "labelled_fraud",
    "legitimate": "labelled_legitimate",
    "unsure": "left_unsure",
    "escalate": "escalated",
    "note": "noted",
    "release": "released",
    "appeal": "appealed",
}


class Queue:
    """The stores of one database."""

    def __init__(self, database) -> None:
        self.database = database
        self.decisions = SqlDecisionStore(database, idempotency_seconds=60.0)
        self.decisions.migrate()
        self.labels = SqlLabelStore(database, RECORDER, wall_clock=lambda: NOW / 1000)
        self.reviews = SqlReviewStore(database, self.labels)
        self.accounts = SqlAccountStore(database)
        self.upkeep = SqlStoreUpkeep(database, SimpleNamespace(exists=lambda: True), RECORDER)

    def save(self, *numbers, losses=None, **changes):
        rows = [RECORDER.sealed(kept(number, **{"outcome": "review", **changes})) for number in numbers]
        self.decisions.save([StoredRequest(rows, losses={decision_id(n): x for n, x in (losses or {}).items()})])

    def take(self, reviewer=MIRA, where=ALL, at=NOW):
        taken = self.reviews.take_next(where, reviewer, now=at, until=at + LEASE)
        return None if taken is None else number_of(taken)

    def open(self, number, reviewer=MIRA, at=NOW, who="mira"):
        line = AuditLine(at, reviewer.name if reviewer else who, "case_viewed", decision_id(number))
        return self.reviews.open(decision_id(number), reviewer, line, until=at + LEASE)

    def act(self, number, verdict, reviewer=MIRA, note="", at=NOW, asks_second=False):
        line = AuditLine(at, reviewer.name, DEEDS[verdict], decision_id(number))
        act = Act(decision_id(number), verdict, reviewer, note, line, asks_second)
        if verdict == "appeal":
            self.reviews.appeal(act, 12.5)
        else:
            self.reviews.act(act, until=at + LEASE)

    def case(self, number):
        return self.reviews.find(decision_id(number))

    def numbers(self, where=ALL, **options):
        return [number_of(case.decision_id) for case in self.reviews.page(where, **{"limit": 50, **options})]

    def label(self, number):
        return self.labels.in_force([decision_id(number)]).get(decision_id(number))

    def trail(self):
        return [(each.who, each.what) for each in self.accounts.trail(limit=50)]


def number_of(identifier):
    return next(number for number in range(2_000) if decision_id(number) == identifier)


@pytest.fixture
def queue(database):
    opened = database()
    yield Queue(opened)
    opened.close()


def test_a_decision_that_goes_to_review_is_in_the_queue_and_no_other_is(queue):
    reasons = '[{"rank":1,"code":"balance_high","text":"x"},{"rank":2,"code":"young"}]'
    queue.save(1, losses={1: 250.5}, reasons=reasons)
    queue.save(2, outcome="approve")
    queue.save(3, outcome="decline")
    assert queue.numbers() == [1]
    case = queue.case(1)
    assert (case.kind, case.opened_at, case.expected_loss, case.weight) == ("review", BEGINNING + 1, 250.5, 250.5)
    assert (case.reason, case.risk_score) == ("balance_high", 987)
    assert (case.holder(NOW), case.is_escalated, case.unsure) == (None, False, 0)


def test_a_case_whose_loss_nobody_knows_comes_after_those_with_one(queue):
    queue.save(1, 2, 3, losses={1: 5.0, 3: 900.0}, fraud_probability=0.4)
    queue.save(4, source="fallback", fraud_probability=None, risk_score=None, losses=None)
    assert queue.numbers() == [3, 1, 2, 4]
    assert queue.case(2).expected_loss is None


def test_a_warning_is_the_reason_where_there_is_no_other(queue):
    queue.save(1, warnings='[{"code":"unseen_level","field":"channel","requires_review":true}]')
    queue.save(2)
    assert [queue.case(number).reason for number in (1, 2)] == ["unseen_level", ""]


def test_the_queue_is_listed_by_loss_or_age_a_page_at_a_time(queue):
    queue.save(1, 2, 3, 4, losses={1: 10.0, 2: 40.0, 3: 10.0, 4: 20.0})
    assert queue.numbers(limit=2) == [2, 4]
    assert queue.numbers(limit=2, after=(20.0, decision_id(4))) == [3, 1]
    assert queue.numbers(after=(10.0, decision_id(3))) == [1]
    by_age = CaseFilter(order="age")
    assert queue.numbers(by_age, limit=3) == [1, 2, 3]
    assert queue.numbers(by_age, after=(BEGINNING + 3, decision_id(3))) == [4]


def test_the_queue_is_filtered_by_reason_entity_and_score(queue):
    queue.save(1, entity='"C-1"', risk_score=100, reasons='[{"code":"a"}]')
    queue.save(2, entity='"C-2"', risk_score=900, reasons='[{"code":"b"}]')
    assert queue.numbers(CaseFilter(reason="a")) == [1]
    assert queue.numbers(CaseFilter(entities=('"C-2"', "C-2"))) == [2]
    assert queue.numbers(CaseFilter(entities=('"C-2"',), is_escalated=True)) == []
    assert queue.numbers(CaseFilter(min_risk_score=500)) == [2]
    assert queue.numbers(CaseFilter(order="age", max_risk_score=100)) == [1]
    assert queue.take(where=CaseFilter(reason="b")) == 2


def test_its_length_is_counted_to_a_limit_with_the_age_of_the_oldest(queue):
    assert queue.reviews.length(is_escalated=False, most=10) == Length(0, None)
    queue.save(1, 2, 3)
    assert queue.reviews.length(is_escalated=False, most=10) == Length(3, BEGINNING + 1)
    assert queue.reviews.length(is_escalated=False, most=2).cases == 2
    queue.act(2, "escalate")
    assert queue.reviews.length(is_escalated=True, most=10) == Length(1, BEGINNING + 2)


def test_an_appeal_waits_since_it_was_opened(queue):
    queue.save(1, outcome="decline")
    queue.act(1, "appeal", at=BEGINNING + 500)
    assert queue.reviews.length(is_escalated=False, most=10).oldest == BEGINNING + 500
    queue.save(2)
    assert queue.reviews.length(is_escalated=False, most=10).oldest == BEGINNING + 2
    assert queue.numbers(CaseFilter(order="age")) == [1, 2]


def test_the_next_case_is_the_weightiest_that_nobody_else_has(queue):
    queue.save(1, 2, losses={1: 1.0, 2: 2.0})
    assert queue.take(MIRA) == 2
    assert queue.take(OMAR) == 1
    assert queue.take(LEAD) is None
    assert queue.take(MIRA) == 2
    assert queue.take(LEAD, at=NOW + LEASE) == 2


def test_opening_a_case_leases_it_until_the_lease_ends_by_itself(queue):
    queue.save(1)
    assert queue.open(1, MIRA).leased_by == "mira"
    assert queue.open(1, OMAR).holder(NOW) == "mira"
    assert queue.open(1, MIRA, at=NOW + 500).leased_until == NOW + 500 + LEASE
    assert queue.open(1, OMAR, at=NOW + 500 + LEASE).leased_by == "omar"
    assert queue.open(1, None, at=NOW + 9_000, who="auditor").leased_by == "omar"
    assert queue.trail()[:2] == [("auditor", "case_viewed"), ("omar", "case_viewed")]


@pytest.mark.parametrize(("verdict", "is_fraud"), [("fraud", True), ("legitimate", False)])
def test_a_verdict_is_a_sealed_label_in_the_log_and_ends_the_case(queue, verdict, is_fraud):
    queue.save(1)
    queue.open(1)
    queue.act(1, verdict, note="called the customer")
    label = queue.label(1)
    assert (label.is_fraud, label.source, label.reviewer, label.note) == (
        is_fraud,
        "analyst",
        "mira",
        "called the customer",
    )
    with queue.database.reading() as session:
        [(_, sealed)] = sealed_labels(session, [uuid_bytes(decision_id(1))])
        assert [kind for (kind,) in session.rows("SELECT kind FROM log_queue ORDER BY entry")] == ["decision", "label"]
    assert RECORDER.is_intact_label(sealed)
    assert queue.case(1) is None
    assert [each.verdict for each in queue.reviews.verdicts(decision_id(1))] == [verdict]
    assert queue.trail() == [("mira", DEEDS[verdict]), ("mira", "case_viewed")]
    assert queue.reviews.labelled_since("mira", NOW) == 1
    assert queue.reviews.labelled_since("mira", NOW + 1) == queue.reviews.labelled_since("omar", 0) == 0


def test_a_case_that_somebody_else_has_is_not_decided(queue):
    queue.save(1)
    queue.open(1, OMAR)
    for verdict in ("fraud", "unsure", "escalate", "note", "release"):
        with pytest.raises(CaseTaken) as refused:
            queue.act(1, verdict)
        assert refused.value.who == "omar"
    assert queue.label(1) is None
    assert queue.reviews.verdicts(decision_id(1)) == []
    assert queue.trail() == [("omar", "case_viewed")]


def test_a_case_is_decided_once(queue):
    queue.save(1)
    queue.act(1, "legitimate", OMAR)
    with pytest.raises(CaseClosed):
        queue.act(1, "fraud", MIRA)
    assert not queue.label(1).is_fraud
    assert len(queue.labels.history(decision_id(1))) == 1


def test_nothing_of_a_verdict_stays_if_its_last_step_fails(queue, monkeypatch):
    queue.save(1)
    monkeypatch.setattr("fraud_detection_api.adapters.sql.checks.AUDIT", "INSERT INTO nowhere VALUES (?, ?, ?, ?)")
    with pytest.raises(StoreUnavailable):
        queue.act(1, "fraud")
    assert queue.label(1) is None
    assert queue.case(1) is not None
    assert queue.reviews.verdicts(decision_id(1)) == []


def test_who_is_not_sure_gets_other_cases_and_a_second_one_escalates(queue):
    queue.save(1, 2, losses={1: 10.0, 2: 1.0})
    queue.act(1, "unsure")
    assert queue.case(1).leased_by == ""
    assert queue.take(MIRA) == 2
    queue.act(1, "unsure", at=NOW + 1)
    assert (queue.case(1).unsure, queue.case(1).is_escalated) == (1, False)
    assert queue.take(OMAR) == 1
    queue.act(1, "unsure", OMAR)
    assert (queue.case(1).unsure, queue.case(1).is_escalated) == (2, True)


def test_an_escalated_case_is_for_leads_alone(queue):
    queue.save(1)
    queue.act(1, "escalate", note="beyond my limit")
    assert queue.numbers() == []
    assert queue.numbers(CaseFilter(is_escalated=True)) == [1]
    assert queue.open(1, MIRA).leased_by == ""
    with pytest.raises(CaseEscalated):
        queue.act(1, "fraud")
    assert queue.take(LEAD, CaseFilter(is_escalated=True)) == 1
    queue.act(1, "fraud", LEAD)
    assert queue.label(1).reviewer == "lena"
    assert [(each.who, each.note) for each in queue.reviews.verdicts(decision_id(1))] == [
        ("mira", "beyond my limit"),
        ("lena", ""),
    ]


def test_a_note_keeps_the_case_and_a_release_gives_it_back(queue):
    queue.save(1)
    queue.act(1, "note", note="no answer by telephone")
    assert queue.case(1).holder(NOW) == "mira"
    queue.act(1, "release")
    assert queue.take(OMAR) == 1
    assert [each.verdict for each in queue.reviews.verdicts(decision_id(1))] == ["note"]
    assert [what for _, what in queue.trail()] == ["released", "noted"]


def test_a_label_from_elsewhere_closes_the_case(queue):
    queue.save(1, 2)
    queue.labels.record([Finding(decision_id(1), True, "chargeback")])
    assert queue.numbers() == [2]


def test_what_is_stored_again_after_its_label_or_erasure_stays_out(queue):
    queue.save(1, 2, 3)
    queue.labels.record([Finding(decision_id(1), True, "chargeback")])
    queue.upkeep.erase([Erasing(RECORDER, no_residue).decision(queue.decisions.find(decision_id(2)))])
    queue.save(1, 2, 3, 4)
    assert queue.numbers() == [4, 3]


def test_an_erased_decision_has_no_case_and_no_note(queue):
    queue.save(1)
    queue.act(1, "note", note="her number is 555")
    queue.upkeep.erase([Erasing(RECORDER, no_residue).decision(queue.decisions.find(decision_id(1)))])
    assert queue.case(1) is None
    assert [(each.verdict, each.note) for each in queue.reviews.verdicts(decision_id(1))] == [("note", "")]


def test_a_purged_decision_has_neither_case_nor_verdict(queue):
    queue.save(1, 2)
    queue.act(1, "note", note="a note")
    assert queue.upkeep.remove_older(BEGINNING + 2, limit=10) == 1
    assert queue.numbers() == [2]
    assert queue.reviews.verdicts(decision_id(1)) == []


def test_a_decision_is_appealed_once_at_a_time(queue):
    queue.save(1, outcome="decline")
    queue.save(2, outcome="approve")
    queue.act(1, "appeal", note="she wrote to us")
    case = queue.case(1)
    assert (case.kind, case.opened_at, case.expected_loss) == ("appeal", NOW, 12.5)
    with pytest.raises(NotAppealable):
        queue.act(1, "appeal")
    with pytest.raises(UnknownDecision):
        queue.act(9, "appeal")
    queue.act(1, "legitimate")
    assert queue.numbers() == []
    for number in (1, 2):
        queue.act(number, "appeal")
    assert sorted(queue.numbers()) == [1, 2]


def test_a_filter_is_saved_under_its_owner_and_name(queue):
    queue.reviews.save_filter("mira", "large", "min=900")
    queue.reviews.save_filter("mira", "large", "min=950")
    queue.reviews.save_filter("mira", "by age", "order=age")
    queue.reviews.save_filter("omar", "large", "")
    assert queue.reviews.filters("mira") == [("by age", "order=age"), ("large", "min=950")]
    queue.reviews.remove_filter("mira", "large")
    assert queue.reviews.filters("mira") == [("by age", "order=age")]
    assert queue.reviews.filters("omar") == [("large", "")]


def test_ten_reviewers_at_once_decide_each_case_once(queue, database):
    cases, reviewers = 120, 10
    queue.save(*range(cases), losses={number: float(number % 7) for number in range(cases)})
    decided, failures = [], []

    def review(reviewer) -> None:
        opened = database()
        own = Queue(opened)
        try:
            while (number := own.take(reviewer)) is not None:
                own.act(number, "fraud" if number % 2 else "legitimate", reviewer)
                decided.append(number)
        except Exception as error:  # noqa: BLE001 a thread's failure fails the test
            failures.append(error)
        finally:
            opened.close()

    threads = [threading.Thread(target=review, args=(Reviewer(f"r{n}", False),)) for n in range(reviewers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(decided) == list(range(cases))
    histories = [queue.labels.history(decision_id(number)) for number in range(cases)]
    assert [[label.is_fraud for label in history] for history in histories] == [[bool(n % 2)] for n in range(cases)]
    assert queue.reviews.length(is_escalated=False, most=1_000).cases == 0


def test_a_migration_queues_what_waits_for_a_reviewer_and_is_not_old(database):
    opened, now = database(), int(time.time() * 1000)
    opened.upgrade("0009")
    reasons = '[{"rank":1,"code":"balance_high"}]'
    rows = [
        decided(1, now - 60_000, reasons=reasons),
        decided(2, now - 60_000, fraud_probability=None, source="fallback"),
        decided(3, now - 31 * 86_400_000),
        decided(4, now - 60_000),
        decided(5, now - 60_000, record=None, entity=None),
    ]
    with opened.writing() as session:
        DECISIONS.deciders.insert(session, {DECISIONS.decider(row) for row in rows})
        ids = DECISIONS.deciders.ids(session)
        DECISIONS.insert(session, [row._replace(outcome="review") for row in rows], ids)
        session.change(
            """INSERT INTO labels (decision_id, is_fraud, source, effective_at, note, recorded_at)
            VALUES (?, 1, 'rule', 1, '', 1)""",
            (uuid_bytes(rows[3].decision_id),),
        )
    opened.upgrade("0012")
    cases = SqlReviewStore(opened, SqlLabelStore(opened)).page(ALL, limit=10)
    opened.close()
    assert [(each.decision_id, each.reason, each.weight, each.expected_loss) for each in cases] == [
        (rows[0].decision_id, "balance_high", 0.9312, None),
        (rows[1].decision_id, "", 0.0, None),
    ]
