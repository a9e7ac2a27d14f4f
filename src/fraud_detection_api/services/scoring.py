"""Validated records to fraud probabilities."""

from collections.abc import Mapping, Sequence
from typing import Any

from fraud_detection_api.model.bundle import Bundle


def fraud_probabilities(bundle: Bundle, records: Sequence[Mapping[str, Any]]) -> list[float]:
    """Calibrated probability of fraud, 0 to 1, of each record, in order."""
    _matrix, probabilities = bundle.scorer.score_records(records)
    return probabilities
