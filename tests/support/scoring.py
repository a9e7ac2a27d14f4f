"""Scores as a request gets them."""

from collections.abc import Mapping, Sequence
from typing import Any

from fraud_detection_api.model.bundle import Bundle


def fraud_probabilities(bundle: Bundle, records: Sequence[Mapping[str, Any]]) -> list[float]:
    """What a request with these validated records is answered."""
    return bundle.engine.assess_records(records).probabilities.tolist()
