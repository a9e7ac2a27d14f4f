"""The store of labels, as the services use it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from fraud_detection_api.decision.label import Finding, Label, LabelResult


class LabelStore(Protocol):
    """Stores labels beside their decisions; the decision store's `migrate` prepares it.

    Labels are added, never changed. Any thread may call each method, which raises StoreUnavailable when the store cannot
    work.
    """

    def record(self, findings: Sequence[Finding]) -> list[LabelResult]:
        """Record findings about decisions that have a record, in one transaction; returns a result for each, in order.

        A finding that repeats a label, or another finding in `findings`, changes nothing.
        """
        ...

    def history(self, decision_id: str) -> list[Label]:
        """All labels of a decision, also of an erased one, in the order of recording. Raises UnknownDecision."""
        ...

    def in_force(self, decision_ids: Sequence[str]) -> Mapping[str, Label]:
        """The labels in force of these decisions, by decision id; decisions without a label are absent."""
        ...
