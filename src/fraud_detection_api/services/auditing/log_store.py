"""The store of the log, as the services use it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from fraud_detection_api.decision.event import StoredEvent
from fraud_detection_api.decision.label import SealedLabel
from fraud_detection_api.decision.log import Kind, LogState, Run, SignedRoot, Waiting
from fraud_detection_api.decision.merkle import Tree


class LogStore(Protocol):
    """Stores the log, beside what it is about. Raises StoreUnavailable when the store cannot work.

    Decisions, events and labels enter its queue in the transaction that stores them. A sequencer gives what is in the queue
    its position in the log. So the order is that of commits, whatever the clocks of servers say, and a transaction that
    takes long is only late.
    """

    def state(self) -> LogState:
        """The log as it is now. Raises StoreUnavailable where somebody changed its end, so that nothing can follow it."""

    def enter(self, kind: Kind, subjects: bytes, seals: bytes) -> None:
        """Add leaves to the queue."""

    def waiting(self, *, limit: int) -> list[Waiting]:
        """The first entries of the queue, in order."""

    def move(self, waiting: Sequence[Waiting], runs: Sequence[Run], before: Tree, after: Tree) -> None:
        """Move entries from the queue to the log, in one transaction.

        Raises StoreUnavailable, and changes nothing, if the log's tree is not `before` any more.
        """

    def runs(self, *, after: int, limit: int) -> list[Run]:
        """The runs from that position on that begin within `limit` leaves of it."""

    def lengths(self, kind: Kind, *, after: int) -> list[tuple[int, int]]:
        """Where each run of the kind begins, from that position on, and how many leaves it has, in order."""

    def is_fed(self) -> bool:
        """Whether the database still queues all that is stored, as the migration told it to."""

    def registry_runs(self) -> list[Run]:
        """What is in the log, and then in its queue, about changes of aliases and replaced registries, in order."""

    def sign(self, root: SignedRoot) -> None:
        """Store a signed root."""

    def last_root(self) -> SignedRoot | None:
        """The signed root of most leaves."""

    def snapshot(self) -> AbstractContextManager["LogSnapshot"]:
        """The log, and what it is about, as they are at one moment."""


class LabelRow(NamedTuple):
    """A stored label and its number."""

    label_id: int
    label: SealedLabel


class Served(NamedTuple):
    """A model that decided, and when it did so first, in milliseconds since 1970."""

    version: str
    digest: str
    since: int


class LogSnapshot(Protocol):
    """A log at one moment. Subjects are 16 bytes."""

    def state(self) -> LogState:
        """The log, whatever somebody made of it. Raises StoreUnavailable where that cannot be known."""

    def waiting(self) -> list[Waiting]:
        """The whole queue."""

    def runs(self) -> Iterator[Run]:
        """All runs, in order."""

    def runs_about(self, decision_id: bytes) -> list[Run]:
        """The runs that may have leaves about a decision."""

    def roots(self) -> list[SignedRoot]:
        """All signed roots."""

    def seals(self, subjects: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The seals of those of the decisions and events that are stored."""

    def events(self, subjects: Sequence[bytes]) -> list[StoredEvent]:
        """Those of the events that are stored, in no order."""

    def labels(self, subjects: Sequence[bytes]) -> list[LabelRow]:
        """The labels of these decisions and events."""

    def others(self, known: set[bytes]) -> Iterator[tuple[Kind, bytes]]:
        """Decisions and events that are stored and not among the known."""

    def is_fed(self) -> bool:
        """Whether the database still queues all that is stored, as the migration told it to."""

    def served(self, *, since: int) -> list[Served]:
        """The models that decided then or later, in milliseconds since 1970."""

    def counts(self) -> tuple[int, int, int]:
        """How many decisions, labels and events are stored."""
