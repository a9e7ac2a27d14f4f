"""The measures of a model in words."""

from fraud_detection_api.report.words import PURPOSES, Words

MONITORED = {
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "recall": "{events} that were reviewed or declined",
    "precision": "{events} among those reviewed or declined",
    "decline_recall": "{events} that were declined",
    "decline_precision": "{events} among those declined",
    "calibration_error": "calibration error",
    "calibration_slope": "calibration slope",
    "observed_to_expected": "observed {events} over expected",
}
"""Measures of stored decisions, in the order in which they are shown."""

_TEXTS = MONITORED | {
    "recall_at_1pct_fpr": "recall at 1 % false positives",
    "recall_at_5pct_fpr": "recall at 5 % false positives",
    "precision_at_top_100": "precision of the top 100",
    "brier": "Brier score",
    "log_loss": "log loss, nats",
    "expected_calibration_error": "expected calibration error",
}


def measure_text(name: str, words: Words = PURPOSES["fraud"]) -> str:
    """A measure in words.

    >>> measure_text("roc_auc"), measure_text("recall"), measure_text("some_other")
    ('ROC AUC', 'frauds that were reviewed or declined', 'some other')
    """
    return _TEXTS.get(name, name.replace("_", " ")).format(events=words.events)
