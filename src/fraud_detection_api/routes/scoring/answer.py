"""An answer to a scoring request: its body, the headers that say how it came about, and what was decided."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple

from fraud_detection_api.contract.columns import Record
from fraud_detection_api.decision.decided import Explanations
from fraud_detection_api.decision.timeliness import Front, Untimely, untimely
from fraud_detection_api.metrics.requests import AnswerSummary, summarised
from fraud_detection_api.routes.scoring.idempotency import REPLAYED
from fraud_detection_api.routes.wire.lane import field_lines
from fraud_detection_api.services.deciding.decisions import Decided
from fraud_detection_api.telemetry import Stopwatch

MODEL_VERSION, SERVER_TIMING = "X-Model-Version", "Server-Timing"

MOST_DECISION_IDS = 100
"""Decisions that are named when their commit is in doubt: those of a request are stored together."""


class Origin:
    """How answers came about. Requests that were decided together share it.

    `version` is the model's; None for an answer that was given before, perhaps by another model. `watch` timed the stages:
    all of them have ended when the headers are made.
    """

    def __init__(self, version: str | None, watch: Stopwatch) -> None:
        self.version, self.watch = version, watch

    @cached_property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """The headers of an answer, but its length."""
        name, text = (REPLAYED, "true") if self.version is None else (MODEL_VERSION, self.version)
        own = {name: text, SERVER_TIMING: self.watch.server_timing(), "Content-Type": "application/json"}
        return [(name.lower().encode(), text.encode()) for name, text in own.items()]

    @cached_property
    def lines(self) -> bytes:
        """The headers as they go over the wire."""
        return field_lines(self.fields)


class Answer(NamedTuple):
    """The JSON body of an answer, and what was decided: on its own records, `decided` from index `first` to before `last`.

    `records` are stored with it; None for a dry run. `front` is how far the history was that they saw, if they saw any.
    `explanations` says whether reasons were given, where the route gives any. In a large answer, `summary` replaces the
    decisions but the `first_ids`. An answer that was given before has none of them.
    """

    body: bytes
    origin: Origin
    decided: Decided | None = None
    first: int = 0
    last: int = 0
    records: Sequence[Record] | None = None
    explanations: Explanations | None = None
    summary: AnswerSummary | None = None
    first_ids: Sequence[str] = ()
    front: Front | None = None

    @property
    def size(self) -> int:
        """The number of records that were decided on; 0 for an answer that was given before."""
        return self.last - self.first if self.summary is None else self.summary.records

    @property
    def decision_ids(self) -> Sequence[str]:
        """The decisions that an error names."""
        if self.decided is None:
            return self.first_ids
        return self.decided.decisions.ids[self.first : min(self.last, self.first + MOST_DECISION_IDS)]

    def untimely(self) -> Counter[Untimely]:
        """How many of the records that are stored are untimely."""
        if self.front is None or self.records is None:
            return Counter()
        return untimely(self.front, self.records, datetime.now(UTC))

    def summarised(self) -> "Answer":
        """The same, with a summary in place of the decisions."""
        assert self.decided is not None, "it has decisions"
        summary = summarised(self.decided.decisions.part(self.first, self.last), self.untimely())
        return self._replace(decided=None, records=None, summary=summary, first_ids=self.decision_ids)


def given_before(body: bytes) -> Answer:
    """An answer that was stored."""
    return Answer(body, Origin(None, Stopwatch()))
