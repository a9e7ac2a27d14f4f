"""All evidence as one JSON value, the same for the same arguments."""

import json
from dataclasses import replace

import numpy as np
import pytest

from fraud_detection_api.training.evidence.gather import DEPENDENCES, Explained, gather_evidence
from support.scored import LEARNING_CURVE, explained, gathered, held_out, score


def test_evidence_is_json():
    assert json.loads(json.dumps(gathered(), allow_nan=False)) == gathered()


def test_every_part_that_is_documented_is_there_and_none_beside():
    documented = {line.split("`")[1] for line in gather_evidence.__doc__.splitlines() if line.strip().startswith("- `")}
    assert set(gathered()) == documented | {"frauds", "base_rate", "precision_recall"}


def test_the_same_arguments_give_the_same_gathered():
    again = gather_evidence(held_out(), explained(), learning_curve=LEARNING_CURVE)
    assert json.dumps(again) == json.dumps(gathered())


def test_no_number_has_more_than_six_digits():
    def numbers(value):
        if isinstance(value, dict):
            value = list(value.values())
        return (
            [value]
            if isinstance(value, float)
            else [n for each in value for n in numbers(each)]
            if isinstance(value, list)
            else []
        )

    found = numbers({name: part for name, part in gathered().items() if name != "learning_curve"})
    assert len(found) > 500
    assert all(number == float(f"{number:.6g}") for number in found)


def test_without_a_learning_curve_there_is_none():
    assert "learning_curve" not in gather_evidence(held_out(), explained())


def test_reliability_is_given_before_and_after_calibration():
    reliability = gathered()["reliability"]
    assert reliability["before"] != reliability["after"]


def test_dependence_is_measured_for_the_most_important_columns_alone():
    test, rng = held_out(300), np.random.default_rng(0)
    wide = replace(test, matrix=np.hstack([test.matrix, rng.random((300, 996)).astype(np.float32)]))
    names = tuple(f"c{k}" for k in range(1000))
    contributions = rng.normal(0, 1, (50, 1000)).astype(np.float32)
    found = gather_evidence(wide, Explained(names, score, {}, contributions))
    assert len(found["importance"]) == 1000
    assert [each["column"] for each in found["partial_dependence"]] == [
        each["column"] for each in found["importance"][:DEPENDENCES]
    ]


def test_three_frauds_are_evidence_all_the_same():
    test = held_out(200)
    few = replace(test, is_fraud=np.arange(200) % 70 == 5)
    found = gather_evidence(few, explained())
    assert found["frauds"] == 3
    assert found["slices"]["worst"] == []
    json.dumps(found, allow_nan=False)


def test_weights_move_the_base_rate():
    test = held_out()
    weighted = replace(test, weights=np.where(test.is_fraud, 0.1, 1.0))
    found = gather_evidence(weighted, explained())
    assert found["base_rate"] == pytest.approx(np.average(test.is_fraud, weights=weighted.weights), rel=1e-5)
    assert found["roc"] == gathered()["roc"]
    assert found["precision_recall"] != gathered()["precision_recall"]
