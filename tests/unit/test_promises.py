"""A drill's figures are held against their bounds, and stand in one table."""

import pytest

from drills.conftest import Kept, kept_promise, table


@pytest.mark.parametrize(
    ("measured", "at_least", "held"), [(5.9, False, True), (6, False, True), (6.1, False, False), (5.9, True, False)]
)
def test_a_figure_may_be_at_most_its_bound_or_at_least(measured, at_least, held):
    assert kept_promise("answered", measured=measured, bound=6, unit="s", at_least=at_least).held is held


def test_a_figure_that_is_no_number_breaks_the_promise():
    assert not kept_promise("answered", measured=float("nan"), bound=6).held


def test_the_table_has_a_line_for_each_promise():
    never = Kept("a drill that failed", None, None, "", at_least=False, held=False)
    lines = list(table([kept_promise("lost", measured=0, bound=0), kept_promise("kept", measured=1, bound=2e3), never]))
    assert [line.split()[-1] for line in lines[1:-1]] == ["ok", "ok", "FAILED"]
    assert lines[-1] == "2 of 3 promises held"
