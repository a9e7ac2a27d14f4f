"""Checks reviewers by golden decisions, and reads how reliable reviews are."""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from fraud_detection_api.errors import FraudError, NoStore
from fraud_detection_api.services.accounts.account_store import AuditLine
from fraud_detection_api.services.labels.recording import LabelStore
from fraud_detection_api.services.reviewing.quality_store import Flow, GoldenDecision, Judged, QualityStore
from fraud_detection_api.services.storage.decision_store import DecisionStore

MOST_GOLDEN = 500
"""More are no better check, and the next one is sought among them while somebody waits."""

MOST_LISTED = 50
"""Golden decisions that a page lists."""

MOST_JUDGED = 5_000
"""Checks that are read for a period; the newest count."""

MOST_LABELLED = 5_000
"""Counting a person's labels stops there, so that the page stays quick."""

MOST_OPENED = 500_000
"""Counting decisions stops there."""


class NotGolden(FraudError):
    """The decision cannot check anybody."""

    def __init__(self) -> None:
        super().__init__(
            "reviewers are checked by decisions with the outcome review, a label and a record, "
            f"of which there are {MOST_GOLDEN} at most"
        )


class QualityStores(NamedTuple):
    """The checks, and what they are about."""

    quality: QualityStore
    decisions: DecisionStore
    labels: LabelStore


class CheckedWork(NamedTuple):
    """What reviewers did since a time: the checks, the newest first, and labels by person."""

    judged: list[Judged]
    labelled: Mapping[str, int]


class QualityService:
    """Raises NoStore without a store, and StoreUnavailable. The clock is in seconds."""

    def __init__(self, stores: QualityStores | None, *, wall_clock: Callable[[], float] = time.time) -> None:
        self._configured, self._wall_clock = stores, wall_clock

    def now(self) -> int:
        """The time in milliseconds since 1970."""
        return int(self._wall_clock() * 1000)

    def add_golden(self, decision_id: str, by: str, *, loss: float | None) -> None:
        """Check reviewers by the decision; the label that is in force now is the truth.

        `loss` is what approving it is expected to cost, if that is known. Raises NotGolden, UnknownDecision.
        """
        row = self._stores.decisions.find(decision_id)
        label = self._stores.labels.in_force([row.decision_id]).get(row.decision_id)
        if row.outcome != "review" or label is None:
            raise NotGolden
        golden = GoldenDecision(row.decision_id, label.is_fraud, loss, by, self.now())
        line = AuditLine(golden.added_at, by, "golden_added", row.decision_id)
        if not self._stores.quality.is_golden(row.decision_id) and not self._stores.quality.add_golden(
            golden, line, most=MOST_GOLDEN
        ):
            raise NotGolden

    def remove_golden(self, decision_id: str, by: str) -> None:
        """Stop checking reviewers by the decision. Raises UnknownDecision."""
        self._stores.quality.remove_golden(decision_id, AuditLine(self.now(), by, "golden_removed", decision_id))

    def is_golden(self, decision_id: str) -> bool:
        """Whether reviewers are checked by the decision. Raises UnknownDecision."""
        return self._stores.quality.is_golden(decision_id)

    def golden(self) -> list[tuple[GoldenDecision, list[Judged]]]:
        """The golden decisions that were chosen last, at most MOST_LISTED, with what reviewers said of them."""
        golden = self._stores.quality.golden(limit=MOST_LISTED)
        said: dict[str, list[Judged]] = {each.decision_id: [] for each in golden}
        for judged in self._stores.quality.judged_golden(list(said)):
            said[judged.decision_id].append(judged)
        return [(each, said[each.decision_id]) for each in golden]

    def work(self, since: int) -> CheckedWork:
        """What reviewers did since then."""
        store = self._stores.quality
        return CheckedWork(store.judged(since, limit=MOST_JUDGED), store.labelled(since, most=MOST_LABELLED))

    def flow(self, since: int) -> Flow:
        """How many cases came and went since then."""
        return self._stores.quality.flow(since, most=MOST_OPENED)

    @property
    def _stores(self) -> QualityStores:
        if self._configured is None:
            raise NoStore
        return self._configured
