"""The report's policy: keys, thresholds, outcomes and money; two plots of the policy's own costs."""

import json
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from fraud_detection_api.policy.consequences import policy_card
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.report.document import Gallery, Paragraph, Table, words_for
from fraud_detection_api.training.report.material import Material
from fraud_detection_api.training.report.policy import policy, policy_of
from support.scored import POLICY, card, evidence, held_out, population


def section_of(terms: Policy, *, with_amounts=True, **changes):
    people = population(held_out(), with_amounts=with_amounts)
    told = json.loads(json.dumps(policy_card(terms, people)))
    found = {**evidence(), "policy": people.cells().as_json()}
    return policy(Material.of(card(policy=told, **changes), found))


def tables_of(section):
    return {block.caption.split(":")[0]: block.rows for block in section.blocks if isinstance(block, Table)}


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_reviews_of_unseen_levels_are_said_where_there_are_some(share):
    found = section_of(POLICY, unseen_levels={"records": 1200, "unseen": share, "reviewed": share / 2})
    said = [block.text for block in found.blocks if isinstance(block, Paragraph)]
    assert any("12.5 %" in text and "1,200" in text for text in said) == (share > 0)


def plots_of(section):
    return {plot.paint.__name__: plot for block in section.blocks if isinstance(block, Gallery) for plot in block.plots}


def painted(plot):
    figure = Figure(layout="constrained")
    axes = figure.add_subplot()
    plot.paint(figure, axes, plot.data, words_for("fraud"))
    return axes


def test_the_page_tells_costs_thresholds_and_outcomes(page):
    told = page.sections["policy"]
    assert "Version 3 of the policy" in told
    assert "a review counts 12.5 more" in told
    assert "a wrong decline 200" in " ".join(told.split())


def test_the_card_tells_the_same_in_tables(markdown_of):
    text = markdown_of(card(), evidence())
    assert "## Costs and policy" in text
    assert "| outcome | of all records | of frauds | of legitimate records | a day |" in text
    assert "The alternatives: approving all " in text
    assert "| approve all |" not in text


def test_thresholds_are_told_for_small_usual_and_large_amounts():
    rows = tables_of(section_of(Policy()))["Thresholds"]
    amounts = [float(row[0].replace(",", "")) for row in rows]
    assert amounts[0] == 1000
    assert amounts[1:] == sorted(amounts[1:])
    assert len(amounts) == 4


def test_without_amounts_the_thresholds_are_those_of_the_policy():
    assert tables_of(section_of(Policy(), with_amounts=False))["Thresholds"] == [["1,000", "5.0 %", "75.0 %"]]


def test_what_a_policy_never_does_is_said():
    assert tables_of(section_of(Policy(review_cost=500)))["Thresholds"][0] == ["1,000", "never", "16.7 %"]


def test_outcomes_a_day_are_told_where_records_a_day_are_known():
    known, unknown = section_of(replace(POLICY, reviews_a_day=None, review_price=0)), section_of(Policy())
    assert len(tables_of(known)["Outcomes"][0]) == 5
    assert len(tables_of(unknown)["Outcomes"][0]) == 4


def test_the_lowest_line_changes_at_the_thresholds():
    data = plots_of(section_of(Policy()))["paint_outcome_costs"].data
    at = np.array(data["at"])
    lowest = np.argmin([data["approve"], np.full(len(at), data["review"]), data["decline"]], axis=0)
    assert set(at[lowest == 1] > 0.05) == {True}
    assert set(at[lowest == 2] > 0.75) == {True}


def test_dots_stand_on_the_lines_at_the_policy_s_thresholds():
    axes = painted(plots_of(section_of(Policy()))["paint_threshold_costs"])
    labels = [line.get_label() for line in axes.get_lines()]
    assert {"review above", "decline above", "the policy"} <= set(labels)
    dots = [line for line in axes.get_lines() if line.get_marker() == "o"]
    low, high = axes.get_ylim()
    assert len(dots) == 2
    assert all(low <= dot.get_ydata()[0] <= high for dot in dots)


@pytest.mark.parametrize(
    "terms",
    [
        Policy(review_cost=500),
        Policy(review_cost=0, wrong_decline_cost=0),
        Policy(loss_given_fraud=0),
        Policy(loss_given_fraud=0, review_cost=0, wrong_decline_cost=0),
        Policy(amount_at_risk=1e15, review_cost=1e15, wrong_decline_cost=1e15),
        Policy(amount_at_risk=1e-9, review_cost=1e-12, wrong_decline_cost=1e-9),
        Policy(wrong_decline_cost=1e9),
    ],
    ids=str,
)
def test_a_policy_of_any_costs_makes_a_section(terms, page_of):
    """Warnings are errors here, matplotlib's too."""
    people = population(held_out())
    told = policy_card(terms, people)
    assert "policy" in page_of(card(policy=told), evidence()).sections
    for plot in plots_of(section_of(terms)).values():
        low, high = painted(plot).get_ylim()
        assert low < high


def test_a_card_tells_the_policy_whole():
    assert policy_of(card()["policy"]) == POLICY


def test_without_cells_there_are_tables_alone():
    found = {name: part for name, part in evidence().items() if name != "policy"}
    section = policy(Material.of(card(), found))
    assert not plots_of(section)
    assert len(tables_of(section)) == 3
