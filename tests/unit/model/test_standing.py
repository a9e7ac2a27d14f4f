"""Where a value stands among the training data."""

import pytest

from fraud_detection_api.model.standing import standing_of_level, standing_of_number

QUANTILES = {"edges": [0.0, 10.0, 20.0, 40.0], "counts": [60, 30, 10], "missing": 100}
VALUES = {"edges": [0.0, 1.0, 5.0, 5.0], "counts": [6, 3, 1], "missing": 0}


@pytest.mark.parametrize(
    ("value", "below", "same", "above"),
    [(10.0, 0.3, 0.15, 0.05), (9.9, 0, 0.3, 0.2), (40.0, 0.45, 0.05, 0), (41.0, 0.5, 0, 0), (-1.0, 0, 0, 0.5)],
)
def test_a_number_stands_between_the_records_of_other_bins(value, below, same, above):
    standing = standing_of_number(QUANTILES, value)
    assert (standing.below, standing.same, standing.above) == pytest.approx((below, same, above))
    assert (standing.missing, standing.is_exact) == (0.5, value in (41.0, -1.0))


@pytest.mark.parametrize(
    ("value", "below", "same", "above"), [(0.0, 0, 0.6, 0.4), (5.0, 0.9, 0.1, 0), (3.0, 0.9, 0, 0.1), (6.0, 1, 0, 0)]
)
def test_where_there_were_few_values_a_number_is_one_of_them_or_between_them(value, below, same, above):
    standing = standing_of_number(VALUES, value)
    assert standing == pytest.approx((below, same, above, 0.0, True))


def test_a_number_is_compared_as_it_was_before_it_was_rounded():
    histogram = {"edges": [0.0, 0.10000000149011612, 0.5], "counts": [1, 1], "missing": 0}
    assert standing_of_number(histogram, 0.1).below == 0.5


def test_what_is_missing_or_unknown_stands_nowhere():
    assert standing_of_number(QUANTILES, None)[:4] == (0, 0, 0, 0.5)
    assert standing_of_number({"edges": [], "counts": [], "missing": 0}, 1.0) is None
    assert standing_of_level({"levels": {"a": 1}, "missing": 3}, "b")[:4] == (0, 0, 0, 0.75)
    assert standing_of_level({"levels": {}, "missing": 0}, "b") is None
