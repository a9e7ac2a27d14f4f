"""How good the champion's decisions were, of those that are old enough for the truth about them to have come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fraud_detection_api.contract.times import DAY_MS
from fraud_detection_api.decision.label import Label
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.monitoring.performance import Performance, measure
from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.services.labels.label_store import LabelStore
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore

MOST_DECISIONS = 200_000
ROWS_A_PAGE = 2_000


class Maturity(NamedTuple):
    """When the truth about a decision counts as known: `label_days` after it; and how many `days` of such are looked at."""

    label_days: float = 30.0
    days: float = 30.0

    def until(self, now: int) -> int:
        """Decisions before that moment (milliseconds since 1970) are matured: legitimate, unless a label says fraud."""
        return now - int(self.label_days * DAY_MS)

    def since(self, now: int) -> int:
        """When the matured decisions that are looked at begin."""
        return self.until(now) - int(self.days * DAY_MS)


@dataclass(frozen=True)
class MaturedPerformance:
    """Of a model's decisions from `since` to `until` (milliseconds since 1970), the newest MOST_DECISIONS of them.

    `labelled` of them have a label, the others are taken for legitimate. `complete` is false where there were more.
    """

    since: int
    until: int
    labelled: int
    complete: bool
    performance: Performance

    @property
    def assumed_legitimate(self) -> int:
        """How many have no label."""
        return self.performance.records - self.labelled


class PerformanceReader:
    """Reads matured decisions and their labels, a page at a time: memory is a few numbers a decision."""

    def __init__(
        self, store: DecisionStore, labels: LabelStore, maturity: Maturity, *, most: int = MOST_DECISIONS
    ) -> None:
        self._store, self._labels, self._maturity, self._most = store, labels, maturity, most

    def matured(self, model: ServedModel, now: int) -> MaturedPerformance:
        """What became of the model's decisions. Fallbacks are none of its. Raises StoreUnavailable."""
        since, until = self._maturity.since(now), self._maturity.until(now)
        wanted, before = DecisionFilter(since=max(since, 0), until=max(until, 0)), None
        found: list[tuple[bool, float, int]] = []
        labelled, oldest = 0, until
        while len(found) < self._most and (rows := self._store.page(wanted, limit=ROWS_A_PAGE, before=before)):
            before = rows[-1].decision_id
            own = [row for row in rows if row.model_digest == model.bundle.digest and row.fraud_probability is not None]
            own = own[: self._most - len(found)]
            known = self._labels.in_force([row.decision_id for row in own]) if own else {}
            labelled += len(known)
            found += [_measured(row, known) for row in own]
            oldest = own[-1].decided_at if own else oldest
        complete = len(found) < self._most
        return MaturedPerformance(since if complete else oldest, until, labelled, complete, _performance(found))


def _measured(row: StoredDecision, known: Mapping[str, Label]) -> tuple[bool, float, int]:
    """Whether it was fraud, its probability, and its outcome's code."""
    assert row.fraud_probability is not None
    label = known.get(row.decision_id)
    return label is not None and label.is_fraud, row.fraud_probability, OUTCOMES.index(row.outcome)


def _performance(found: Sequence[tuple[bool, float, int]]) -> Performance:
    columns = list(zip(*found, strict=True)) or [(), (), ()]
    return measure(
        np.array(columns[0], dtype=np.bool_), np.array(columns[1], np.float64), np.array(columns[2], dtype=np.int8)
    )
