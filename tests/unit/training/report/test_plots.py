"""Plots of material at its edges: what must be seen is within the axes."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from matplotlib.figure import Figure

from fraud_detection_api.report.document import words_for
from fraud_detection_api.training.evidence.gather import gather_evidence
from fraud_detection_api.training.report.learning import paint_history, paint_rounds
from fraud_detection_api.training.tuning.objective import Objective, ObjectiveName
from support.scored import card, evidence, explained, held_out, score


def painted(paint, data):
    figure = Figure(layout="constrained")
    axes = figure.add_subplot()
    paint(figure, axes, data, words_for("fraud"))
    return axes


def line(axes, label: str):
    return next(each for each in axes.get_lines() if each.get_label() == label)


def study(values, **changes):
    history = [{"trial": number, "value": value} for number, value in enumerate(values)]
    return {"history": history, "objective": "average precision", "default_value": values[0], **changes}


@pytest.mark.parametrize("values", [[0.1, *np.linspace(0.8, 0.9, 40)], [0.9, *np.linspace(0.1, 0.5, 40)], [0.5]])
def test_the_default_trial_is_marked_and_within_the_plot(values):
    axes = painted(paint_history, study([*values, None]))
    low, high = axes.get_ylim()
    default = line(axes, "default")
    assert (list(default.get_xdata()), list(default.get_ydata())) == ([0], [values[0]])
    assert low < values[0] < high


def test_a_default_that_was_tried_again_is_marked_where_it_was_measured():
    history = [{"trial": 1, "value": 0.7}, {"trial": 2, "value": 0.6}]
    axes = painted(paint_history, study([0.6], history=history))
    assert list(line(axes, "default").get_xdata()) == [2]


@pytest.mark.parametrize("name", get_args(ObjectiveName))
def test_the_axis_of_values_is_named_after_the_objective(name):
    text = Objective(name).text
    label = painted(paint_history, study([0.5, 0.6], objective=text)).get_ylabel()
    assert label.replace("\n", " ") == text
    assert max(map(len, label.splitlines())) <= 40


def test_a_tiny_base_rate_makes_a_report(drawn_page_of):
    """Warnings are errors here, matplotlib's too."""
    test = held_out(600)
    tiny = replace(test, probability=test.probability * 1e-7, raw_probability=test.raw_probability * 1e-7)
    explained_tiny = replace(explained(), score=lambda matrix: score(matrix) * 1e-7)
    assert "policy" in drawn_page_of(card(), gather_evidence(tiny, explained_tiny)).sections


@pytest.mark.parametrize(("kept", "left", "right"), [([3, 9], 2.5, 6.5), ([2, 4], 1.5, 4.5), ([6], 5.5, 6.5)])
def test_the_shading_ends_with_the_lines(kept, left, right):
    losses = {"rounds": [1, 6], "train_log_loss": [0.3, 0.2], "held_out_log_loss": [0.3, 0.25]}
    (shaded,) = painted(paint_rounds, {**losses, "kept_rounds": kept}).patches
    box = shaded.get_extents().transformed(shaded.axes.transData.inverted())
    assert (box.x0, box.x1) == pytest.approx((left, right))


@pytest.mark.parametrize(("kept", "is_cut"), [([3, 9], True), ([2, 4], False)])
def test_a_shading_that_is_cut_is_told(kept, is_cut, markdown_of):
    found = {**evidence(), "learning_curve": {**evidence()["learning_curve"], "kept_rounds": kept}}
    text = markdown_of(card(), found)
    assert "The lines end at round 4, the last that all boosters reached" in text
    assert ("and so does the shading" in text) == is_cut
