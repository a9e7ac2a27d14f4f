"""How the truth about made-up payments comes to be known: what reviewers find, and what cardholders dispute."""

from typing import NamedTuple

import numpy as np

from fraud_detection_api.decision.label import LabelSource
from fraud_detection_api.policy.outcomes import Outcome

REVIEWED, MISTAKEN, DISPUTED, COMPLAINED = 0.55, 0.04, 0.92, 0.5
"""Shares: reviews that somebody works on, of these wrong ones, frauds that are disputed, wrongly declined who complain."""

_CHARGEBACKS, _SOON, _LATER = 0.7, 0.6, 2.0
"""The share of disputes that come from banks, and half the mean days until one: later where a review held the payment up."""

_REVIEWERS = ("ana", "ben", "chloe")


class Verdict(NamedTuple):
    """What is found out about a decision, so many days after it. `reviewer` is None where no reviewer says so."""

    days: float
    is_fraud: bool
    source: LabelSource
    reviewer: str | None = None


def found_out(rng: np.random.Generator, outcome: Outcome, *, is_fraud: bool) -> Verdict | None:
    """What is found out about a payment with that outcome; None if nothing ever is."""
    if outcome == "review" and rng.random() < REVIEWED:
        reviewer = _REVIEWERS[int(rng.integers(len(_REVIEWERS)))]
        return Verdict(float(rng.uniform(0.02, 2.0)), is_fraud != (rng.random() < MISTAKEN), "analyst", reviewer)
    if is_fraud and rng.random() < DISPUTED:
        source: LabelSource = "chargeback" if rng.random() < _CHARGEBACKS else "customer"
        return Verdict(float(rng.gamma(2.0, _LATER if outcome == "review" else _SOON)), is_fraud=True, source=source)
    if not is_fraud and outcome == "decline" and rng.random() < COMPLAINED:
        return Verdict(float(rng.uniform(0.1, 1.0)), is_fraud=False, source="customer")
    return None
