"""Ticks of axes: round, readable, none upon another."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from fraud_detection_api.report.scales import log_odds, place_few, place_values, share_ticks, show_log_odds


def labelled(values, *, dtype: str = "") -> tuple[list[str], np.ndarray]:
    """Labels, and their places as shares of the axis."""
    axes = Figure().add_subplot()
    places = place_values(axes, np.array(values, dtype=np.float64), dtype=dtype)
    ticks = (axes.get_xticks() - places[0]) / (places[-1] - places[0])
    return [label.get_text() for label in axes.get_xticklabels()], ticks


def test_even_values_have_a_linear_axis_of_round_ticks():
    labels, ticks = labelled(range(0, 101, 5))
    assert "0" in labels
    assert "100" in labels
    assert ticks == pytest.approx([float(label) / 100 for label in labels])


def test_skewed_values_are_drawn_apart():
    values = [0, 1, 2, 3, 4, 5, 10, 1000, 100_000]
    axes = Figure().add_subplot()
    places = place_values(axes, np.array(values, dtype=np.float64))
    assert places[4] - places[0] > 0.05 * (places[-1] - places[0])
    assert np.all(np.diff(places) > 0)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.linspace(1.6e9, 1.68e9, 20), "datetime"),
        (np.linspace(2_345_678, 9_876_543, 20), ""),
        (np.geomspace(1e-3, 1e12, 20), ""),
        (np.linspace(-0.003, 0.004, 20), ""),
    ],
)
def test_labels_do_not_touch(values, dtype):
    labels, ticks = labelled(values, dtype=dtype)
    halves = [0.013 * len(label) for label in labels]
    assert len(labels) >= 2
    for k in range(1, len(labels)):
        assert ticks[k] - ticks[k - 1] > halves[k] + halves[k - 1]


def test_years_are_whole_and_have_no_comma():
    axes = Figure().add_subplot()
    place_values(axes, np.array([2014.0, 2015, 2016, 2017]), dtype="year")
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels
    assert all(label in ("2014", "2015", "2016", "2017") for label in labels)


def test_few_values_are_evenly_spaced_and_truth_values_are_words():
    axes = Figure().add_subplot()
    assert place_few(axes, np.array([0.0, 1.0]), dtype="bool").tolist() == [0.0, 1.0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["false", "true"]


def test_log_odds_are_labelled_by_their_probabilities():
    axes = Figure().add_subplot()
    show_log_odds(axes.xaxis, float(log_odds(0.0005)), float(log_odds(0.6)))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.1 %", "1 %", "10 %", "50 %"]


@pytest.mark.parametrize("top", [1e-5, 0.0123, 0.5, 1.0])
def test_ticks_of_shares_are_few_and_reach_far(top):
    ticks = share_ticks(top)
    assert 3 <= len(ticks) <= 6
    assert top * 0.75 <= ticks[-1] <= top
