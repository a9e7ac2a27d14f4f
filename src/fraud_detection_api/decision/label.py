"""What turned out to be true of a decision."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

LabelSource = Literal["chargeback", "analyst", "customer", "investigation", "rule", "other"]
LABEL_SOURCES: tuple[LabelSource, ...] = get_args(LabelSource)
"""Who found out."""

LONGEST_NOTE = 1000

Fate = Literal["recorded", "repeated", "unknown_decision", "erased", "nothing_by_then"]
"""What became of a finding: a label now, one before, or none: there is no such decision, it lost its record, or none was
made on the entity by then."""


class EntityAt(NamedTuple):
    """An entity's last decision at or before `at`, in milliseconds since 1970; `entity` is its id as it is kept."""

    entity: str
    at: int


class Finding(NamedTuple):
    """A label that is handed in. `about` is a decision's id, or says whose decision it was, and when.

    `effective_at`, when it became known, is in milliseconds since 1970; None is the moment of recording.
    """

    about: str | EntityAt
    is_fraud: bool
    source: LabelSource
    effective_at: int | None = None
    note: str = ""


class Label(NamedTuple):
    """A finding as it was recorded. Times are milliseconds since 1970."""

    decision_id: str
    is_fraud: bool
    source: LabelSource
    effective_at: int
    note: str
    recorded_at: int


def label_in_force(history: Sequence[Label]) -> Label | None:
    """The label that became known last, of those that did together the one recorded last; `history` is as recorded.

    >>> early = Label("a", True, "chargeback", 1, "", 9)
    >>> label_in_force([early._replace(effective_at=2), early]).effective_at
    2
    """
    return max(reversed(history), key=lambda label: label.effective_at, default=None)


def repeats(finding: Finding, history: Sequence[Label]) -> bool:
    """Whether the finding says what was recorded before; one that does not say when, what is in force.

    >>> repeats(Finding("a", True, "analyst"), [Label("a", True, "analyst", 1, "", 9)])
    True
    """
    if finding.effective_at is None:
        in_force = label_in_force(history)
        return in_force is not None and _said(finding) == _said(in_force)
    return any(_said(finding) == _said(label) and label.effective_at == finding.effective_at for label in history)


def _said(of: Finding | Label) -> tuple[bool, LabelSource, str]:
    return of.is_fraud, of.source, of.note
