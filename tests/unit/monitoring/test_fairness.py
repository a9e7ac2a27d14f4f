"""Fairness by group: rates by hand, four fifths, groups too small to judge, ages as Regulation B has them."""

import numpy as np
import pytest

from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.monitoring.fairness import OTHERS, Decided, fairness, protected_columns
from fraud_detection_api.statistics.estimates import wilson

APPROVE, REVIEW, DECLINE = 0, 1, 2


def decided(*blocks) -> tuple[np.ndarray, Decided]:
    """Records by block of (group, is fraud, outcome, count); a fraud has probability 0.4, another record 0.1."""
    rows = [block[:3] for block in blocks for _ in range(block[3])]
    group = np.array([row[0] for row in rows], dtype=object)
    is_fraud = np.array([row[1] for row in rows], dtype=np.bool_)
    return group, Decided(is_fraud, np.where(is_fraud, 0.4, 0.1), np.array([row[2] for row in rows], dtype=np.int8))


A = (("a", False, APPROVE, 80), ("a", False, REVIEW, 10), ("a", True, APPROVE, 4), ("a", True, DECLINE, 6))
B = (("b", False, APPROVE, 60), ("b", False, DECLINE, 20), ("b", True, REVIEW, 15), ("b", True, APPROVE, 5))


def of(*blocks):
    group, records = decided(*blocks)
    (found,) = fairness({"group": group}, records)
    return {each["band"].get("level", "missing"): each for each in found["groups"]}, found


def test_rates_are_those_that_the_counts_give():
    groups, _ = of(*A, *B)
    a, b = groups["a"], groups["b"]
    assert (a["rows"], a["frauds"], b["rows"], b["frauds"]) == (100, 10, 100, 20)
    assert (a["declined"], a["flagged"], b["declined"], b["flagged"]) == (0.06, 0.16, 0.2, 0.35)
    assert (a["false_positive_rate"], b["false_positive_rate"]) == (pytest.approx(10 / 90, abs=1e-5), 0.25)
    assert (a["false_negative_rate"], b["false_negative_rate"]) == (0.4, 0.25)
    assert a["observed_to_expected"] == pytest.approx(10 / (90 * 0.1 + 10 * 0.4), abs=1e-5)
    assert all(
        each[f"{key}_low"] <= each[key] <= each[f"{key}_high"] for each in (a, b) for key in ("declined", "flagged")
    )


def test_impact_ratios_compare_with_the_group_that_is_approved_most():
    groups, found = of(*A, *B)
    names = list(groups)
    assert names[found["reference"]] == "a"
    assert groups["a"]["impact_ratio"] is None
    assert groups["b"]["impact_ratio"] == pytest.approx(0.65 / 0.84, abs=1e-5)
    assert groups["b"]["impact_ratio_low"] < 0.65 / 0.84 < groups["b"]["impact_ratio_high"]
    assert groups["b"]["kept_ratio"] == pytest.approx(0.8 / 0.94, abs=1e-5)


@pytest.mark.parametrize(
    "small",
    [(("c", False, APPROVE, 20), ("c", True, APPROVE, 8)), (("c", False, APPROVE, 60), ("c", True, APPROVE, 4))],
    ids=["few records", "few frauds"],
)
def test_a_small_group_is_shown_and_is_no_reference(small):
    groups, found = of(*A, *B, *small)
    assert groups["c"]["few"]
    assert list(groups)[found["reference"]] == "a"


def test_a_group_of_which_nobody_is_approved_has_ratio_0_with_an_upper_end():
    groups, _ = of(*A, ("b", False, DECLINE, 60), ("b", True, DECLINE, 20))
    assert groups["b"]["impact_ratio"] == 0
    assert 0 < groups["b"]["impact_ratio_high"] < 0.1


def test_weights_change_shares_and_their_intervals():
    group, records = decided(*A, *B)
    weighted = Decided(records.is_fraud, records.probability, records.outcomes, np.where(records.is_fraud, 0.1, 1.1))
    (plain,), (found,) = (fairness({"group": group}, each) for each in (records, weighted))
    a, before = found["groups"][0], plain["groups"][0]
    assert a["declined"] == pytest.approx(0.6 / (99 + 1))
    assert a["false_negative_rate"] == before["false_negative_rate"]
    effective = (90 * 1.1 + 10 * 0.1) ** 2 / (90 * 1.1**2 + 10 * 0.1**2)
    low, high = wilson(0.006 * effective, effective)
    assert (a["declined_low"], a["declined_high"]) == (pytest.approx(low, rel=1e-4), pytest.approx(high, rel=1e-4))


def test_ages_are_in_bands_and_62_is_elderly():
    ages = np.array([18.0, 24, 25, 39, 40, 61, 62, 90, np.nan])
    records = Decided(ages > 50, np.full(9, 0.2), np.zeros(9, np.int8))
    (found,) = fairness({"customer_age": ages}, records)
    assert [(each["band"], each["rows"]) for each in found["groups"]] == [
        ({"from": None, "under": 25.0}, 2),
        ({"from": 25.0, "under": 40.0}, 2),
        ({"from": 40.0, "under": 62.0}, 2),
        ({"from": 62.0, "under": None}, 2),
        ({"missing": True}, 1),
    ]
    assert found["reference"] is None


def test_another_threshold_declines_other_shares_of_each_group():
    group = np.array(["a", "b"], dtype=object)[np.arange(2000) % 2]
    probability = np.where(group == "b", 0.5, 0.0) + np.random.default_rng(1).random(2000) / 2
    records = Decided(np.arange(2000) % 5 == 0, probability, np.zeros(2000, np.int8))
    (found,) = fairness({"group": group}, records)
    last = found["thresholds"][-1]
    assert last["share"] == 0.2
    assert last["declined"] == [0.0, pytest.approx(0.4, abs=0.002)]
    assert last["lowest_kept_ratio"] == pytest.approx(0.6, abs=0.002)


def test_rare_levels_are_one_group():
    group, records = decided(*A, *((f"level {k}", False, APPROVE, 5) for k in range(12)), ("rare", True, APPROVE, 1))
    (found,) = fairness({"group": group}, records)
    levels = [each["band"]["level"] for each in found["groups"]]
    assert len(levels) == 13
    assert OTHERS in levels


def test_no_feature_is_protected_unless_the_contract_says_so():
    assert protected_columns(load_contract("credit")) == []
