"""Cells count, and a snapshot tells what they hold."""

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from fraud_detection_api.metrics import catalogue
from fraud_detection_api.metrics.catalogue import PROCESS_CPU
from fraud_detection_api.metrics.tallies import Snapshot, Tallies, measure_process


@pytest.fixture
def now():
    return [1000.0]


@pytest.fixture
def tallies(now):
    return Tallies(clock=lambda: now[0])


def told(tallies):
    return {(name, labels): value for name, labels, value in tallies.snapshot("worker-0").series}


def test_a_counter_adds_up(tallies):
    cell = tallies.counter(catalogue.RECORDS_SCORED, "/fraud_detection")
    cell.add()
    cell.add(41)
    assert told(tallies) == {("fraud_records_scored_total", ("/fraud_detection",)): 42}


def test_the_same_labels_are_the_same_cell(tallies):
    first = tallies.counter(catalogue.RECORDS_SCORED, "/fraud_detection")
    assert tallies.counter(catalogue.RECORDS_SCORED, "/fraud_detection") is first
    assert tallies.counter(catalogue.RECORDS_SCORED, "/v1/decisions") is not first


def test_a_gauge_keeps_when_it_was_set(tallies, now):
    gauge = tallies.gauge(catalogue.WORKERS)
    now[0] = 1001.5
    gauge.set(4)
    now[0] = 1009.0
    assert told(tallies) == {("fraud_workers", ()): (4, 1001.5)}


def test_a_measurement_falls_into_the_bucket_whose_bound_it_does_not_exceed(tallies):
    histogram = tallies.histogram(catalogue.PROBABILITY)
    for probability in (0.0, 0.001, 0.0011, 0.99, 0.991, 1.0):
        histogram.observe(probability)
    counts, total = told(tallies)["fraud_probability", ()]
    assert (counts[0], counts[1], counts[-2], counts[-1], sum(counts)) == (2, 1, 1, 2, 6)
    assert total == pytest.approx(2.9831)


def test_a_measurement_may_be_counted_several_times_at_once(tallies):
    histogram = tallies.histogram(catalogue.PROBABILITY)
    histogram.observe(0.5, 3)
    histogram.add_counts([0] * 8 + [2] + [0] * 6, 1.0)
    counts, total = told(tallies)["fraud_probability", ()]
    assert (counts[8], sum(counts), total) == (5, 5, 2.5)


def test_forgotten_series_of_a_gauge_are_gone_and_others_stay(tallies):
    tallies.gauge(catalogue.MODEL_INFO, "1", "sha256:aa").set(1)
    tallies.gauge(catalogue.WORKERS).set(2)
    tallies.forget(catalogue.MODEL_INFO)
    tallies.gauge(catalogue.MODEL_INFO, "2", "sha256:bb").set(1)
    assert set(told(tallies)) == {("fraud_workers", ()), ("fraud_model_info", ("2", "sha256:bb"))}


def test_what_is_looked_up_is_looked_up_for_each_snapshot(tallies):
    waiting = [7]
    gauge = tallies.gauge(catalogue.STORE_QUEUE)
    tallies.read_with(lambda: gauge.set(waiting[0]))
    assert told(tallies)["fraud_store_queue_records", ()][0] == 7
    waiting[0] = 0
    assert told(tallies)["fraud_store_queue_records", ()][0] == 0


def test_counting_goes_on_from_a_process_that_ended_and_its_gauges_do_not(tallies):
    ended = Tallies()
    ended.counter(catalogue.STORE_FAILURES).add(3)
    ended.histogram(catalogue.STORE_COMMIT_DURATION).observe(0.002)
    ended.gauge(catalogue.STORE_QUEUE).set(900)
    tallies.continue_from(ended.snapshot("keeper"))
    tallies.counter(catalogue.STORE_FAILURES).add(1)
    tallies.histogram(catalogue.STORE_COMMIT_DURATION).observe(0.002)
    assert told(tallies)["fraud_store_failures_total", ()] == 4
    assert sum(told(tallies)["fraud_store_commit_duration_seconds", ()][0]) == 2
    assert ("fraud_store_queue_records", ()) not in told(tallies)


@pytest.mark.parametrize(
    "series",
    [
        ("fraud_of_another_version_total", (), 5),
        ("fraud_http_requests_total", ("/ping",), 5),
        ("fraud_probability", (), ([1, 2], 0.5)),
    ],
)
def test_what_another_version_counted_is_left_out(tallies, series):
    tallies.continue_from(Snapshot("worker-0", 0.0, [series]))
    assert told(tallies) == {}


@pytest.mark.parametrize("labels", [(), ("approve",), ("approve", "model", "more")])
def test_labels_that_are_not_the_metric_s_are_a_mistake(tallies, labels):
    with pytest.raises(AssertionError, match="labels"):
        tallies.counter(catalogue.DECISIONS, *labels)


def test_a_metric_of_another_kind_is_a_mistake(tallies):
    with pytest.raises(AssertionError, match="is a counter"):
        tallies.gauge(catalogue.STORE_FAILURES)
    with pytest.raises(AssertionError, match="never falls"):
        tallies.forget(catalogue.STORE_FAILURES)


def told_of_process(tallies):
    return {name: value for name, _labels, value in tallies.snapshot("worker-0").series}


@pytest.fixture
def measured():
    tallies = Tallies()
    measure_process(tallies)
    return tallies


def test_the_process_is_measured_anew_each_time(measured):
    before = told_of_process(measured)
    with ExitStack() as opened:
        for _ in range(5):
            opened.enter_context(Path("/dev/null").open())
        began = time.process_time()
        while time.process_time() < began + 0.05:
            pass
        after = told_of_process(measured)
    assert after["fraud_process_open_fds"][0] == before["fraud_process_open_fds"][0] + 5
    assert 0.04 < after["fraud_process_cpu_seconds_total"] - before["fraud_process_cpu_seconds_total"] < 5
    assert after["fraud_process_resident_memory_bytes"][0] > 10_000_000


def test_processor_time_goes_on_from_the_process_before():
    tallies, before = Tallies(), Tallies()
    before.counter(PROCESS_CPU).add(1_000_000)
    measure_process(tallies)
    tallies.continue_from(before.snapshot("worker-0"))
    used = [told_of_process(tallies)["fraud_process_cpu_seconds_total"] for _ in range(2)]
    assert 1_000_000 < used[0] <= used[1] < 1_010_000


def test_without_proc_the_rest_is_measured(measured, monkeypatch, tmp_path):
    monkeypatch.setattr("fraud_detection_api.metrics.tallies._STATM", tmp_path / "nothing")
    assert told_of_process(measured)["fraud_process_cpu_seconds_total"] > 0
    assert "fraud_process_resident_memory_bytes" not in told_of_process(measured)
