"""A request's deadline: the time for its body, its decisions, their commit, and the answer."""

import time
from dataclasses import dataclass

from fraud_detection_api.errors import DeadlinePassed
from fraud_detection_api.routes.protocol.body import RequestLimits

DEADLINE = "X-Deadline-Ms"
DEADLINE_HEADER = DEADLINE.lower().encode()

SHORTEST_ANSWER_SECONDS = 0.02
"""A shorter deadline only limits the scoring: no commit could meet it."""

JOURNAL_SHARE = 0.3
"""The last part of the time that the store has belongs to the journal."""

_FEW_RECORDS = 30
_FIRST_GUESS_SECONDS, _FIRST_GUESS_OF_A_RECORD, _LEARNING_RATE = 0.002, 2e-5, 0.2


class Tails:
    """Learns how long requests take after they are scored, to be written and stored: scoring leaves them that time."""

    def __init__(self) -> None:
        self._seconds, self._of_a_record = _FIRST_GUESS_SECONDS, _FIRST_GUESS_OF_A_RECORD

    def took(self, records: int, seconds: float) -> None:
        """Learn from a request."""
        if records <= _FEW_RECORDS:
            self._seconds += _LEARNING_RATE * (seconds - self._seconds)
        else:
            of_a_record = max(0.0, seconds - self._seconds) / records
            self._of_a_record += _LEARNING_RATE * (of_a_record - self._of_a_record)

    def expected(self, records: int) -> float:
        """The seconds that a request with so many records takes after it is scored."""
        return self._seconds + records * self._of_a_record


@dataclass(frozen=True, slots=True)
class Deadline:
    """A request that came at `began`, on the clock of `perf_counter`, has so many seconds."""

    began: float
    seconds: float
    tails: Tails

    def score_by(self, records: int) -> float:
        """When scoring ends; it has half of the time at least."""
        return self.began + self.seconds - min(self.tails.expected(records), self.seconds / 2)

    def left(self) -> float:
        """The seconds until the answer leaves."""
        return self.began + max(self.seconds, SHORTEST_ANSWER_SECONDS) - time.perf_counter()

    def require(self) -> None:
        """Raise DeadlinePassed if it has passed."""
        if self.left() <= 0:
            raise DeadlinePassed

    def shortened(self, limits: RequestLimits) -> RequestLimits:
        """The limits, within this deadline."""
        return limits._replace(body_seconds=max(0.0, min(limits.body_seconds, self.left())))
