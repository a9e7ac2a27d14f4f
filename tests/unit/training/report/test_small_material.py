"""Reports of test parts and columns that are as small as they may be."""

from dataclasses import replace

import numpy as np
import pytest

from fraud_detection_api.report.document import Gallery, words_for
from fraud_detection_api.training.evidence.gather import Explained, gather_evidence
from fraud_detection_api.training.report.columns import dependence
from fraud_detection_api.training.report.limits import segment_text, segments
from fraud_detection_api.training.report.material import Material
from support.scored import card, evidence, explained, held_out
from support.sketches import drawn

"""Warnings are errors here, matplotlib's too: what is drawn warns of nothing."""


def drawn_dependence(found, column: str) -> list[str]:
    """The plots of a column in the section on partial dependence."""
    [gallery] = [block for block in dependence(Material.of(card(), found)).blocks if isinstance(block, Gallery)]
    return [drawn(plot) for plot in gallery.plots if plot.title == column]


def test_three_frauds_make_a_report(drawn_page_of, markdown_of):
    test = replace(held_out(150), is_fraud=np.arange(150) % 60 == 7)
    found = gather_evidence(test, explained())
    page = drawn_page_of(card(test), found)
    assert "the test part holds 3" in page.sections["limits"]
    assert "None has enough records of both classes" in page.sections["segments"]
    assert len(markdown_of(card(test), found).splitlines()) < 165


def test_a_model_that_learned_nothing_makes_a_report(drawn_page_of):
    test = held_out(400)
    flat = np.full(400, 0.1)
    contributions = np.zeros((10, 4), dtype=np.float32)
    constant = Explained(explained().column_names, lambda matrix: np.full(len(matrix), 0.1), {}, contributions)
    found = gather_evidence(replace(test, probability=flat, raw_probability=flat), constant)
    page = drawn_page_of(card(replace(test, probability=flat)), found)
    assert "to set a threshold for any budget" in page.sections["capture"]


@pytest.mark.parametrize("value", [7.0, np.nan, -1e30, 0.0])
def test_a_column_of_one_value_or_none_makes_a_report(value):
    test = held_out(300)
    matrix = test.matrix.copy()
    matrix[:, 0] = value
    columns = {**test.columns, "amount": np.full(300, value)}
    found = gather_evidence(replace(test, matrix=matrix, columns=columns), explained())
    assert len(drawn_dependence(found, "amount")) == (not np.isnan(value))


RANGES = [[0, 1e-9, 1e9, 1e12, 3e30], [-5, -4, -3, -2.5, -1], [1e15, 1e15 + 2e8, 2e15, 3e15], [0, 0.5]]


@pytest.mark.parametrize("values", RANGES)
def test_a_column_of_any_range_has_an_axis(values):
    test = held_out(300)
    matrix = test.matrix.copy()
    matrix[:, 0] = np.resize(values, 300)
    found = gather_evidence(replace(test, matrix=matrix), explained())
    assert len(drawn_dependence(found, "amount")) == 1


def test_times_are_written_as_days():
    found = gather_evidence(held_out(2000), explained())
    opened = next(each for each in found["partial_dependence"] if each["column"] == "opened_at")
    [plot] = drawn_dependence({**found, "partial_dependence": [opened]}, "opened_at")
    assert "2021-" in plot


@pytest.mark.parametrize(
    ("column", "band", "words"),
    [
        ("opened_at", {"above": 1.6e9, "up_to": None}, "opened_at over 2020-09-13"),
        ("opened_at", {"above": None, "up_to": 1e18}, "opened_at up to 1e+18"),
        ("is_employed", {"equals": 1.0}, "is_employed true"),
        ("is_employed", {"equals": 0.0}, "is_employed false"),
        ("amount", {"equals": 3.0}, "amount 3"),
        ("channel", {"level": "web"}, "channel “web”"),
        ("amount", {"missing": True}, "amount missing"),
    ],
)
def test_a_segment_is_written_in_words(column, band, words):
    assert segment_text({"column": column, "band": band}, evidence()) == words


def test_where_no_segment_is_worse_that_is_said():
    found = {**evidence(), "slices": {**evidence()["slices"], "worst": []}}
    (paragraph,) = segments(Material.of(card(), found)).blocks
    assert "None is worse than the whole" in paragraph.text


def test_metrics_that_the_page_speaks_of_may_be_missing(drawn_page_of):
    evaluation = card()["evaluation"]
    page = drawn_page_of(
        card(evaluation={**evaluation, "metrics": {"gini": evaluation["metrics"]["roc_auc"]}}), evidence()
    )
    assert "gini" in page.sections["headline"]
    assert "are caught" not in page.sections["ranking"]


def test_words_of_an_unknown_purpose_are_refused():
    with pytest.raises(ValueError, match="fraud or credit"):
        words_for("sales")
