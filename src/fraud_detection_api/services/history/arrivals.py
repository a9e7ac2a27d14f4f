"""What arrived in the store, in the order of its log, as history features follow it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from fraud_detection_api.decision.log import Kind


class Arrival(NamedTuple):
    """A leaf of the log at `position`, with what it is about. Times are milliseconds since 1970.

    `subject` is the 16 bytes of the id of a decision or event. A decision or event has its time, and entity and record
    unless it was erased: then `record` is the residue, if there is one. A decision has its request, its place there, and
    the position that its history saw; a label has all of these of its decision, too. `is_fraud`, 0 or 1, is what an event's
    sender knew, or what the label in force says once a label was recorded. What was purged has nothing but its subject.
    """

    position: int
    kind: Kind
    subject: bytes
    recorded_at: int | None = None
    entity: str | None = None
    record: str | None = None
    request_id: str | None = None
    place: int | None = None
    history: int | None = None
    is_fraud: int | None = None


class JustStored(NamedTuple):
    """What a caller knows of a decision that it has stored, as Arrival has it."""

    subject: bytes
    recorded_at: int
    entity: str | None
    record: str | None


NOTHING_KNOWN: Mapping[bytes, JustStored] = {}


class ArrivalStore(Protocol):
    """Reads the log and then its queue, for one caller. Raises StoreUnavailable when the store cannot work.

    A leaf's position never changes: a leaf that is in the queue now gets it in the log.
    """

    def begin(self) -> None:
        """From now on, have entries enter the queue in the order of commits. To call before the first `following`."""

    def has_begun(self) -> bool:
        """Whether `begin` was ever called: whether a model with history was served with the store, or events were loaded."""

    def position(self) -> int:
        """How many leaves are committed: the position of the next."""

    def following(
        self, position: int, *, limit: int, known: Mapping[bytes, JustStored] = NOTHING_KNOWN
    ) -> Sequence[Arrival]:
        """The leaves from that position on, in order, at most `limit`; none where there are none yet.

        Of `known` decisions, by subject, nothing is read; so they lack their request, place and history. If all are known,
        reading on from where the last call ended costs one statement. Raises StoreUnavailable where the log is shorter than
        `position`, as after a backup was restored.
        """
