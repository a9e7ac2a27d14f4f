"""A notice tells an applicant the principal reasons of a declined decision, and nothing that is not so."""

import json

import pytest

from fraud_detection_api.services.history.lookup import Found
from fraud_detection_api.services.history.notice import NoNotice, adverse_action_notice
from support.sealed_rows import kept_row


def reason(text, direction="increases_risk"):
    return {"description": text, "direction": direction}


def notice(*reasons, is_intact=True, **changes):
    row = kept_row(1, **{"outcome": "decline", "reasons": json.dumps(reasons), **changes})
    return adverse_action_notice(Found(row, is_intact, None))


def test_at_most_four_reasons_that_raised_the_risk_are_told_in_order():
    text = notice(reason("less", "decreases_risk"), *(reason(f"reason {n}") for n in "abcde"))
    assert "1. reason a\n2. reason b\n3. reason c\n4. reason d\n\n" in text
    assert "less" not in text


def test_a_value_that_callers_sent_is_no_markup():
    assert r"1. The channel is \<b\>\[x\](y) # z" in notice(reason("The channel is <b>[x](y)\n# z")).replace(r"\#", "#")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"outcome": "review"}, "review"),
        ({"reasons": None}, "explain"),
        ({"reasons": "[]"}, "person"),
        ({"is_intact": False}, "FRAUD_SEAL_KEY"),
    ],
)
def test_other_decisions_give_none(changes, word):
    with pytest.raises(NoNotice, match=word):
        notice(reason("a"), **changes)
