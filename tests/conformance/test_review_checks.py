"""One suite for checks of reviewers on both databases: who gets which, that none is a label, and what a dispute leads to."""

import pytest

from conformance.test_review_store import BEGINNING, LEAD, LEASE, MIRA, NOW, OMAR, RECORDER, Queue, number_of
from fraud_detection_api.adapters.sql.decisions import DECISIONS
from fraud_detection_api.adapters.sql.quality import SqlQualityStore
from fraud_detection_api.decision.identifiers import uuid_bytes
from fraud_detection_api.decision.label import Finding
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.services.accounts.account_store import AuditLine
from fraud_detection_api.services.reviewing.quality_store import GoldenDecision
from fraud_detection_api.services.reviewing.refusals import CaseClosed, CaseEscalated, CaseTaken
from fraud_detection_api.services.reviewing.review_store import Reviewer
from fraud_detection_api.services.storage.erasing import Erasing, no_residue
from support.kept import decided, decision_id

NORA = Reviewer("nora", False)
REASONS = '[{"code":"balance_high"}]'


class Checks(Queue):
    """The queue, with decisions whose truth is known."""

    def __init__(self, database) -> None:
        super().__init__(database)
        self.quality = SqlQualityStore(database)

    def choose(self, number, *, is_fraud=True, by="lena", most=10):
        self.labels.record([Finding(decision_id(number), is_fraud, "chargeback")])
        golden = GoldenDecision(decision_id(number), is_fraud, 12.5, by, NOW)
        return self.quality.add_golden(golden, AuditLine(NOW, by, "golden_added", decision_id(number)), most=most)

    def golden(self, reviewer=MIRA, at=NOW):
        taken = self.reviews.take_golden(reviewer, until=at + LEASE)
        return None if taken is None else number_of(taken)

    def history(self, number):
        return [(each.is_fraud, each.reviewer) for each in self.labels.history(decision_id(number))]

    def judged(self):
        return [
            (each.who, each.verdict, each.kind, each.expected, each.first_by)
            for each in self.quality.judged(0, limit=9)
        ]


@pytest.fixture
def checks(database):
    opened = database()
    yield Checks(opened)
    opened.close()


def test_a_golden_decision_is_served_once_to_each_reviewer_and_looks_like_a_case(checks):
    checks.save(1, 2, reasons=REASONS)
    checks.choose(1)
    assert checks.golden() == 1
    case = checks.open(1)
    assert (case.check, case.holder(NOW), case.expected_loss, case.reason) == ("golden", "mira", 12.5, "balance_high")
    assert (case.kind, case.opened_at, case.is_escalated, case.unsure) == ("review", BEGINNING + 1, False, 0)
    assert checks.golden() == 1  # it is still theirs
    assert checks.golden(OMAR) == 1
    checks.act(1, "legitimate")
    assert checks.golden() is None
    assert checks.open(1) is None
    with pytest.raises(CaseClosed):
        checks.act(1, "fraud")
    assert checks.open(1, OMAR).check == "golden"


def test_what_is_said_of_a_golden_decision_is_no_label_and_the_trail_says_so(checks):
    checks.save(1, 2, reasons=REASONS)
    checks.choose(1)
    for reviewer, verdict in ((MIRA, "legitimate"), (OMAR, "escalate"), (NORA, "unsure")):
        checks.golden(reviewer)
        checks.act(1, verdict, reviewer, note="looks fine")
        assert checks.trail()[0] == (reviewer.name, "check_judged")
    assert checks.history(1) == [(True, None)]
    assert checks.case(1) is None
    assert sorted(checks.judged()) == [
        ("mira", "legitimate", "golden", "fraud", ""),
        ("nora", "unsure", "golden", "fraud", ""),
        ("omar", "escalate", "golden", "fraud", ""),
    ]
    assert checks.quality.labelled(0, most=9) == {"mira": 0, "nora": 0, "omar": 0}
    assert checks.reviews.labelled_since("mira", 0) == 1  # or the page would betray it
    assert {each.reason for each in checks.quality.judged(0, limit=9)} == {"balance_high"}
    assert len(checks.quality.judged_golden([decision_id(1)])) == 3


def test_a_note_keeps_a_golden_decision_and_a_release_gives_it_back(checks):
    checks.save(1, 2)
    checks.choose(1)
    checks.golden()
    checks.act(1, "note", note="asked the bank", at=NOW + 1)
    assert checks.golden(at=NOW + 2) == 1
    checks.act(1, "release")
    assert checks.open(1) is None
    assert checks.judged() == []
    assert checks.golden() == 1


def test_nobody_gets_a_golden_decision_that_they_know_already(checks):
    checks.save(1, 2, 3)
    checks.act(1, "fraud", MIRA)
    checks.choose(1)
    checks.choose(2, by="omar")
    assert (checks.golden(MIRA), checks.golden(OMAR)) == (2, 1)


def test_no_golden_decision_is_served_while_it_is_a_case_or_no_case_waits(checks):
    checks.save(1, 2)
    checks.choose(1)
    checks.act(2, "fraud", OMAR)
    assert checks.golden() is None
    checks.save(3)
    assert checks.golden() == 1


def test_a_golden_decision_has_a_record_and_there_are_so_many_at_most(checks):
    checks.save(1, 2)
    checks.save(3, record=None, entity=None)
    assert [checks.choose(number, most=1) for number in (3, 1, 2)] == [False, True, False]
    assert [each.decision_id for each in checks.quality.golden(limit=9)] == [decision_id(1)]
    line = AuditLine(NOW, "lena", "golden_removed", decision_id(1))
    for _ in range(2):
        checks.quality.remove_golden(decision_id(1), line)
    assert checks.quality.golden(limit=9) == []
    assert checks.trail() == [("lena", "golden_removed"), ("lena", "golden_added")]


def test_a_second_review_is_in_the_queue_for_others_only(checks):
    checks.save(1, losses={1: 7.5}, reasons=REASONS)
    checks.act(1, "fraud", MIRA, note="stolen", asks_second=True)
    assert checks.history(1) == [(True, "mira")]
    case = checks.case(1)
    assert (case.check, case.first_by, case.expected_loss, case.holder(NOW)) == ("second", "mira", 7.5, None)
    assert checks.take(MIRA) is None
    assert checks.open(1, MIRA).holder(NOW) is None
    with pytest.raises(CaseClosed):
        checks.act(1, "legitimate", MIRA)
    assert checks.take(OMAR) == 1
    with pytest.raises(CaseTaken):
        checks.act(1, "fraud", NORA)


def test_two_who_agree_close_the_case_with_one_label(checks):
    checks.save(1, reasons=REASONS)
    checks.act(1, "fraud", MIRA, asks_second=True)
    checks.act(1, "fraud", OMAR, asks_second=True)
    assert checks.history(1) == [(True, "mira")]
    assert checks.case(1) is None
    assert checks.judged() == [("omar", "fraud", "second", "fraud", "mira")]
    assert checks.trail() == [("omar", "check_judged"), ("mira", "labelled_fraud")]


def test_two_who_disagree_leave_it_to_a_lead_whose_verdict_is_the_label(checks):
    checks.save(1)
    checks.act(1, "fraud", MIRA, asks_second=True)
    checks.act(1, "legitimate", OMAR, note="his own card")
    case = checks.case(1)
    assert (case.is_escalated, case.check, case.holder(NOW)) == (True, None, None)
    assert checks.history(1) == [(True, "mira")]
    with pytest.raises(CaseEscalated):
        checks.act(1, "legitimate", OMAR)
    checks.act(1, "legitimate", LEAD, asks_second=True, at=NOW + 1)
    assert checks.history(1) == [(True, "mira"), (False, "lena")]
    assert checks.case(1) is None
    assert [(each.who, each.verdict, each.note, each.check) for each in checks.reviews.verdicts(decision_id(1))] == [
        ("mira", "fraud", "", None),
        ("omar", "legitimate", "his own card", "second"),
        ("lena", "legitimate", "", None),
    ]


def test_whoever_has_to_judge_must_not_see_what_is_known(checks):
    checks.save(1, 2, 3)
    checks.act(1, "fraud", MIRA, asks_second=True)
    checks.choose(2)
    checks.golden(OMAR)
    known = {
        (number, who.name)
        for number in (1, 2, 3)
        for who in (MIRA, OMAR, NORA)
        if checks.reviews.has_check(decision_id(number), who)
    }
    assert known == {(1, "omar"), (1, "nora"), (2, "omar")}


def test_a_label_from_elsewhere_ends_a_second_review(checks):
    checks.save(1)
    checks.act(1, "fraud", MIRA, asks_second=True)
    checks.labels.record([Finding(decision_id(1), True, "chargeback")])
    assert checks.case(1) is None


def test_a_second_review_that_fails_leaves_no_label(checks, monkeypatch):
    checks.save(1)
    monkeypatch.setattr("fraud_detection_api.adapters.sql.reviews._REOPEN", "INSERT INTO nowhere VALUES (?)")
    with pytest.raises(StoreUnavailable):
        checks.act(1, "fraud", MIRA, asks_second=True)
    assert (checks.history(1), checks.case(1).first_by) == ([], "")


def test_an_erasure_removes_golden_decisions_and_notes_of_checks_and_a_purge_the_lines(checks):
    checks.save(1, entity='"C-1"')
    checks.save(2, 3)
    for number in (2, 1):
        checks.choose(number)
        checks.golden()
        checks.act(number, "fraud", note="it is his mother's card")
    assert len(checks.judged()) == 2
    checks.upkeep.erase([Erasing(RECORDER, no_residue).decision(checks.decisions.find(decision_id(1)))])
    assert [each.note for each in checks.reviews.verdicts(decision_id(1))] == [""]
    assert [each.decision_id for each in checks.quality.golden(limit=9)] == [decision_id(2)]
    checks.upkeep.remove_older(BEGINNING + 10, limit=10)
    assert checks.quality.golden(limit=9) == []
    assert checks.judged() == []


def test_what_came_and_went_is_counted_since_a_time(checks):
    checks.save(1, 2, 3)
    checks.save(4, outcome="approve")
    checks.act(1, "fraud", MIRA, at=NOW)
    checks.act(2, "fraud", OMAR, at=NOW - 5)
    assert checks.quality.flow(NOW, most=10) == (3, 1)
    assert checks.quality.flow(NOW - 5, most=2) == (2, 2)
    assert checks.quality.flow(BEGINNING + 1_000_000, most=10) == (0, 0)
    assert checks.reviews.said_since("omar", NOW - 5) == 1
    checks.act(3, "fraud", MIRA)
    assert [checks.quality.labelled(0, most=most) for most in (1, 9)] == [
        {"mira": 1, "omar": 1},
        {"mira": 2, "omar": 1},
    ]


def test_verdicts_from_before_are_about_cases(database):
    opened = database()
    opened.upgrade("0011")
    row = decided(1, BEGINNING)._replace(outcome="review")
    with opened.writing() as session:
        DECISIONS.deciders.insert(session, {DECISIONS.decider(row)})
        DECISIONS.insert(session, [row], DECISIONS.deciders.ids(session))
        session.change(
            "INSERT INTO review_verdicts (decision_id, at, who, verdict, note) VALUES (?, 1, 'mira', 'fraud', '')",
            (uuid_bytes(row.decision_id),),
        )
    opened.upgrade("0012")
    quality = SqlQualityStore(opened)
    assert (quality.labelled(0, most=9), quality.judged(0, limit=9)) == ({"mira": 1}, [])
    opened.close()
