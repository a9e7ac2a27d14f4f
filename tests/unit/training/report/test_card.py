"""The Markdown card: the report's facts, short."""

import re
from dataclasses import replace

import numpy as np
import pytest

from fraud_detection_api.training.evidence.gather import Explained, gather_evidence
from fraud_detection_api.training.report.card import card_markdown
from support.scored import LEARNING_CURVE, card, evidence, held_out, score

MOST_LINES = 185


def test_the_same_arguments_give_the_same_bytes():
    assert card_markdown(card(), evidence()) == card_markdown(card(), evidence())


def test_it_tells_metrics_with_their_intervals(markdown_of):
    auc = card()["evaluation"]["metrics"]["roc_auc"]
    row = f"| ROC AUC | {auc['value']:.4f} | {auc['low']:.4f} to {auc['high']:.4f} | 0.5000 |"
    assert row in markdown_of(card(), evidence())


def test_every_table_has_as_many_cells_in_each_row(markdown_of):
    tables = [table.splitlines() for table in markdown_of(card(), evidence()).split("\n\n") if table.startswith("|")]
    assert len(tables) >= 6
    for table in tables:
        assert len({line.count("|") - line.count("\\|") for line in table}) == 1


def test_what_plots_show_is_told_under_their_titles(markdown_of):
    text = markdown_of(card(), evidence())
    before, after = (len(evidence()["reliability"][when]) for when in ("before", "after"))
    for when, points in (("before", before), ("after", after)):
        assert re.search(rf"Reliability {when} calibration: \d+ of {points} points agree", text)


def test_a_plot_that_shows_nothing_particular_has_no_title_in_the_card(markdown_of):
    evaluation = card()["evaluation"]
    without = {**evaluation, "metrics": {"gini": evaluation["metrics"]["roc_auc"]}}
    assert "ROC curve:" in markdown_of(card(), evidence())
    assert "ROC curve:" not in markdown_of(card(evaluation=without), evidence())


def test_it_holds_no_picture_and_no_markup(markdown_of):
    text = markdown_of(card(), evidence())
    assert "<" not in text.replace("\\<", "")
    assert "Partial dependence" not in text


def test_names_of_columns_are_easy_to_read_in_the_source(markdown_of):
    text = markdown_of(card(features=["number_of_accounts", "channel"]), evidence())
    assert "number_of_accounts, channel" in text
    assert "`amount`" in text


def wide_evidence():
    """Evidence about 1,000 columns, and a segment of most of them."""
    test, rng = held_out(1200), np.random.default_rng(0)
    names = tuple(f"column_{k}" for k in range(1000))
    columns = {name: rng.random(1200) for name in names[:60]}
    wide = replace(test, matrix=np.hstack([test.matrix, rng.random((1200, 996)).astype(np.float32)]), columns=columns)
    contributions = rng.normal(0, 1, (50, 1000)).astype(np.float32)
    gain = dict.fromkeys(names, 1.0)
    return names, gather_evidence(wide, Explained(names, score, gain, contributions), learning_curve=LEARNING_CURVE)


@pytest.fixture(scope="module")
def wide():
    names, found = wide_evidence()
    prices = {"difference": 0.0, "low": -0.1, "high": 0.1}
    changes = {
        "features": list(names),
        "data": {
            "rows": 6000, "frauds": 700, "period": ["2025-01-01T00:00:00Z", "2025-12-31T00:00:00Z"], "digest": "sha256:2",
            "sampled_from": 90_000,
        },
        "warnings": [f"column {k} gives all away" for k in range(1000)],
        "constraint_prices": [
            {"constraints": [f"column_{k}"], "average_precision": prices, "roc_auc": prices} for k in range(1000)
        ],
        "purpose": "credit",
    }  # fmt: skip
    return card(**changes), found


def test_a_card_of_everything_stays_short(wide, markdown_of):
    text = markdown_of(*wide)
    assert len(text.splitlines()) <= MOST_LINES
    assert "and 996 more" in text
    assert "and 960 more" in text


def test_a_page_of_1000_columns_says_how_many_are_left_out_and_stays_small(wide, drawn_page_of):
    page = drawn_page_of(*wide)
    assert len(page.document) < 700_000
    assert "980 more columns, with 98.0 % of the gain" in page.sections["importance"]
    assert "The 12 most important columns are shown, and 988 are not" in page.sections["dependence"]
    assert "and 960 more" in page.sections["data"]
