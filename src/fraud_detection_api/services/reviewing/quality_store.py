"""How reliable reviews are, as the service uses its store: golden decisions, and how reviewers judged checks."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from fraud_detection_api.services.accounts.account_store import AuditLine
from fraud_detection_api.services.reviewing.review_store import CheckKind, VerdictKind


class GoldenDecision(NamedTuple):
    """A decision whose truth is known, so that reviewers are checked by it. `added_at` is milliseconds since 1970.

    `expected_loss` is what reviewers see of it as of any case; None where it is not known.
    """

    decision_id: str
    is_fraud: bool
    expected_loss: float | None
    added_by: str
    added_at: int


class Judged(NamedTuple):
    """What a reviewer said of a check, and what was expected: the truth, or what `first_by` had said.

    `at` is in milliseconds since 1970. `reason` is the code of the decision's strongest reason, empty without any.
    """

    at: int
    decision_id: str
    who: str
    verdict: VerdictKind
    kind: CheckKind
    expected: str
    first_by: str
    reason: str


class Flow(NamedTuple):
    """Decisions that went to review since a time, counted up to a limit, and labels that reviewers gave."""

    opened: int
    labelled: int


class QualityStore(Protocol):
    """Reads and changes what reviewers are checked by. Any thread may call each method, which raises StoreUnavailable."""

    def add_golden(self, golden: GoldenDecision, line: AuditLine, *, most: int) -> bool:
        """Check reviewers by the decision from now on, with a line in the trail.

        False, with nothing done, where it has no record any more, or there are `most` already.
        """

    def remove_golden(self, decision_id: str, line: AuditLine) -> None:
        """Stop that, with a line in the trail, if it is one. What reviewers said stays."""

    def golden(self, *, limit: int) -> list[GoldenDecision]:
        """Those that were chosen last."""

    def is_golden(self, decision_id: str) -> bool:
        """Whether it is one. Raises UnknownDecision for what is no id."""

    def judged(self, since: int, *, limit: int) -> list[Judged]:
        """What reviewers said of checks since then, the newest first; notes are left out."""

    def judged_golden(self, decision_ids: Sequence[str]) -> list[Judged]:
        """What reviewers said of these golden decisions, whenever that was, in order; notes are left out."""

    def labelled(self, since: int, *, most: int) -> Mapping[str, int]:
        """How many labels each person gave in the queue since then, up to `most`; people without any may be named."""

    def flow(self, since: int, *, most: int) -> Flow:
        """How many cases came and went since then. Decisions are counted up to `most`, and so are each person's labels."""

    def close(self) -> None:
        """Release connections."""
