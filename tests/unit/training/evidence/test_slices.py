"""The worst-served segments: found, counted, and not blamed for chance."""

import numpy as np
import pytest

from fraud_detection_api.training.evidence.slices import WORST, slices


def part(rows: int = 8000, *, seed: int = 0):
    """A calibrated model, and a column `noise` that has nothing to do with it."""
    rng = np.random.default_rng(seed)
    probability = rng.beta(0.5, 4, rows)
    return rng.random(rows) < probability, probability, {"noise": rng.random(rows)}


def found(columns, is_fraud, probability, weights=None):
    return slices(columns, is_fraud, probability, np.ones(len(is_fraud)) if weights is None else weights)


def test_a_segment_that_the_model_misses_is_the_first():
    is_fraud, probability, columns = part()
    blind = np.arange(len(is_fraud)) % 5 == 0
    seen = np.where(blind, np.minimum(probability, 0.05), probability)
    columns["branch"] = np.where(blind, "blind", "seen").astype(object)
    worst = found(columns, is_fraud, seen)["worst"][0]
    assert (worst["column"], worst["band"]) == ("branch", {"level": "blind"})
    assert worst["recall"] == 0.0
    assert worst["beyond_chance"]
    assert worst["calibration_gap"] < 0


def test_a_segment_of_false_alarms_is_found_by_them():
    is_fraud, probability, columns = part()
    alarmed = np.arange(len(is_fraud)) % 5 == 0
    columns["branch"] = np.where(alarmed, "alarmed", "quiet").astype(object)
    score = np.where(alarmed & ~is_fraud & (probability > 0.2), 0.99, probability)
    worst = found(columns, is_fraud, score)["worst"][0]
    assert (worst["band"], worst["worse_in"]) == ({"level": "alarmed"}, "false_positive_rate")


def test_chance_alone_is_seldom_beyond_chance():
    surely = 0
    for seed in range(20):
        is_fraud, probability, columns = part(4000, seed=seed)
        surely += sum(each["beyond_chance"] for each in found(columns, is_fraud, probability)["worst"])
    assert surely <= 2


def test_figures_are_what_a_hand_would_count():
    is_fraud = np.arange(400) % 4 == 0
    probability = np.where(np.arange(400) < 40, 0.9, 0.1) + np.arange(400) / 1e5
    probability[~is_fraud] -= 0.05
    half = np.where(np.arange(400) < 200, 1.0, 2.0)
    result = found({"half": half}, is_fraud, probability)
    second = next(each for each in result["worst"] if each["band"] == {"equals": 2.0})
    flagged = probability >= result["threshold"] - 1e-7
    rows = half == 2
    assert (second["rows"], second["frauds"]) == (200, 50)
    assert second["fraud_rate"] == 0.25
    assert second["mean_probability"] == pytest.approx(probability[rows].mean(), rel=1e-5)
    assert second["calibration_gap"] == pytest.approx(probability[rows].mean() - 0.25, rel=1e-4)
    assert second["recall"] == pytest.approx(flagged[rows & is_fraud].mean())
    assert second["false_positive_rate"] == pytest.approx(flagged[rows & ~is_fraud].mean())
    assert second["recall_low"] <= second["recall"] <= second["recall_high"]


def test_the_threshold_flags_one_percent_of_the_honest():
    is_fraud, probability, columns = part()
    whole = found(columns, is_fraud, probability)["whole"]
    assert 0.009 < whole["false_positive_rate"] <= 0.01


def test_small_segments_and_the_whole_are_not_looked_at():
    is_fraud, probability, _ = part(1000)
    rare = np.where(np.arange(1000) < 30, "rare", "common").astype(object)
    one_value = np.full(1000, 7.0)
    result = found({"rare": rare, "one": one_value}, is_fraud, probability)
    assert result["looked_at"] == 1
    assert [each["band"] for each in result["worst"]] in ([], [{"level": "common"}])


def test_three_frauds_are_too_few_for_any_segment():
    is_fraud = np.arange(300) < 3
    result = found({"c": np.arange(300.0)}, is_fraud, np.linspace(0.9, 0, 300))
    assert (result["looked_at"], result["worst"]) == (0, [])


def test_at_most_so_many_are_told():
    is_fraud, probability, _ = part(4000)
    rng = np.random.default_rng(1)
    columns = {f"noise {k}": rng.random(4000) for k in range(40)}
    result = found(columns, is_fraud, probability)
    assert result["looked_at"] == 160
    assert len(result["worst"]) == WORST
    assert [each["sureness"] for each in result["worst"]] == sorted(
        (each["sureness"] for each in result["worst"]), reverse=True
    )


def test_one_probability_for_all_still_has_a_threshold():
    result = found({"c": np.arange(400.0)}, np.arange(400) % 4 == 0, np.full(400, 0.25))
    assert result["threshold"] == 0.25
    assert result["whole"]["recall"] == 1.0


def test_weights_make_the_rates_those_of_the_deployed_population():
    is_fraud, probability, columns = part()
    weights = np.where(is_fraud, 0.1, 1.0)
    plain, weighted = (found(columns, is_fraud, probability, w)["whole"] for w in (None, weights))
    assert weighted["recall"] == plain["recall"]
    assert weighted["fraud_rate"] == pytest.approx(np.average(is_fraud, weights=weights), rel=1e-5)
