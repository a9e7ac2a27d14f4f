"""Processes share one picture: sums never fall, nobody's file is another's, and files do not become more."""

import logging
import math
import multiprocessing
import os
import shutil
import signal

import numpy as np
import pytest

from fraud_detection_api.metrics import catalogue, sharing
from fraud_detection_api.metrics.sharing import GONE_SECONDS, SharedMetrics, merged, numbered, single
from fraud_detection_api.metrics.tallies import Tallies


def shared(folder, names=None):
    metrics = SharedMetrics(Tallies(), folder)
    metrics.start(numbered("worker") if names is None else names)
    return metrics


def value(metrics, name, labels=()):
    return {family.metric.name: dict(family.series) for family in metrics.families()}[name][labels]


@pytest.fixture
def two(tmp_path):
    both = [shared(tmp_path), shared(tmp_path)]
    yield both
    for metrics in both:
        metrics.close()


def count(metrics, records):
    metrics.tallies.counter(catalogue.RECORDS_SCORED, "/fraud_detection").add(records)


def test_without_a_folder_the_process_s_own_tallies_are_all_there_is():
    metrics = SharedMetrics(Tallies())
    assert metrics.start(numbered("worker")) == "worker-0"
    count(metrics, 3)
    assert value(metrics, "fraud_records_scored_total", ("/fraud_detection",)) == 3
    metrics.close()


def test_each_process_gets_a_slot_of_its_own(two, tmp_path):
    for metrics in two:
        metrics.families()
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["worker-0.json", "worker-1.json"]


def test_counters_and_histograms_are_sums_over_processes(two):
    for metrics, probability in zip(two, (0.2, 0.9), strict=True):
        count(metrics, 5)
        metrics.tallies.histogram(catalogue.PROBABILITY).observe(probability)
        metrics.families()
    for metrics in two:
        assert value(metrics, "fraud_records_scored_total", ("/fraud_detection",)) == 10
        counts, total = value(metrics, "fraud_probability")
        assert (sum(counts), total) == (2, pytest.approx(1.1))


def test_a_process_s_own_gauges_stand_beside_those_of_others(two):
    for metrics, queue in zip(two, (7, 8), strict=True):
        metrics.tallies.gauge(catalogue.STORE_QUEUE).set(queue)
        metrics.families()
    assert [value(two[0], "fraud_store_queue_records", (f"worker-{n}",)) for n in (0, 1)] == [7, 8]


def test_of_a_common_gauge_the_value_that_was_set_last_counts():
    early, late = Tallies(clock=lambda: 100.0), Tallies(clock=lambda: 101.0)
    early.gauge(catalogue.MODEL_CREATED).set(1)
    late.gauge(catalogue.MODEL_CREATED).set(2)
    for order in ([early, late], [late, early]):
        (family,) = merged([tallies.snapshot(f"worker-{n}") for n, tallies in enumerate(order)], now=101.0)
        assert family.series == [((), 2)]


def test_of_a_process_that_is_gone_counts_stay_and_gauges_do_not():
    tallies = Tallies(clock=lambda: 100.0)
    tallies.gauge(catalogue.STORE_QUEUE).set(900)
    tallies.counter(catalogue.STORE_FAILURES).add(1)
    names = [[f.metric.name for f in merged([tallies.snapshot("keeper")], now)] for now in (100, 101 + GONE_SECONDS)]
    assert names == [["fraud_store_queue_records", "fraud_store_failures_total"], ["fraud_store_failures_total"]]


def test_whoever_takes_a_slot_over_goes_on_counting(tmp_path):
    for _ in range(5):
        metrics = shared(tmp_path, single("keeper"))
        metrics.tallies.counter(catalogue.STORE_FAILURES).add(1)
        metrics.close()
    last = shared(tmp_path, single("keeper"))
    assert value(last, "fraud_store_failures_total") == 5
    last.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keeper.json", "keeper.lock"]


def test_one_that_begins_before_another_has_ended_takes_the_next_slot(tmp_path):
    first = shared(tmp_path, single("keeper"))
    second = SharedMetrics(Tallies(), tmp_path)
    assert second.start(single("keeper")) == "keeper-1"
    for metrics in (first, second):
        metrics.close()


def scrape_and_be_killed(folder):
    metrics = shared(folder)
    count(metrics, 100)
    metrics.families()
    count(metrics, 1)  # nobody was told of it
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_was_told_before_a_kill_is_not_lost(tmp_path):
    told = 0
    for _ in range(3):
        process = multiprocessing.get_context("spawn").Process(target=scrape_and_be_killed, args=(tmp_path,))
        process.start()
        process.join()
        reader = shared(tmp_path)
        told, before = value(reader, "fraud_records_scored_total", ("/fraud_detection",)), told
        reader.close()
        assert told >= before + 100
    assert sorted(path.name for path in tmp_path.iterdir()) == ["worker-0.json", "worker-0.lock"]


def test_the_file_is_written_by_and_by_without_anybody_asking(tmp_path, monkeypatch):
    monkeypatch.setattr(sharing, "WRITE_SECONDS", 0.01)
    written, reader = shared(tmp_path), shared(tmp_path)
    count(written, 9)
    while "fraud_records_scored_total" not in {family.metric.name for family in reader.families()}:
        pass
    assert value(reader, "fraud_records_scored_total", ("/fraud_detection",)) == 9
    written.close()
    reader.close()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'["worker-1", 1, 5]', b'["worker-1", 1, [[1]]]', b"\xff"])
def test_a_file_that_cannot_be_read_spoils_nothing(tmp_path, content):
    (tmp_path / "worker-1.json").write_bytes(content)
    metrics = shared(tmp_path)
    count(metrics, 2)
    assert value(metrics, "fraud_records_scored_total", ("/fraud_detection",)) == 2
    metrics.close()


def test_a_folder_that_went_away_leaves_the_process_s_own_and_is_told_once(tmp_path, caplog):
    folder = tmp_path / "metrics"
    folder.mkdir()
    metrics = shared(folder)
    count(metrics, 2)
    shutil.rmtree(folder)
    folder.write_text("in its place")
    with caplog.at_level(logging.ERROR):
        assert [value(metrics, "fraud_records_scored_total", ("/fraud_detection",)) for _ in range(3)] == [2, 2, 2]
    assert [record.getMessage() for record in caplog.records] == ["metrics_not_written"]
    metrics.close()


def test_a_folder_that_was_removed_is_made_anew_and_no_sum_falls(tmp_path):
    folder = tmp_path / "metrics"
    folder.mkdir()
    several = [shared(folder) for _ in range(3)]
    for metrics in several:
        count(metrics, 5)
        metrics.families()
    shutil.rmtree(folder)
    late = shared(folder)  # begins while nobody has missed the folder yet, and takes a slot that is held
    count(late, 1)
    for metrics in [*several, late]:
        metrics.families()
    for metrics in [*several, late]:
        assert value(metrics, "fraud_records_scored_total", ("/fraud_detection",)) == 16
    assert len({metrics._process for metrics in [*several, late]}) == 4
    assert folder.stat().st_mode & 0o777 == 0o700
    for metrics in [*several, late]:
        metrics.close()


def test_a_slot_that_cannot_be_taken_for_a_while_is_taken_then_and_nothing_counts_twice(tmp_path):
    folder, aside = tmp_path / "metrics", tmp_path / "aside"
    folder.mkdir()
    metrics = shared(folder)
    count(metrics, 5)
    metrics.families()
    (folder / "worker-0.lock").unlink()
    (folder / "worker-0.lock").mkdir()  # no file can be made of that name
    for _ in range(3):
        assert value(metrics, "fraud_records_scored_total", ("/fraud_detection",)) == 5
    (folder / "worker-0.lock").rename(aside)
    assert value(metrics, "fraud_records_scored_total", ("/fraud_detection",)) == 5
    assert sorted(path.name for path in folder.iterdir()) == ["worker-0.json", "worker-0.lock"]
    metrics.close()


def test_a_lock_that_was_removed_alone_is_made_anew_and_nothing_counts_twice(tmp_path):
    metrics = shared(tmp_path)
    count(metrics, 5)
    metrics.families()
    (tmp_path / "worker-0.lock").unlink()
    assert value(metrics, "fraud_records_scored_total", ("/fraud_detection",)) == 5
    assert (tmp_path / "worker-0.lock").exists()
    metrics.close()


def test_numbers_that_json_does_not_know_survive(two):
    two[0].tallies.gauge(catalogue.DRIFT_PSI, "total_balance", "hour").set(math.inf)
    two[0].tallies.gauge(catalogue.DRIFT_KS, "total_balance", "hour").set(math.nan)
    two[0].families()
    assert value(two[1], "fraud_drift_psi", ("total_balance", "hour")) == math.inf
    assert math.isnan(value(two[1], "fraud_drift_ks", ("total_balance", "hour")))


def test_numbers_of_arrays_are_numbers(two):
    tallies = two[0].tallies
    tallies.gauge(catalogue.WORKERS).set(np.float32(2))
    tallies.counter(catalogue.OBSERVER_RECORDS).add(np.int64(5))
    tallies.histogram(catalogue.PROBABILITY).observe(np.float64(0.5), np.int64(2))
    tallies.histogram(catalogue.PROBABILITY).add_counts(np.ones(15, dtype=np.int32), np.float32(7.5))
    two[0].families()
    assert value(two[1], "fraud_workers") == 2
    assert value(two[1], "fraud_observer_records_total") == 5
    assert value(two[1], "fraud_probability") == [[1] * 8 + [3] + [1] * 6, 8.5]
