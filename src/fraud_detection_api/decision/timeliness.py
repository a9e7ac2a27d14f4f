"""Whether events arrive in the order of their times."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, TypeAlias

from fraud_detection_api.contract.columns import Record
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.windows import microseconds

Untimely: TypeAlias = Literal["out_of_order", "too_late", "future"]
"""Before the newest event that had arrived; so far before it that a record has no history; after the time of its arrival."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER = datetime.min.replace(tzinfo=UTC)


class Front(NamedTuple):
    """How far a history is: records have their time in `column`, `newest` is the newest that has arrived."""

    column: str
    late: timedelta
    newest: datetime

    def is_too_late(self, record: Record) -> bool:
        """Whether a record has no history, as it is too far behind."""
        return bool(self.newest - record[self.column] > self.late)


def front_of(contract: Contract, newest_us: int) -> Front:
    """The front of a contract's history, whose newest event is so many microseconds after 1970, or far before it."""
    assert contract.time is not None, "a contract with history has a time"
    newest = _EPOCH + timedelta(microseconds=newest_us) if newest_us > (_NEVER - _EPOCH) // _MICROSECOND else _NEVER
    return Front(contract.time.name, timedelta(microseconds=microseconds(contract.time.late)), newest)


_MICROSECOND = timedelta(microseconds=1)


def untimely(front: Front, records: Iterable[Record], now: datetime) -> Counter[Untimely]:
    """Count those of some records that are untimely. They arrive now, one after another.

    >>> day = datetime(2026, 11, 22, tzinfo=UTC)
    >>> arriving = [{"at": day + timedelta(hours=hours)} for hours in (12, 11, -99, 25)]
    >>> dict(untimely(Front("at", timedelta(hours=48), day), arriving, day + timedelta(hours=24)))
    {'out_of_order': 1, 'too_late': 1, 'future': 1}
    """
    column, newest = front.column, front.newest
    counts: Counter[Untimely] = Counter()
    for record in records:
        time = record[column]
        if time < newest:
            counts["too_late" if front.is_too_late(record) else "out_of_order"] += 1
        elif time > now:
            counts["future"] += 1
            newest = max(newest, now)
        else:
            newest = time
    return counts
