"""The policy: the cheapest outcome, the milder of equals, one record at a time or all at once."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.errors import InvalidPolicy
from fraud_detection_api.policy.outcomes import LARGEST, OUTCOMES, Policy, Thresholds, load_policy

MONEY = st.floats(0, LARGEST) | st.sampled_from([0.0, 1.0, 50.0, 200.0, 1000.0])
PROBABILITY = st.floats(0, 1) | st.sampled_from([0.0, 0.05, 0.5, 0.75, 1.0])
AMOUNT = st.none() | st.floats(allow_infinity=False, width=32)


@st.composite
def policies(draw):
    capacity = draw(st.none() | MONEY)
    return Policy(
        version=str(draw(st.integers(1, 999))),
        loss_given_fraud=draw(st.floats(0, 3)),
        amount_at_risk=draw(MONEY),
        review_cost=draw(MONEY),
        wrong_decline_cost=draw(MONEY),
        reviews_a_day=capacity,
        records_a_day=draw(st.none() | st.floats(1, 1e9)),
        review_price=0.0 if capacity is None else draw(MONEY),
    )


def outcome(policy, probability, amount=None):
    """The outcome of one record."""
    amounts = np.array([math.nan if amount is None else amount], dtype=np.float64)
    (code,) = policy.outcomes(np.array([probability]), amounts)
    return OUTCOMES[code]


def test_records_without_amounts_have_the_outcomes_of_the_policys_own_amount():
    probabilities = np.linspace(0, 1, 50)
    own = np.full(50, Policy().amount_at_risk)
    assert Policy().outcomes(probabilities).tolist() == Policy().outcomes(probabilities, own).tolist()


def test_a_record_at_the_review_threshold_is_approved_and_one_above_it_reviewed():
    policy = Policy(amount_at_risk=1000, review_cost=125, wrong_decline_cost=500)
    assert outcome(policy, 0.125) == "approve"
    assert outcome(policy, math.nextafter(0.125, 1)) == "review"


def test_a_record_at_the_decline_threshold_is_reviewed_and_one_above_it_declined():
    policy = Policy(amount_at_risk=1000, review_cost=125, wrong_decline_cost=500)
    assert outcome(policy, 0.75) == "review"
    assert outcome(policy, math.nextafter(0.75, 1)) == "decline"


def test_where_nothing_costs_anything_everybody_is_approved():
    policy = Policy(loss_given_fraud=0, review_cost=0, wrong_decline_cost=0)
    assert [outcome(policy, p) for p in (0.0, 0.5, 1.0)] == ["approve"] * 3


def test_where_a_review_is_dear_records_are_declined_at_once():
    policy = Policy(amount_at_risk=300, review_cost=1000, wrong_decline_cost=100)
    assert policy.thresholds() == Thresholds(None, 0.25)
    assert (outcome(policy, 0.25), outcome(policy, 0.26)) == ("approve", "decline")


def test_a_larger_amount_is_reviewed_at_a_lower_probability():
    policy = Policy()
    assert outcome(policy, 0.01, 1000) == "approve"
    assert outcome(policy, 0.01, 10_000) == "review"


@pytest.mark.parametrize("amount", [0, -5.0, -1e30])
def test_with_nothing_at_risk_even_a_sure_fraud_is_approved(amount):
    assert outcome(Policy(), 1.0, amount) == "approve"


def test_an_amount_below_zero_puts_nothing_at_risk():
    assert Policy().at_risk(np.ones(3), np.array([-0.5, 0.0, 2.0])).tolist() == [0.0, 0.0, 2.0]


@pytest.mark.parametrize("amount", [None, math.nan])
def test_a_record_without_an_amount_has_the_amount_of_the_policy(amount):
    policy = Policy(amount_at_risk=10_000)
    assert outcome(policy, 0.01, amount) == outcome(policy, 0.01, 10_000) == "review"
    assert policy.thresholds(amount) == policy.thresholds(10_000)


def test_the_price_of_a_review_adds_to_its_cost():
    priced = Policy(reviews_a_day=10, review_price=100)
    assert priced.thresholds() == Policy(review_cost=150).thresholds()
    assert outcome(priced, 0.1) == "approve"


def test_a_share_of_the_amount_that_fraud_takes_lowers_what_is_at_risk():
    assert outcome(Policy(loss_given_fraud=0.5), 0.08) == outcome(Policy(amount_at_risk=500), 0.08) == "approve"


@given(policies(), PROBABILITY, PROBABILITY, AMOUNT)
def test_a_higher_probability_never_has_a_milder_outcome(policy, one, other, amount):
    low, high = sorted((one, other))
    assert OUTCOMES.index(outcome(policy, low, amount)) <= OUTCOMES.index(outcome(policy, high, amount))


@given(policies(), PROBABILITY, st.floats(0, 1e30), st.floats(0, 1e30))
def test_a_larger_amount_is_never_approved_where_a_smaller_one_is_not(policy, probability, one, other):
    low, high = sorted((one, other))
    if outcome(policy, probability, low) != "approve":
        assert outcome(policy, probability, high) != "approve"


@given(policies(), PROBABILITY, AMOUNT)
def test_thresholds_say_what_outcomes_do_but_for_the_last_digits(policy, probability, amount):
    thresholds = policy.thresholds(amount)
    above = [thresholds.review_above, thresholds.decline_above]
    if any(t is not None and (abs(probability - t) < 1e-9 or t < 1e-9) for t in above) or probability > 1 - 1e-9:
        return
    passed = [t is not None and probability > t for t in above]
    expected = "decline" if passed[1] else "review" if passed[0] else "approve"
    assert outcome(policy, probability, amount) == expected


@given(policies())
def test_json_reads_back_as_the_same_policy(policy):
    assert Policy.from_json(json.loads(json.dumps(policy.as_json()))) == policy


BAD_NUMBERS = [-1, -0.001, math.nan, math.inf, 1e16, 10**400, "5", True, [], {}]


@pytest.mark.parametrize("number", BAD_NUMBERS, ids=repr)
@pytest.mark.parametrize("name", ["loss_given_fraud", "amount_at_risk", "review_cost", "wrong_decline_cost"])
def test_a_number_that_cannot_be_is_refused_by_its_key(name, number):
    with pytest.raises(ValueError, match=f"^{name} must be a number from 0 to 1e"):
        Policy(**{name: number})
    with pytest.raises(InvalidPolicy, match=f"^policy costs: {name} must be a number") as caught:
        Policy.from_json({**Policy().as_json(), name: number}, source="costs")
    assert caught.value.source == "costs"


@pytest.mark.parametrize("name", ["loss_given_fraud", "review_price"])
def test_null_stands_for_an_unknown_capacity_alone(name):
    with pytest.raises(InvalidPolicy, match=name):
        Policy.from_json({**Policy().as_json(), name: None})


@pytest.mark.parametrize("version", ["", "0", "01", "-1", "1.0", "x", 1, None])
def test_a_version_is_a_whole_number_as_text(version):
    with pytest.raises(ValueError, match="version must be"):
        Policy(version=version)


def test_no_records_a_day_is_refused():
    with pytest.raises(ValueError, match="records_a_day must be above 0"):
        Policy(records_a_day=0)


def test_a_price_without_a_capacity_is_refused():
    with pytest.raises(ValueError, match="review_price must be 0 without reviews_a_day"):
        Policy(review_price=1)


def test_an_unknown_key_is_refused_with_the_one_that_was_meant():
    with pytest.raises(InvalidPolicy, match="review_costs: unknown key; did you mean 'review_cost'"):
        Policy.from_json({**Policy().as_json(), "review_costs": 1})


def test_a_missing_key_is_named():
    document = Policy().as_json()
    del document["review_cost"]
    with pytest.raises(InvalidPolicy, match="review_cost: is required"):
        Policy.from_json(document)


def test_the_first_policy_is_version_1():
    assert Policy(version="9").succeeding(None).version == "1"


def test_another_policy_is_the_next_version_and_the_same_one_keeps_its_own():
    former = Policy(version="4")
    assert replace(former, version="1", review_cost=7).succeeding(former).version == "5"
    assert Policy().succeeding(former) == former


def written(tmp_path, text, *, encoding="utf-8"):
    path = tmp_path / "costs.toml"
    path.write_bytes(text.encode(encoding))
    return path


def test_keys_left_out_are_the_defaults(tmp_path):
    assert load_policy(written(tmp_path, "review_cost = 12\n")) == Policy(review_cost=12)
    assert load_policy(written(tmp_path, "")) == Policy()


def test_every_key_can_be_said(tmp_path):
    text = "\ufeffloss_given_fraud = 0.8\namount_at_risk = 500\nreview_cost = 4\nwrong_decline_cost = 60\n"
    path = written(tmp_path, text + "reviews_a_day = 40\nrecords_a_day = 9000\n")
    assert load_policy(path) == Policy("1", 0.8, 500, 4, 60, 40, 9000)


BROKEN = {
    "an unknown key": ("review_costs = 1", "review_costs: unknown key; did you mean 'review_cost'?"),
    "a key that is like no other": ("colour = 1", "colour: unknown key; the keys here are loss_given_fraud, amount_"),
    "a version": ('version = "3"', "version: is worked out, not written; remove the key"),
    "a price": ("review_price = 3", "review_price: is worked out, not written; remove the key"),
    "a cost below 0": ("review_cost = -1", "review_cost must be a number from 0 to 1e"),
    "a cost without end": ("review_cost = inf", "review_cost must be a number from 0 to 1e"),
    "a text": ('review_cost = "1"', "review_cost must be a number"),
    "no TOML": ("review_cost = ", "not valid TOML"),
    "a table": ("[review_cost]\na = 1", "review_cost must be a number"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_told_by_name_and_key(tmp_path, case):
    text, fault = BROKEN[case]
    path = written(tmp_path, text)
    with pytest.raises(InvalidPolicy) as caught:
        load_policy(path)
    assert str(caught.value).startswith(f"policy {path}: ")
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file_is_told(tmp_path):
    with pytest.raises(InvalidPolicy, match="no such file"):
        load_policy(tmp_path / "costs.toml")


def test_a_folder_is_told(tmp_path):
    with pytest.raises(InvalidPolicy, match="cannot be read"):
        load_policy(tmp_path)


def test_other_encodings_are_told(tmp_path):
    with pytest.raises(InvalidPolicy, match="not UTF-8"):
        load_policy(written(tmp_path, "# ü\n", encoding="latin-1"))
