"""What entities did before, as those ask who decide on records."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import Record
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.services.history.arrivals import JustStored


class AskedRecord(NamedTuple):
    """A record in question: its entity as it is stored, and its JSON."""

    entity: str | None
    record: str


class Seen(NamedTuple):
    """The history features of records, float64 (n, features) with NaN for missing, by the store's log up to `position`.

    `newest` is the time of the newest event there, in microseconds since 1970; far before 1970 without any.
    """

    position: int
    values: NDArray[np.float64]
    newest: int


Answered: TypeAlias = Callable[[Seen | None], None]
"""Gets what is known of the records that were asked about; None while the history is unavailable."""


class EntityHistory(Protocol):
    """Answers what entities did before. Only the thread of one event loop may use it, but for `prepare`."""

    async def start(self) -> None:
        """Get ready. What is not ready afterwards keeps trying, and is unavailable meanwhile."""

    async def close(self) -> None:
        """End."""

    def prepare(self, contract: Contract) -> None:
        """Have the history of a contract in memory, before a model of it comes into service. Any thread may call it."""

    def ask(self, contract: Contract, requests: Sequence[Sequence[Record]], done: Answered, *, seconds: float) -> None:
        """Ask about the records of requests, then call `done` in the event loop, within so many seconds.

        The records of a request see each other in order, and no other request's.
        """

    def stored(self, requests: Iterable[tuple[Contract, StoredRequest]]) -> None:
        """Requests of these contracts with history were stored: the next question need not have their records read."""


class Entities(Protocol):
    """What entities of one contract did, in memory, up to a position in the store's log. Only one thread may use it."""

    position: int
    is_outdated: bool
    """Whether an entity was erased, whose events are still here."""

    @property
    def rows(self) -> int:
        """Events, counted once for each of their entities."""

    @property
    def size_bytes(self) -> int:
        """The memory that they take."""

    def catch_up(self) -> bool:
        """Take in what has arrived; returns whether there may be more. Raises StoreUnavailable."""

    def sweep(self) -> None:
        """Forget some of what no record can need."""

    def answers(self, requests: Sequence[Sequence[AskedRecord]], stored: Sequence[JustStored] = ()) -> Seen:
        """What is known of the records of requests, once all that has arrived is taken in. Raises StoreUnavailable.

        Decisions that were `stored` need not be read.
        """
