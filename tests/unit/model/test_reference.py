"""Reference histograms count every training record once, by value or as missing."""

import json

import numpy as np
import pytest

from fraud_detection_api.model.reference import BINS, histogram, level_counts, reference_histograms
from fraud_detection_api.tables.checking import check_table
from support.builders import every_dtype_contract, every_dtype_frame


def test_bins_of_distinct_values_hold_equal_shares():
    described = histogram(np.arange(2000.0))
    assert len(described["counts"]) == BINS
    assert all(abs(count - 100) <= 1 for count in described["counts"])


def test_every_value_is_counted_once():
    values = np.random.default_rng(0).exponential(size=999)
    values[::10] = np.nan
    described = histogram(values)
    assert sum(described["counts"]) + described["missing"] == 999
    assert described["missing"] == 100


def test_the_edges_span_the_values_seen():
    described = histogram(np.array([3.0, -1.0, 8.0]))
    assert (described["edges"][0], described["edges"][-1]) == (-1.0, 8.0)


def test_the_last_bin_holds_its_right_edge():
    described = histogram(np.arange(0.0, 101.0))
    assert described["edges"][-1] == 100
    assert described["counts"][-1] == 6  # 95 to 100


def test_few_values_have_a_bin_each_so_that_a_flag_s_drift_shows():
    assert histogram(np.array([0.0, 0.0, 0.0, 1.0])) == {"edges": [0.0, 1.0, 1.0], "counts": [3, 1], "missing": 0}


def test_a_value_that_fills_whole_bins_has_one_of_its_own():
    mostly_zero = np.append(np.zeros(9_900), np.arange(1.0, 101.0))
    described = histogram(mostly_zero)
    assert described["edges"] == [0, 1, 100]
    assert described["counts"] == [9_900, 100]


def test_a_column_of_one_value_has_one_bin():
    assert histogram(np.full(7, 2.0)) == {"edges": [2.0, 2.0], "counts": [7], "missing": 0}


@pytest.mark.parametrize("values", [[], [np.nan, np.nan]])
def test_a_column_without_values_has_no_bins(values):
    assert histogram(np.array(values)) == {"edges": [], "counts": [], "missing": len(values)}


def test_levels_are_counted_by_name():
    levels = np.array(["web", None, "branch", "web"], dtype=object)
    assert level_counts(levels) == {"levels": {"branch": 1, "web": 2}, "missing": 1}


def test_every_feature_and_the_probability_are_described():
    contract, frame = every_dtype_contract(), every_dtype_frame(200)
    columns = check_table(frame, contract).columns
    described = reference_histograms(contract, columns, np.linspace(0, 1, 50))
    assert set(described["features"]) == set(contract.features)
    assert described["features"]["channel"]["missing"] == frame["channel"].null_count()
    assert sum(described["probability"]["counts"]) == 50


def test_the_description_is_json():
    contract = every_dtype_contract()
    columns = check_table(every_dtype_frame(200), contract).columns
    described = reference_histograms(contract, columns, np.linspace(0, 1, 200))
    assert json.loads(json.dumps(described, allow_nan=False)) == described
