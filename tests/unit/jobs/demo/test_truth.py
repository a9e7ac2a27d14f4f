"""How the truth about made-up payments comes to be known."""

from collections import Counter

import numpy as np
import pytest

from fraud_detection_api.jobs.demo.truth import COMPLAINED, DISPUTED, MISTAKEN, REVIEWED, found_out

PAYMENTS = 4_000


def verdicts(outcome: str, *, is_fraud: bool) -> list:
    rng = np.random.default_rng(5)
    found = [found_out(rng, outcome, is_fraud=is_fraud) for _ in range(PAYMENTS)]
    return [verdict for verdict in found if verdict is not None]


@pytest.mark.parametrize(
    ("outcome", "is_fraud", "share"),
    [("approve", True, DISPUTED), ("decline", False, COMPLAINED), ("approve", False, 0), ("review", False, REVIEWED)],
)
def test_a_share_is_found_out(outcome, is_fraud, share):
    assert len(verdicts(outcome, is_fraud=is_fraud)) / PAYMENTS == pytest.approx(share, abs=0.03)


def test_reviewers_are_seldom_mistaken_and_disputes_never():
    reviewed = [each for each in verdicts("review", is_fraud=False) if each.source == "analyst"]
    assert sum(each.is_fraud for each in reviewed) / len(reviewed) == pytest.approx(MISTAKEN, abs=0.02)
    assert all(each.is_fraud and each.reviewer is None for each in verdicts("approve", is_fraud=True))


def test_most_frauds_are_known_within_three_days_and_several_people_review():
    disputed = verdicts("approve", is_fraud=True)
    assert np.mean([each.days < 3 for each in disputed]) > 0.9
    assert len(Counter(each.reviewer for each in verdicts("review", is_fraud=False))) > 2
