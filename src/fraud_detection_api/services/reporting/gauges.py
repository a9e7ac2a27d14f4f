"""What monitoring says, as gauges. What is no more told of, such as a window without records, has no series."""

from collections.abc import Sequence

from fraud_detection_api.metrics import catalogue
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.reporting.drift import WindowDrift
from fraud_detection_api.services.reporting.performance import MaturedPerformance

MEASURES = ("roc_auc", "average_precision", "recall", "calibration_error")
"""The measures that are gauges."""

_DRIFT = (
    catalogue.DRIFT_RECORDS,
    catalogue.DRIFT_PSI,
    catalogue.DRIFT_PSI_ALARM_LEVEL,
    catalogue.DRIFT_KS,
    catalogue.DRIFT_MISSING,
    catalogue.DRIFT_OUT_OF_RANGE,
    catalogue.DRIFT_UNSEEN,
)


def tell_drift(windows: Sequence[WindowDrift], tallies: Tallies) -> None:
    """Set the gauges of drift to these windows'."""
    for metric in _DRIFT:
        tallies.forget(metric)
    for window in windows:
        tallies.gauge(catalogue.DRIFT_RECORDS, window.window).set(window.records)
        for name, feature in window.features.items():
            numbers = {
                catalogue.DRIFT_PSI: feature.psi,
                catalogue.DRIFT_PSI_ALARM_LEVEL: feature.alarm_level,
                catalogue.DRIFT_KS: feature.ks,
                catalogue.DRIFT_MISSING: feature.missing,
                catalogue.DRIFT_OUT_OF_RANGE: feature.out_of_range,
                catalogue.DRIFT_UNSEEN: feature.unseen,
            }
            for metric, number in numbers.items():
                if number is not None:
                    tallies.gauge(metric, name, window.window).set(number)


def tell_performance(matured: MaturedPerformance, tallies: Tallies) -> None:
    """Set the gauges of performance; measures that cannot be measured have none."""
    tallies.forget(catalogue.PERFORMANCE)
    tallies.gauge(catalogue.PERFORMANCE_RECORDS).set(matured.performance.records)
    for name in MEASURES:
        if (measured := matured.performance.measures.get(name)) is not None:
            for bound, number in measured._asdict().items():
                tallies.gauge(catalogue.PERFORMANCE, name, bound).set(number)
