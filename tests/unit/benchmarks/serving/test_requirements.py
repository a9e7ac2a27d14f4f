"""Targets and measurements."""

from dataclasses import replace

import pytest

from benchmarks.serving.requirements import verdicts
from benchmarks.serving.results import Loaded


def verdict(results, *words):
    (found,) = [one for one in verdicts(results) if all(word in one.subject for word in words)]
    return found


@pytest.mark.parametrize(
    ("words", "measured", "met"),
    [
        (("`/fraud_detection`: requests/s", "the empty application"), 0.525, False),
        (("`/fraud_detection`: requests/s", "MLServer"), 21, False),
        (("32 connections: p99 compared with p50",), 2.5, True),
        (("batches of 10,000", "nothing stored"), 12.5, True),
        (("`/fraud_detection`: p50 of 10,000 records",), 35, True),
        (("margin of one row",), 5.5, True),
        (("one row's reasons",), 40, True),
        (("margins of 10,000 rows",), 2, True),
        (("cold",), 6, True),
        (("warm",), 2.1, True),
        (("resident memory", "when ready"), 240, True),
        (("resident memory", "after the load"), 260, False),
        (("failed requests",), 0, True),
    ],
)
def test_a_requirement_is_held_against_what_was_measured(results, words, measured, met):
    found = verdict(results, *words)
    assert found.measured == pytest.approx(measured)
    assert found.met is met


@pytest.mark.parametrize("words", [("`/v1/decisions`", "MLServer"), ("the pandas handler",)])
def test_what_was_not_measured_is_neither_met_nor_missed(results, words):
    found = verdict(results, *words)
    assert found.measured is None
    assert found.met is None


def test_a_failed_request_of_the_product_is_a_missed_requirement(results):
    rounds = [replace(load, failed=1) for load in results.loaded("score", 32, 1).rounds]
    failed = replace(results, loads=[*results.loads, Loaded("score", 128, 1, rounds)])
    assert verdict(failed, "failed requests").met is False


def test_an_empty_run_leaves_every_requirement_open(results):
    bare = replace(results, loads=[], neighbours=[], starts=[], memories=[], timings=[])
    assert {one.met for one in verdicts(bare)} == {None}
