"""The text is what Prometheus' own parser reads, and says what was tallied."""

import math

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as families_of

from fraud_detection_api.metrics import catalogue
from fraud_detection_api.metrics.catalogue import METRICS
from fraud_detection_api.metrics.exposition import exposition
from fraud_detection_api.metrics.sharing import SharedMetrics
from fraud_detection_api.metrics.tallies import Tallies

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def tally(tallies, metric, labels):
    match metric.kind:
        case "counter":
            tallies.counter(metric, *labels).add(3)
        case "gauge":
            tallies.gauge(metric, *labels).set(0.25)
        case "histogram":
            tallies.histogram(metric, *labels).observe(0.25, 2)


@pytest.fixture
def everything():
    metrics = SharedMetrics(Tallies())
    for metric in METRICS:
        tally(metrics.tallies, metric, [f"the {label}" for label in metric.labels])
    return metrics


def text(metrics, accept=""):
    return exposition(metrics.families(), accept)[0].decode()


@pytest.mark.parametrize(("accept", "parse"), [("", families_of), (OPENMETRICS, openmetrics_families)])
def test_every_metric_of_the_catalogue_is_read_back(everything, accept, parse):
    read = {sample.name: sample for family in parse(text(everything, accept)) for sample in family.samples}
    for metric in METRICS:
        sample = read[metric.name + ("_count" if metric.kind == "histogram" else "")]
        assert sample.value == {"counter": 3, "gauge": 0.25, "histogram": 2}[metric.kind]
        wanted = {label: "worker-0" if label == "process" else f"the {label}" for label in metric.shown_labels}
        assert sample.labels == wanted


def test_help_and_type_stand_before_each_metric(everything):
    lines = text(everything).splitlines()
    for metric in METRICS:
        assert f"# HELP {metric.name} {metric.help}" in lines
        assert f"# TYPE {metric.name} {metric.kind}" in lines


def test_openmetrics_is_given_where_it_is_asked_for(everything):
    assert exposition(everything.families(), OPENMETRICS)[1].startswith("application/openmetrics-text; version=1.0.0")
    assert exposition(everything.families(), "text/html")[1].startswith("text/plain; version=")


def test_buckets_are_cumulated_and_end_with_all():
    metrics = SharedMetrics(Tallies())
    for probability in (0.0005, 0.02, 0.9999):
        metrics.tallies.histogram(catalogue.PROBABILITY).observe(probability)
    lines = text(metrics).splitlines()
    assert 'fraud_probability_bucket{le="0.001"} 1' in lines
    assert 'fraud_probability_bucket{le="0.02"} 2' in lines
    assert 'fraud_probability_bucket{le="+Inf"} 3' in lines
    assert "fraud_probability_count 3" in lines


def test_a_label_is_escaped():
    metrics = SharedMetrics(Tallies())
    metrics.tallies.gauge(catalogue.BUILD_INFO, 'a"b\\c\nd').set(1)
    (family,) = families_of(text(metrics))
    assert family.samples[0].labels == {"version": 'a"b\\c\nd'}


def test_nothing_tallied_is_an_empty_page():
    assert text(SharedMetrics(Tallies())) == ""
    assert text(SharedMetrics(Tallies()), OPENMETRICS) == "# EOF\n"


def test_numbers_beyond_all_bounds_are_written_as_prometheus_reads_them():
    metrics = SharedMetrics(Tallies())
    for window, measured in (("hour", math.inf), ("day", -math.inf), ("week", math.nan)):
        metrics.tallies.gauge(catalogue.DRIFT_PSI, "x", window).set(measured)
    metrics.tallies.gauge(catalogue.JOURNAL_SIZE).set(123_456_789_012_345)
    metrics.tallies.gauge(catalogue.WORKERS).set(1e-9)
    read = {
        (sample.name, sample.labels.get("window")): sample.value
        for family in families_of(text(metrics))
        for sample in family.samples
    }
    assert read["fraud_drift_psi", "hour"] == math.inf
    assert read["fraud_drift_psi", "day"] == -math.inf
    assert math.isnan(read["fraud_drift_psi", "week"])
    assert read["fraud_journal_size_bytes", None] == 123_456_789_012_345
    assert read["fraud_workers", None] == 1e-9
