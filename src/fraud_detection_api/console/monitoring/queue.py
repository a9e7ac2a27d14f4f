"""The section of the review queue: how long it is, whether reviewers keep up with it, and how far they agree."""

from dataclasses import dataclass

from fraud_detection_api.console.quality.view import PERIODS, Share, agreed, second_reviews
from fraud_detection_api.console.reviews.queue_view import age
from fraud_detection_api.console.reviews.queue_view import count as length_text
from fraud_detection_api.contract.times import DAY_MS
from fraud_detection_api.report.numbers import count, number
from fraud_detection_api.services.reviewing.quality import MOST_OPENED, QualityService
from fraud_detection_api.services.reviewing.reviewing import ReviewService

DAYS = 7


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """Counts alone, so that everybody may see it. Those a day are means of DAYS; `capacity` is empty where none is stated.

    `is_behind`: more comes in than the policy says that reviewers can do.
    """

    waiting: str
    escalated: str
    oldest: str
    opened_a_day: str
    labelled_a_day: str
    capacity: str
    is_behind: bool
    second: Share
    days: int = DAYS
    second_days: int = PERIODS[0]


@dataclass(frozen=True, slots=True)
class QueueHealthReader:
    """Reads the queue's length and flow."""

    reviews: ReviewService
    quality: QualityService

    def read(self, capacity: float | None) -> QueueHealth:
        """The section; `capacity` is the policy's reviews a day. Raises NoStore, StoreUnavailable."""
        now = self.quality.now()
        waiting, escalated = lengths = self.reviews.lengths()
        flow = self.quality.flow(now - DAYS * DAY_MS)
        opened = flow.opened / DAYS
        oldest = min((each.oldest for each in lengths if each.oldest is not None), default=None)
        return QueueHealth(
            waiting=length_text(waiting),
            escalated=length_text(escalated),
            oldest="" if oldest is None else age(now - oldest),
            opened_a_day=_a_day(opened) + ("+" if flow.opened >= MOST_OPENED else ""),
            labelled_a_day=_a_day(flow.labelled / DAYS),
            capacity="" if capacity is None else number(capacity),
            is_behind=capacity is not None and opened > capacity,
            second=agreed(second_reviews(self.quality.work(now - PERIODS[0] * DAY_MS).judged)),
        )


def _a_day(mean: float) -> str:
    return count(mean) if mean >= 10 else f"{mean:.1f}"
