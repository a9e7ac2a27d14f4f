"""What the queue and a case show, as values."""

import json

import pytest

from fraud_detection_api.console.decisions.reasons import stored_reasons
from fraud_detection_api.console.people import reviewer_of
from fraud_detection_api.console.reviews.case_view import actions_of
from fraud_detection_api.console.reviews.queries import key_of, query_of, query_text, saved_query
from fraud_detection_api.console.reviews.queue_view import Lease, case_row, count
from fraud_detection_api.console.visitors import Visitor
from fraud_detection_api.services.accounts.account_store import Account
from fraud_detection_api.services.accounts.signing_in import NAME
from fraud_detection_api.services.accounts.trail import NOBODY
from fraud_detection_api.services.reviewing.review_store import Case, Length, Reviewer
from fraud_detection_api.services.reviewing.reviewing import QueueQuery
from support.kept import decision_id, kept

NOW = 1_795_341_600_000
MIRA, LEAD = Reviewer("mira", False), Reviewer("lena", True)
REASONS = json.dumps([{"code": "B", "description": "The balance is high", "contribution_log_odds": 1.25}])


def case(**changes):
    return Case(decision_id(1), "review", NOW - 7_260_000, 1234.5, 1234.5, "B", 987, "", 0, False, 0)._replace(
        **changes
    )


def visitor(role, *, is_lead=False):
    return Visitor("signed_in", "", "secret", Account("mira", role, is_lead, NOW))


def test_a_case_is_a_line_with_its_first_reason_in_words():
    line = case_row(case(), kept(1, reasons=REASONS, entity='"C-1"'), None, "mira", NOW)
    assert (line.opened, line.age, line.entity, line.risk_score) == ("2026-11-22 07:59 UTC", "2 h 1 min", "C-1", "987")
    assert (line.loss, line.reason, line.reason_code) == ("1,234", "The balance is high", "B")


def test_what_is_not_known_of_a_case_is_empty():
    bare = case(risk_score=None, expected_loss=None, reason="")
    line = case_row(bare, kept(1, entity=None), None, "mira", NOW)
    assert (line.entity, line.risk_score, line.loss, line.reason) == ("", "", "", "")


@pytest.mark.parametrize(
    "text", [None, "[]", "no JSON", "{}", "[1]", '[{"code": "B"}]', '[{"code": 1, "description": {}}]']
)
def test_reasons_that_cannot_be_read_are_none(text):
    assert stored_reasons(text) == []


@pytest.mark.parametrize(
    ("leased_by", "until", "lease"),
    [
        ("mira", NOW + 1, Lease("yours", "mira", "10:00 UTC")),
        ("omar", NOW + 1, Lease("taken", "omar", "10:00 UTC")),
        ("omar", NOW, Lease("free", "", "")),
        ("", 0, Lease("free", "", "")),
    ],
)
def test_a_lease_is_shown_as_the_person_sees_it_until_it_ends(leased_by, until, lease):
    assert case_row(case(leased_by=leased_by, leased_until=until), kept(1), None, "mira", NOW).lease == lease


@pytest.mark.parametrize(
    ("changes", "reviewer", "state"),
    [
        ({"leased_by": "mira", "leased_until": NOW + 1}, MIRA, "yours"),
        ({"leased_by": "omar", "leased_until": NOW + 1}, MIRA, "taken"),
        ({"leased_by": "mira", "leased_until": NOW + 1}, None, "readable"),
        ({"is_escalated": True}, MIRA, "for_leads"),
        ({"first_by": "mira"}, MIRA, "closed"),
        ({"first_by": "omar", "leased_by": "mira", "leased_until": NOW + 1}, MIRA, "yours"),
        ({"is_escalated": True, "leased_by": "lena", "leased_until": NOW + 1}, LEAD, "yours"),
    ],
)
def test_what_a_person_may_do_with_a_case(changes, reviewer, state):
    who = "mira" if reviewer is None else reviewer.name
    assert actions_of(kept(1), case(**changes), who, reviewer, "", NOW).state == state


def test_a_decision_that_is_not_queued_and_has_its_record_may_be_appealed_by_reviewers():
    def may(row, one, reviewer=MIRA):
        return actions_of(row, one, "mira", reviewer, "", NOW).may_appeal

    declined = kept(1, outcome="decline")
    assert may(declined, None)
    assert not may(declined, case(kind="appeal"))
    assert not may(declined, None, reviewer=None)
    assert may(kept(1, outcome="review"), None)
    assert not may(declined._replace(record=None), None)


def test_a_query_comes_back_from_its_address():
    query = QueueQuery("age", True, "A_B", "C 1/ü", 0, 999)
    assert saved_query(query_text(query)) == query
    assert query_text(QueueQuery()) == ""


def test_what_an_address_says_that_is_no_query_is_left_out():
    odd = {"order": "<", "escalated": "yes", "reason": " ", "entity": "\0", "min": "-1", "max": "99999"}
    assert query_of(odd) == QueueQuery()


@pytest.mark.parametrize(
    "after", ["", "1", f"nan_{decision_id(1)}", f"inf_{decision_id(1)}", "1_absent", f"x_{decision_id(1)}"]
)
def test_a_key_that_cannot_be_read_is_the_front(after):
    assert key_of({"after": after}) is None


def test_a_key_comes_back_from_its_address():
    assert key_of({"after": f"0.1_{decision_id(1)}"}) == (0.1, decision_id(1))


def test_who_reviews_follows_from_the_account():
    assert reviewer_of(visitor("analyst")) == Reviewer("mira", False)
    assert reviewer_of(visitor("analyst", is_lead=True)) == reviewer_of(visitor("admin")) == Reviewer("mira", True)
    assert reviewer_of(visitor("auditor")) is None
    assert reviewer_of(Visitor("open", "", "secret")) == Reviewer(NOBODY, True)
    assert not NAME.fullmatch(NOBODY)


def test_a_length_that_was_not_counted_to_its_end_has_a_plus():
    assert (count(Length(9_999, 1)), count(Length(10_000, 1))) == ("9,999", "10,000+")
