"""What was answered is counted alike one by one and in a summary."""

from collections import Counter
from random import Random

import pytest

from fraud_detection_api.decision.decided import UNSEEN_MISSING, Decisions, MadeBy, Unseen, warnings_text
from fraud_detection_api.metrics.catalogue import PROBABILITY_BUCKETS
from fraud_detection_api.metrics.requests import AnswerMetrics, summarised
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.policy.outcomes import OUTCOMES

MADE_BY = MadeBy("7", "sha256:digest", "1")
EDGES = [0.0, 1.0, *PROBABILITY_BUCKETS]


def decisions(number: int, *, fallbacks: float) -> Decisions:
    """Random ones, the last part of them fallbacks; probabilities on the buckets' bounds are among them."""
    random = Random(number)
    by_model = round(number * (1 - fallbacks))
    drawn = [random.choice([*EDGES, *(random.random() for _ in EDGES)]) for _ in range(by_model)]
    probabilities = [*drawn, *[None] * (number - by_model)]
    outcomes, blank = [random.choice(OUTCOMES) for _ in range(number)], [None] * number
    missing = Unseen("income", requires_review=False, code=UNSEEN_MISSING)
    unseen = warnings_text([Unseen("channel", requires_review=True), Unseen("colour", requires_review=False), missing])
    warnings = [unseen if index % 3 == 0 and index < by_model else None for index in range(number)]
    return Decisions(
        ["id"] * number, blank, outcomes, probabilities, probabilities, blank, blank, warnings, by_model, MADE_BY, 0
    )


def told(count):
    tallies = Tallies()
    count(AnswerMetrics(tallies, "/fraud_detection"))
    return {(name, *labels): value for name, labels, value in tallies.snapshot("worker-0").series}


@pytest.mark.parametrize("fallbacks", [0, 0.3, 1])
@pytest.mark.parametrize("number", [0, 1, 300])
def test_a_summary_adds_what_counting_one_by_one_does(number, fallbacks):
    answered = decisions(number, fallbacks=fallbacks)
    untimely = Counter(future=number)

    def counted(metrics: AnswerMetrics) -> None:
        metrics.count(answered, 0, answered.size)
        metrics.untimely(untimely)

    one_by_one = told(counted)
    summary = told(lambda metrics: metrics.add(summarised(answered, untimely)))
    (counts, total), (summed, sum_total) = (each.pop(("fraud_probability",)) for each in (one_by_one, summary))
    assert summary == one_by_one
    assert summed == counts
    assert sum_total == pytest.approx(total)


def test_each_decision_is_counted_by_outcome_and_source():
    answered = decisions(300, fallbacks=0.3)
    shown = told(lambda metrics: metrics.count(answered, 0, answered.size))
    assert shown["fraud_records_scored_total", "/fraud_detection"] == 300
    for outcome in OUTCOMES:
        for source in ("model", "fallback"):
            number = sum(
                outcome == found and source == answered.source(index) for index, found in enumerate(answered.outcomes)
            )
            assert shown["fraud_decisions_total", outcome, source] == number > 0
    assert sum(shown["fraud_probability",][0]) == answered.by_model
    unseen = [shown["fraud_unseen_levels_total", field] for field in ("channel", "colour")]
    assert unseen == [answered.by_model / 3] * 2
    assert shown["fraud_unseen_missing_total", "income"] == answered.by_model / 3
