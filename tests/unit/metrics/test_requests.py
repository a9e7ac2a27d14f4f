"""Requests are counted by route, method and status, and no caller makes a series."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from fraud_detection_api.metrics.requests import NOTED_AT_MOST, RequestMetrics
from fraud_detection_api.metrics.tallies import Tallies


@pytest.fixture
def tallies():
    return Tallies()


@pytest.fixture
def metrics(tallies):
    return RequestMetrics(tallies)


def told(tallies):
    return {(name, *labels): value for name, labels, value in tallies.snapshot("worker-0").series}


def test_a_request_is_counted_and_timed(metrics, tallies):
    for seconds in (0.00009, 0.004, 3.0):
        metrics.answered("/fraud_detection", "POST", 200, seconds)
    counts, total = told(tallies)["fraud_http_request_duration_seconds", "/fraud_detection", "POST", "200"]
    assert told(tallies)["fraud_http_requests_total", "/fraud_detection", "POST", "200"] == 3
    assert (counts[0], counts[5], counts[-1], sum(counts)) == (1, 1, 1, 3)
    assert total == pytest.approx(3.00409)


def test_methods_of_one_route_are_told_apart(metrics, tallies):
    metrics.answered("/ping", "GET", 200, 0.001)
    metrics.answered("/ping", "HEAD", 200, 0.001)
    assert told(tallies)["fraud_http_requests_total", "/ping", "HEAD", "200"] == 1
    assert sum(told(tallies)["fraud_http_request_duration_seconds", "/ping", "GET", "200"][0]) == 1


def test_words_that_are_no_method_are_one(metrics, tallies):
    for number in range(100):
        metrics.answered("/ping", f"BREW{number}", 405, 0.001)
    assert told(tallies)["fraud_http_requests_total", "/ping", "other", "405"] == 100
    assert len(told(tallies)) == 2
    assert len(metrics._cells) == 0


def test_expected_ones_are_there_before_the_first(metrics, tallies):
    metrics.expect("/fraud_detection", "POST", (200, 500))
    assert told(tallies)["fraud_http_requests_total", "/fraud_detection", "POST", "500"] == 0
    metrics.answered("/fraud_detection", "POST", 500, 0.001)
    assert told(tallies)["fraud_http_requests_total", "/fraud_detection", "POST", "500"] == 1


def test_many_are_counted_without_a_snapshot_so_that_memory_is_bounded(metrics):
    for _ in range(NOTED_AT_MOST + 1):
        metrics.answered("/ping", "GET", 200, 0.001)
    assert len(metrics._noted) == 1


def test_requests_noted_while_snapshots_are_taken_are_counted_once_each(metrics, tallies):
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(lambda: [told(tallies) for _ in range(200)])
        for _ in range(20_000):
            metrics.answered("/ping", "GET", 200, 0.001)
        looking.result()
    assert told(tallies)["fraud_http_requests_total", "/ping", "GET", "200"] == 20_000
    assert sum(told(tallies)["fraud_http_request_duration_seconds", "/ping", "GET", "200"][0]) == 20_000
