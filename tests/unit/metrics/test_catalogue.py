"""Every metric is declared once, as Prometheus would have it."""

import re

import pytest

from fraud_detection_api.metrics.catalogue import METRIC_NAMED, METRICS, PROCESS


def ids(metric):
    return metric.name


def test_no_name_is_given_twice():
    assert len(METRIC_NAMED) == len(METRICS) > 40


@pytest.mark.parametrize("metric", METRICS, ids=ids)
def test_the_name_says_what_kind_it_is(metric):
    assert re.fullmatch(r"fraud_[a-z][a-z_]*[a-z]", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert not metric.name.endswith(("_count", "_sum", "_bucket", "_created", "_ms", "_milliseconds"))


@pytest.mark.parametrize("metric", METRICS, ids=ids)
def test_the_help_is_a_sentence_of_one_line(metric):
    assert re.fullmatch(r"[A-Z0-9][^\n|]+\.", metric.help)


@pytest.mark.parametrize("metric", METRICS, ids=ids)
def test_labels_are_names_of_their_own(metric):
    assert all(re.fullmatch(r"[a-z_]+", label) for label in metric.labels)
    assert not {PROCESS, "le", "instance", "job"} & set(metric.labels)
    assert len(set(metric.shown_labels)) == len(metric.shown_labels)


@pytest.mark.parametrize("metric", METRICS, ids=ids)
def test_histograms_alone_have_buckets_and_they_rise(metric):
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(set(metric.buckets))


@pytest.mark.parametrize("metric", METRICS, ids=ids)
def test_a_histogram_is_shown_for_all_processes_together(metric):
    assert not (metric.per_process and metric.kind == "histogram")


def test_request_buckets_resolve_a_tenth_of_a_millisecond_to_a_second():
    buckets = METRIC_NAMED["fraud_http_request_duration_seconds"].buckets
    assert buckets[0] == 0.0001
    assert 1.0 in buckets
