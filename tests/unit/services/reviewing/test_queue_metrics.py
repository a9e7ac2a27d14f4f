"""What Prometheus reads of the review queue."""

from fraud_detection_api.metrics import catalogue
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.services.reviewing.queue_metrics import QueueMetrics
from fraud_detection_api.services.reviewing.review_store import Length


class Reviews:
    """Stands for a ReviewStore: three cases wait for anybody, the oldest for a minute; none is escalated."""

    def length(self, *, is_escalated, most):
        assert most == 10_000
        return Length(0, None) if is_escalated else Length(3, 1_000_000)


def test_open_cases_and_the_age_of_the_oldest_are_gauges_by_whom_they_wait_for():
    tallies = Tallies()
    QueueMetrics(Reviews(), tallies, wall_clock=lambda: 1_060.0).tell()
    cases = [tallies.gauge(catalogue.REVIEW_CASES, waits_for).value for waits_for in ("anybody", "lead")]
    ages = [tallies.gauge(catalogue.REVIEW_OLDEST_AGE, waits_for).value for waits_for in ("anybody", "lead")]
    assert (cases, ages) == ([3, 0], [60, 0])
