"""Marks are within the frame of the axes, and the axis has round numbers."""

import pytest

from fraud_detection_api.console.figures.plots import BOTTOM, LEFT, RIGHT, TOP, bar_plot, line_plot, round_steps


def plotted(ys, top=1.0, **given):
    return line_plot(
        "t",
        [("now", "n", [0.0, 1.0, 2.0], ys)],
        reading="r",
        x_label="x",
        x_ticks=[(1.0, "one"), (9.0, "no")],
        top=top,
        **given,
    )


def test_a_line_goes_from_one_end_of_the_frame_to_the_other_and_not_above_it():
    plot = plotted([0.0, 0.5, 7.0])
    middle = (TOP + BOTTOM) / 2
    assert plot.lines[0].dots == ((LEFT, BOTTOM), ((LEFT + RIGHT) / 2, middle), (RIGHT, TOP))
    assert plot.lines[0].points == f"{LEFT},{BOTTOM} {(LEFT + RIGHT) / 2:g},{middle:g} {RIGHT},{TOP}"


def test_labels_and_marks_beyond_the_axis_are_left_out():
    plot = plotted([0.0, 0.0, 0.0], marks={"here": 2.0, "beyond": 2.5})
    assert [tick.text for tick in plot.x_ticks] == ["one"]
    assert [(tick.at, tick.text) for tick in plot.marks] == [(RIGHT, "here")]


@pytest.mark.parametrize("top", [1e-6, 0.03, 0.5, 0.999, 1.0, 2.0, 9.9, 402.0, 7.3e6])
def test_an_axis_has_two_or_three_round_numbers_above_0(top):
    first, *others = round_steps(top)
    assert first == 0
    assert 1 <= len(others) <= 3
    assert others[-1] <= top * (1 + 1e-9)


def test_the_bins_of_a_plot_are_a_bar_and_a_dot_each():
    plot = bar_plot(["a", "b", "a name that is much too long for the axis"], [0.2, 0.3, 0.5], [0.0, 0.0, 1.0])
    assert (plot.then.count("z"), plot.now.count("h0")) == (3, 3)
    assert plot.last.endswith("…")
