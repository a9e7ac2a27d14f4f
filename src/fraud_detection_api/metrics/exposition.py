"""Metrics as the text that Prometheus reads."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as PrometheusMetric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from fraud_detection_api.metrics.sharing import Family


def exposition(families: Sequence[Family], accept: str = "") -> tuple[bytes, str]:
    """The text and its media type: OpenMetrics where the header Accept asks for it, else Prometheus' own."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(families))
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


class _Collected(Collector):
    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[PrometheusMetric]:
        return map(_shown, self._families)


def _shown(family: Family) -> PrometheusMetric:
    metric, labels = family.metric, family.metric.shown_labels
    match metric.kind:
        case "counter":
            counter = CounterMetricFamily(metric.name, metric.help, labels=labels)
            for values, count in family.series:
                counter.add_metric(values, count)
            return counter
        case "gauge":
            gauge = GaugeMetricFamily(metric.name, metric.help, labels=labels)
            for values, measured in family.series:
                gauge.add_metric(values, measured)
            return gauge
    bounds = [*map(floatToGoString, metric.buckets), "+Inf"]
    histogram = HistogramMetricFamily(metric.name, metric.help, labels=labels)
    for values, (counts, total) in family.series:
        histogram.add_metric(values, list(zip(bounds, accumulate(counts), strict=True)), total)
    return histogram
