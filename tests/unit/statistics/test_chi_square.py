"""The chi-square tail and its quantile are scipy's, far into the tail."""

import pytest
from scipy import stats

from fraud_detection_api.statistics.chi_square import chi_square_quantile, chi_square_tail

DEGREES = [1, 2, 3, 7, 19, 20, 99, 1000]


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize("tail", [0.9, 0.5, 0.05, 1e-4, 1e-9, 1e-15])
def test_quantiles_are_exact_far_into_the_tail(degrees, tail):
    assert chi_square_quantile(tail, degrees) == pytest.approx(stats.chi2.isf(tail, degrees), rel=1e-9)


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize("x", [1e-6, 0.5, 3.0, 40.0, 900.0])
def test_tails_are_exact(degrees, x):
    assert chi_square_tail(x, degrees) == pytest.approx(stats.chi2.sf(x, degrees), rel=1e-10, abs=1e-300)


def test_nothing_is_below_zero():
    assert chi_square_tail(0.0, 3) == chi_square_tail(-1.0, 3) == 1.0


@pytest.mark.parametrize(("tail", "degrees"), [(0.0, 3), (1.0, 3), (0.5, 0), (float("nan"), 3)])
def test_what_is_no_chance_or_no_degree_is_refused(tail, degrees):
    with pytest.raises(ValueError):
        chi_square_quantile(tail, degrees)
