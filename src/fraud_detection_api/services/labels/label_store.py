"""The store of labels, as the services use it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from fraud_detection_api.decision.label import Fate, Finding, Label


class LabelStore(Protocol):
    """Keeps what turned out to be true of decisions, beside them; the store of the decisions makes it ready.

    Labels are added, never changed. Each method may be called from any thread and raises StoreUnavailable where it cannot
    work.
    """

    def record(self, findings: Sequence[Finding]) -> list[Fate]:
        """Record all that are about decisions with a record, in one transaction; what became of each, in order.

        One that repeats an earlier one, of these or of those before, changes nothing.
        """
        ...

    def history(self, decision_id: str) -> list[Label]:
        """All labels of a decision, as recorded; those of an erased one too. Raises UnknownDecision."""
        ...

    def in_force(self, decision_ids: Sequence[str]) -> Mapping[str, Label]:
        """The label in force of each of these decisions that has one."""
        ...
