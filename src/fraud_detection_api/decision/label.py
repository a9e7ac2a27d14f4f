"""Labels: whether a decision, or an event that is none, turned out to be about fraud."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, NamedTuple, get_args

from fraud_detection_api.decision.row_format import RowFormat, Stored

LabelSource = Literal["chargeback", "analyst", "customer", "investigation", "rule", "other"]
LABEL_SOURCES: tuple[LabelSource, ...] = get_args(LabelSource)
"""Who reports a label."""

LONGEST_NOTE = 1000
LONGEST_REVIEWER = 200

LabelState = Literal["unlabelled", "fraud", "legitimate"]
"""What the label in force says of a decision."""

LabelResult = Literal["recorded", "repeated", "unknown_decision", "unknown_event", "erased", "nothing_by_then"]
"""The result for a finding: it is a label now, or was one before; or there is no label because the decision or event is
unknown, has lost its record, or because there was no decision on the entity by then."""


class EntityAt(NamedTuple):
    """An entity's last decision at or before `at`, in milliseconds since 1970; `entity` is its id as it is stored."""

    entity: str
    at: int


class EventNamed(NamedTuple):
    """The event that the caller sent under this id."""

    external_id: str


class Finding(NamedTuple):
    """A label that is submitted. `about` is a decision's id, the entity and time of a decision, or an event.

    `effective_at`, when it became known, is in milliseconds since 1970; None means the time of recording. `reviewer` is who
    says so: the name of a key, or a person; None where nobody is named.
    """

    about: str | EntityAt | EventNamed
    is_fraud: bool
    source: LabelSource
    effective_at: int | None = None
    note: str = ""
    reviewer: str | None = None


class Label(NamedTuple):
    """A recorded finding. Times are milliseconds since 1970. Labels of earlier releases have no `reviewer`.

    `subject_id` is the id of the decision, or that which the store gave the event.
    """

    subject_id: str
    is_fraud: bool
    source: LabelSource
    effective_at: int
    note: str
    recorded_at: int
    reviewer: str | None = None


class SealedLabel(NamedTuple):
    """A label with its seal. One that an earlier release stored has the seal `UNSEALED`."""

    subject_id: str
    is_fraud: bool
    source: LabelSource
    effective_at: int
    note: str
    recorded_at: int
    reviewer: Annotated[str | None, Stored(sealed_since=2)]
    seal: bytes


LABEL_ROWS = RowFormat(SealedLabel)
"""Seals of labels."""


def label_in_force(history: Sequence[Label]) -> Label | None:
    """The label that became known last; of several, the one recorded last. `history` is in the order of recording.

    >>> early = Label("a", True, "chargeback", 1, "", 9)
    >>> label_in_force([early._replace(effective_at=2), early]).effective_at
    2
    """
    return max(reversed(history), key=lambda label: label.effective_at, default=None)


class LabelHistory:
    """The labels of a decision or event, as recording asks for them. An answer takes as long with few as with many."""

    __slots__ = ("_in_force", "_known", "_next_free", "_recorded_at")

    def __init__(self, labels: Iterable[Label] = ()) -> None:
        self._in_force: Label | None = None
        self._known: set[tuple[Any, ...]] = set()
        self._recorded_at: set[int] = set()
        self._next_free = (0, 0)  # a time that was asked for, and the one that was found
        for label in labels:
            self.add(label)

    def add(self, label: Label) -> None:
        """Add the label that was recorded after all others."""
        if self._in_force is None or label.effective_at >= self._in_force.effective_at:
            self._in_force = label
        self._known.add((label.effective_at, *_content(label)))
        self._recorded_at.add(label.recorded_at)

    def repeats(self, finding: Finding) -> bool:
        """Whether the finding was recorded before; without a time, whether it equals the label in force.

        >>> LabelHistory([Label("a", True, "analyst", 1, "", 9)]).repeats(Finding("a", True, "analyst"))
        True
        """
        if finding.effective_at is None:
            return self._in_force is not None and _content(finding) == _content(self._in_force)
        return (finding.effective_at, *_content(finding)) in self._known

    def free_time(self, now: int) -> int:
        """The first time from `now` on, in milliseconds, at which none of these was recorded: no two labels are equal."""
        asked, at = self._next_free
        at = at if asked == now else now
        while at in self._recorded_at:
            at += 1
        self._next_free = (now, at)
        return at


def _content(of: Finding | Label) -> tuple[bool, LabelSource, str]:
    """What makes two findings the same, whoever says it: a file that another person imports again changes nothing."""
    return of.is_fraud, of.source, of.note
