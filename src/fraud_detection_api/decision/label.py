"""Labels: whether a decision turned out to be about fraud."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from fraud_detection_api.decision.row_format import RowFormat

LabelSource = Literal["chargeback", "analyst", "customer", "investigation", "rule", "other"]
LABEL_SOURCES: tuple[LabelSource, ...] = get_args(LabelSource)
"""Who reports a label."""

LONGEST_NOTE = 1000

LabelResult = Literal["recorded", "repeated", "unknown_decision", "erased", "nothing_by_then"]
"""The result for a finding: it is a label now, or was one before; or there is no label because the decision is unknown, has
lost its record, or because there was no decision on the entity by then."""


class EntityAt(NamedTuple):
    """An entity's last decision at or before `at`, in milliseconds since 1970; `entity` is its id as it is stored."""

    entity: str
    at: int


class Finding(NamedTuple):
    """A label that is submitted. `about` is a decision's id, or the entity and time of a decision.

    `effective_at`, when it became known, is in milliseconds since 1970; None means the time of recording.
    """

    about: str | EntityAt
    is_fraud: bool
    source: LabelSource
    effective_at: int | None = None
    note: str = ""


class Label(NamedTuple):
    """A recorded finding. Times are milliseconds since 1970."""

    decision_id: str
    is_fraud: bool
    source: LabelSource
    effective_at: int
    note: str
    recorded_at: int


class SealedLabel(NamedTuple):
    """A label with its seal. One that an earlier release stored has the seal `UNSEALED`."""

    decision_id: str
    is_fraud: bool
    source: LabelSource
    effective_at: int
    note: str
    recorded_at: int
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


def repeats(finding: Finding, history: Sequence[Label]) -> bool:
    """Whether the finding was recorded before; without a time, whether it equals the label in force.

    >>> repeats(Finding("a", True, "analyst"), [Label("a", True, "analyst", 1, "", 9)])
    True
    """
    if finding.effective_at is None:
        in_force = label_in_force(history)
        return in_force is not None and _content(finding) == _content(in_force)
    return any(_content(finding) == _content(label) and label.effective_at == finding.effective_at for label in history)


def _content(of: Finding | Label) -> tuple[bool, LabelSource, str]:
    return of.is_fraud, of.source, of.note
