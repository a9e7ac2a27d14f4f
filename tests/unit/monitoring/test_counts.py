"""Counts over a reference's bins: every value is in one of them, and parts add up to the whole."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.contract.columns import columns_from_records
from fraud_detection_api.model.reference import histogram, reference_histograms
from fraud_detection_api.monitoring.counts import Bins, Counts, LevelCounts, NumberCounts, count_levels, count_numbers
from support.builders import every_dtype_contract, every_dtype_frame

CONTRACT = every_dtype_contract()
RECORDS = every_dtype_frame(400).to_dicts()
COLUMNS = columns_from_records(CONTRACT, RECORDS)
PROBABILITIES = np.linspace(0, 1, len(RECORDS)) ** 2
REFERENCE = reference_histograms(CONTRACT, COLUMNS, PROBABILITIES)
OUTCOMES = [("approve", "review", "decline")[n % 3] for n in range(len(RECORDS))]
ALL = np.ones(len(RECORDS), dtype=bool)

numbers = st.lists(st.one_of(st.just(float("nan")), st.floats(-50, 50), st.integers(-3, 3).map(float)), max_size=60)


def counted(rows=ALL) -> Counts:
    return Bins(REFERENCE).count(COLUMNS, PROBABILITIES, OUTCOMES, rows)


def test_counts_from_before_levels_were_composed_add_up_with_later_ones():
    apart, composed = "e\N{COMBINING ACUTE ACCENT}", "\N{LATIN SMALL LETTER E WITH ACUTE}"
    document = json.loads(json.dumps(counted().as_json()))
    document["features"]["channel"]["levels"] = {apart: 3, composed: 1}
    assert Counts.from_json(document).features["channel"].levels == {composed: 4}


def test_the_reference_counted_again_is_the_reference():
    counts = counted()
    assert counts.rows == REFERENCE["rows"]
    for name, expected in REFERENCE["features"].items():
        found = counts.features[name]
        assert found.missing == expected["missing"]
        if isinstance(found, LevelCounts):
            assert (dict(found.levels), found.unseen) == (expected["levels"], 0)
        else:
            assert (list(found.counts), found.below, found.above) == (expected["counts"], 0, 0)
    assert list(counts.probability.counts) == REFERENCE["probability"]["counts"]
    assert counts.outcomes == {outcome: OUTCOMES.count(outcome) for outcome in ("approve", "review", "decline")}


@given(st.lists(st.booleans(), min_size=len(RECORDS), max_size=len(RECORDS)).map(np.array))
def test_the_counts_of_two_parts_add_up_to_those_of_the_whole(rows):
    assert counted(rows).merged(counted(~rows)) == counted()


def test_counts_come_back_from_their_json():
    assert Counts.from_json(json.loads(json.dumps(counted().as_json()))) == counted()
    assert Counts.from_json(json.loads(json.dumps(counted(~ALL).as_json()))) == counted(~ALL)


@given(numbers, numbers)
def test_every_number_is_counted_once_and_where_numpy_counts_it(reference, live):
    edges = np.array(histogram(np.array(reference, dtype=np.float64))["edges"], dtype=np.float64)
    live = np.array(live, dtype=np.float64)
    counts = count_numbers(live, edges)
    assert counts.below + sum(counts.counts) + counts.above + counts.missing == len(live)
    present = live[~np.isnan(live)]
    if len(edges):
        assert list(counts.counts) == np.histogram(present, bins=edges)[0].tolist()
        assert (counts.below, counts.above) == ((present < edges[0]).sum(), (present > edges[-1]).sum())
    else:
        assert counts == NumberCounts(0, (), len(present), len(live) - len(present))


def test_a_reference_of_one_number_has_a_bin_for_it():
    edges = np.array(histogram(np.array([7.0, 7.0]))["edges"])
    assert count_numbers(np.array([7.0, 6.9, 7.1]), edges) == NumberCounts(1, (1,), 1, 0)


def test_values_beyond_everything_are_out_of_range():
    counts = count_numbers(np.array([-np.inf, np.inf]), np.array([0.0, 1.0]))
    assert (counts.below, counts.above) == (1, 1)


def test_levels_that_the_reference_never_saw_take_no_room():
    values = np.array([f"level {n}" for n in range(10_000)], dtype=object)
    assert count_levels(values, frozenset({"level 3"})) == LevelCounts({"level 3": 1}, 9_999, 0)


def test_no_records_are_no_counts():
    assert counted(~ALL).merged(counted()) == counted()
    assert counted(~ALL).rows == 0


def test_counts_of_other_bins_are_not_added():
    fewer = NumberCounts(0, (1,), 0, 0)
    with pytest.raises(ValueError):
        fewer.merged(NumberCounts(0, (1, 2), 0, 0))
    others = Counts(0, {"another": fewer}, fewer, {})
    with pytest.raises(ValueError, match="other features"):
        counted().merged(others)
    mixed = Counts(0, {name: LevelCounts({}, 0, 0) for name in REFERENCE["features"]}, fewer, {})
    with pytest.raises(ValueError, match="a number and of a category"):
        counted().merged(mixed)
