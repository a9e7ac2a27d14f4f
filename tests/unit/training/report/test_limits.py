"""Known limits follow from the card's facts."""

from dataclasses import replace

import numpy as np
import pytest

from fraud_detection_api.training.evidence.gather import gather_evidence
from fraud_detection_api.training.report.limits import limits
from fraud_detection_api.training.report.material import Material
from support.scored import card, evidence, explained, held_out

MANY = {"kind": "time", "train": {"rows": 9000, "frauds": 900}, "test": {"rows": 3000, "frauds": 300}}


def told(found=None, **changes) -> str:
    (bullets,) = limits(Material.of(card(**changes), found or evidence())).blocks
    return " ".join(bullets.items)


def flawless():
    """Facts that speak against nothing: many frauds, a later test part, no segment served worse."""
    evaluation = {**card()["evaluation"], "frauds": 300}
    found = {**evidence(), "slices": {**evidence()["slices"], "worst": []}}
    period = ["2025-01-01T00:00:00Z", "2025-12-31T00:00:00Z"]
    data = {"rows": 15_000, "frauds": 1500, "period": period, "digest": "sha256:2"}
    return found, {"evaluation": evaluation, "split": MANY, "data": data, "warnings": None, "calibration": None}


def test_few_frauds_make_wide_intervals():
    evaluation = {**card()["evaluation"], "frauds": 54}
    assert "the test part holds 54" in told(evaluation=evaluation)
    assert "recall at 1 % false positives may be" in told(evaluation=evaluation)
    assert "Few frauds" not in told(evaluation={**evaluation, "frauds": 300})


def test_a_metric_may_be_missing():
    assert "intervals are wide." in told(evaluation={"rows": 100, "frauds": 5, "metrics": {}})


def test_few_frauds_of_the_training_part_are_told():
    few = {**MANY, "train": {"rows": 500, "frauds": 25}}
    assert "Training had only 25 frauds" in told(split=few)
    assert "Training had only" not in told(split=MANY)


@pytest.mark.parametrize(("kind", "is_told"), [("stratified", True), ("time", False)])
def test_a_random_split_is_told(kind, is_told):
    assert ("not from a later time" in told(split={**MANY, "kind": kind})) == is_told


def test_one_period_is_told():
    found, changes = flawless()
    assert "from 2025-01-01 to 2025-12-31" in told(found, **changes)


def test_a_stated_base_rate_is_told():
    assert "a fraud rate of 1.5 % in service" in told()
    assert "in service" not in told(calibration=None)


def test_a_sample_is_told():
    data = {**card()["data"], "sampled_from": 50_000}
    assert "6,000 of 50,000 records" in told(data=data)


def test_simulated_records_are_told():
    evaluation = card()["evaluation"]
    metrics = {name: {**estimate, "bayes_limit": 0.9} for name, estimate in evaluation["metrics"].items()}
    assert "simulated" in told(evaluation={**evaluation, "metrics": metrics})
    assert "simulated" not in told()


def test_segments_that_are_surely_served_worse_are_named():
    test = held_out()
    blind = np.where(np.arange(1200) % 3 == 0, "blind", "seen").astype(object)
    columns = {f"branch_{k}": blind for k in range(5)}
    probability = np.where(blind == "blind", 0.001, test.probability)
    worse = replace(test, columns=columns, probability=probability)
    assert "branch_0 “blind”; branch_1 “blind”; branch_2 “blind”; and 2 more" in told(
        gather_evidence(worse, explained())
    )


def test_warnings_are_counted():
    assert "Training gave 1 warning; see" in told()
    assert "Training gave 2 warnings; see" in told(warnings=["a", "b"])
