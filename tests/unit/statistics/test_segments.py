"""The segments of a column: every record is in one, and no band is empty."""

import numpy as np

from fraud_detection_api.statistics.segments import segments


def bands(values) -> list[dict]:
    return [segment.band for segment in segments("c", values)]


def test_numbers_are_cut_at_their_quartiles():
    assert bands(np.arange(1.0, 101.0)) == [
        {"above": None, "up_to": 25.0},
        {"above": 25.0, "up_to": 50.0},
        {"above": 50.0, "up_to": 75.0},
        {"above": 75.0, "up_to": None},
    ]


def test_few_different_numbers_are_segments_of_their_own():
    assert bands(np.array([0.0, 1.0, 1.0, np.nan])) == [{"missing": True}, {"equals": 0.0}, {"equals": 1.0}]


def test_crowded_numbers_are_no_empty_band():
    values = np.array([0.0] * 80 + [float(k) for k in range(1, 21)])
    assert bands(values) == [{"above": None, "up_to": 0.0}, {"above": 0.0, "up_to": None}]
    assert sum(int(segment.rows.sum()) for segment in segments("c", values)) == 100


def test_levels_are_segments_and_so_is_their_absence():
    levels = np.array(["a", None, "b", "a"], dtype=object)
    assert bands(levels) == [{"missing": True}, {"level": "a"}, {"level": "b"}]
    assert [segment.rows.tolist() for segment in segments("c", levels)][1] == [True, False, False, True]


def test_a_column_of_gaps_alone_is_one_segment():
    assert bands(np.full(3, np.nan)) == [{"missing": True}]
    assert bands(np.full(3, None, dtype=object)) == [{"missing": True}]
