"""Metrics as the text that Prometheus reads: its own format, version 0.0.4, and OpenMetrics 1.0.

Sources: "Exposition formats" in Prometheus' documentation; OpenMetrics 1.0.0. Written here, because the client library takes
ten times as long over it, in which scoring has to share the interpreter; the tests read it with that library's parsers.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from fraud_detection_api.metrics.catalogue import Metric
from fraud_detection_api.metrics.sharing import Family

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def wants_openmetrics(accept: str) -> bool:
    """Whether the header Accept names OpenMetrics."""
    return "application/openmetrics-text" in accept.lower()


def exposition(families: Sequence[Family], accept: str = "") -> tuple[bytes, str]:
    """The text and its media type: OpenMetrics where the header Accept names it, else Prometheus' own."""
    openmetrics = wants_openmetrics(accept)
    lines: list[str] = []
    for family in families:
        metric = family.metric
        # OpenMetrics names a counter without the suffix of its samples
        name = metric.name.removesuffix("_total") if openmetrics else metric.name
        lines += [f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.kind}"]
        for labels, value in family.series:
            lines += _samples(metric, labels, value)
    if openmetrics:
        lines.append("# EOF")
    return "".join([f"{line}\n" for line in lines]).encode(), OPENMETRICS if openmetrics else TEXT


def _samples(metric: Metric, labels: tuple[str, ...], value: Any) -> Iterable[str]:
    pairs = ",".join(
        [f'{name}="{content.translate(_ESCAPES)}"' for name, content in zip(metric.shown_labels, labels, strict=True)]
    )
    if metric.kind == "histogram":
        return _histogram(metric, pairs, *value)
    return [f"{metric.name}{_braced(pairs)} {_number(value)}"]


def _histogram(metric: Metric, pairs: str, counts: Sequence[int], total: float) -> Iterator[str]:
    start, cumulated = f"{metric.name}_bucket{{{pairs}{',' * bool(pairs)}le=", list(accumulate(counts))
    for bound, count in zip((*metric.buckets, "+Inf"), cumulated, strict=True):
        yield f'{start}"{bound}"}} {count}'
    yield f"{metric.name}_count{_braced(pairs)} {cumulated[-1]}"
    yield f"{metric.name}_sum{_braced(pairs)} {_number(total)}"


def _braced(pairs: str) -> str:
    return f"{{{pairs}}}" if pairs else ""


def _number(measured: float) -> str:
    """As both formats write it.

    >>> _number(0.25), _number(float("inf")), _number(float("nan"))
    ('0.25', '+Inf', 'NaN')
    """
    if math.isfinite(measured):
        return repr(measured)
    return "NaN" if math.isnan(measured) else "+Inf" if measured > 0 else "-Inf"
