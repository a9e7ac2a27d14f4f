"""Of a form without a script, what was typed counts before the slider, and a slider that was not moved changes nothing."""

from dataclasses import replace

import pytest

from fraud_detection_api.console.policy.knobs import NAMES, is_form, knobs, number_at, position, settled, terms_of
from fraud_detection_api.policy.outcomes import Policy

IN_FORCE = Policy(reviews_a_day=40.0, records_a_day=1000.0, review_price=3.0)


def sent(terms=IN_FORCE, **changes):
    """The form as the page shows it for these terms, with what a person changed."""
    query = {}
    for knob in knobs(terms, IN_FORCE):
        query |= {knob.name: knob.shown, f"{knob.name}_was": knob.shown, f"{knob.name}_slider": str(knob.slider)}
    return query | changes


def test_a_form_that_nobody_touched_is_the_policy_in_force():
    assert settled(sent(), IN_FORCE) == {}
    assert terms_of({}, IN_FORCE) is None


def test_a_number_that_was_typed_counts():
    assert settled(sent(review_cost="20"), IN_FORCE) == {"review_cost": "20"}


def test_a_slider_that_was_moved_counts():
    assert settled(sent(review_cost_slider="100"), IN_FORCE) == {"review_cost": "500"}


def test_of_a_number_and_a_slider_the_number_counts():
    assert settled(sent(review_cost="20", review_cost_slider="100"), IN_FORCE) == {"review_cost": "20"}


def test_what_was_entered_before_stays_when_something_else_is_changed():
    before = replace(IN_FORCE, review_cost=20.0)
    assert settled(sent(before, wrong_decline_cost="90"), IN_FORCE) == {"review_cost": "20", "wrong_decline_cost": "90"}


def test_a_capacity_can_be_taken_away():
    assert settled(sent(reviews_a_day=""), IN_FORCE) == {"reviews_a_day": ""}
    assert terms_of({"reviews_a_day": ""}, IN_FORCE).reviews_a_day is None


@pytest.mark.parametrize("slider", ["", "x", "-1", "101", "1e9"])
def test_a_slider_that_is_none_counts_for_nothing(slider):
    assert settled(sent(review_cost_slider=slider), IN_FORCE) == {}


def test_only_a_form_has_sliders():
    assert is_form(sent())
    assert not is_form({"review_cost": "20", "backtest": "yes"})


@pytest.mark.parametrize("text", ["", "x", "-1", "nan", "inf", "1e16", "<script>"])
def test_what_is_no_number_is_refused_by_name(text):
    with pytest.raises(ValueError, match="review_cost must be a number"):
        terms_of({"review_cost": text}, IN_FORCE)


@pytest.mark.parametrize("slider", [0, 13, 50, 87, 100])
def test_a_slider_stands_where_its_number_is(slider):
    assert position(number_at(slider, 50.0), 50.0) == slider


def test_every_key_of_a_policy_file_has_a_field():
    assert NAMES == (
        "loss_given_fraud",
        "amount_at_risk",
        "review_cost",
        "wrong_decline_cost",
        "reviews_a_day",
        "records_a_day",
    )
