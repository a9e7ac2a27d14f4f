"""What entities did, as a store's log has it: kept in memory, and brought up to the log before each question."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json, to_json

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.log import SUBJECT_BYTES
from fraud_detection_api.features.events import Event, EventReader, Step
from fraud_detection_api.features.layout import layout_of
from fraud_detection_api.features.state import History, seeing_each_other
from fraud_detection_api.services.entities.asking import AskedRecord, Seen
from fraud_detection_api.services.entities.copies import Copy
from fraud_detection_api.services.history.arrivals import Arrival, ArrivalStore, JustStored

ARRIVALS_AT_ONCE = 1_000
"""Others wait meanwhile: 30 ms."""


MOST_ASKED = 20_000
"""Events of records that were asked about and have not arrived."""


class LiveHistory:
    """The history of one contract. Only one thread may use it.

    It `is_outdated` once an entity was erased, whose events it still has.
    """

    def __init__(self, contract: Contract, arrivals: ArrivalStore) -> None:
        layout = layout_of(contract)
        self.contract = contract
        self.position = 0
        self._arrivals, self._reader, self.events = arrivals, EventReader(layout), History(layout)
        self._frauds: set[bytes] = set()
        self._history = f",{to_json(next(iter(contract.history))).decode()}:"
        # nearly every record that arrives was asked about a moment ago, and reading one takes as long as folding it
        self._asked: dict[tuple[str | None, str], Event] = {}
        self.is_outdated, self._read_since = False, arrivals.position()  # what was erased before is read without its id
        self._last = b""

    @property
    def rows(self) -> int:
        return self.events.rows

    @property
    def size_bytes(self) -> int:
        return self.events.size_bytes

    def sweep(self) -> None:
        self.events.sweep()

    def catch_up(self) -> bool:
        arrivals = self._arrivals.following(self.position, limit=ARRIVALS_AT_ONCE)
        self.take(arrivals)
        return len(arrivals) == ARRIVALS_AT_ONCE

    def answers(self, requests: Sequence[Sequence[AskedRecord]], stored: Sequence[JustStored] = ()) -> Seen:
        events = [[self._reader.event(from_json(each.record), each.entity) for each in some] for some in requests]
        known = {each.subject: each for each in stored}
        arrivals: Sequence[Arrival]
        while (
            len(arrivals := self._arrivals.following(self.position, limit=ARRIVALS_AT_ONCE, known=known))
            == ARRIVALS_AT_ONCE
        ):
            self.take(arrivals)
        values = self.take(arrivals, [step for some in events for step in seeing_each_other(some)])
        if len(self._asked) > MOST_ASKED:  # not all that is asked about is stored
            self._asked.clear()
        for some, read in zip(requests, events, strict=True):
            self._asked.update(zip(some, read, strict=True))
        return Seen(self.position, values, self.events.newest)

    def copy(self) -> Copy:
        """All that it has in memory."""
        about = {"contract": self.contract.content_digest, "position": self.position, "last": self._last.hex()}
        frauds = np.frombuffer(b"".join(self._frauds), dtype=np.uint8)
        return Copy(about, {**self.events.arrays(), "frauds": frauds})

    def restore(self, copy: Copy) -> bool:
        """Go on from a copy; False where it is not of this contract, or the log is another. Raises StoreUnavailable."""
        position, last = copy.about["position"], bytes.fromhex(copy.about["last"])
        if copy.about["contract"] != self.contract.content_digest:
            return False
        if [each.subject for each in self._arrivals.following(max(position - 1, 0), limit=1)] != [last]:
            return False
        self.events.restore(copy.arrays)
        frauds = copy.arrays["frauds"].tobytes()
        self._frauds = {frauds[at : at + SUBJECT_BYTES] for at in range(0, len(frauds), SUBJECT_BYTES)}
        self.position, self._last, self._read_since = position, last, position
        return True

    def take(self, arrivals: Sequence[Arrival], questions: Sequence[Step] = ()) -> NDArray[np.float64]:
        """Take in what has arrived next. Returns the features of the records that `questions` ask about afterwards."""
        steps = [step for arrival in arrivals for step in self.steps(arrival, self.event(arrival))]
        values = self.events.walk([*steps, *questions])
        if arrivals:
            self.position, self._last = arrivals[-1].position + 1, arrivals[-1].subject
        erased = [arrival.position for arrival in arrivals if arrival.kind == "erased"]
        self.is_outdated = self.is_outdated or any(position >= self._read_since for position in erased)
        return values

    def event(self, arrival: Arrival) -> Event | None:
        """The event that an arrival is about; None where it is about none, or the event has no time.

        One of an earlier contract may have none.
        """
        if arrival.record is None:
            return None
        if (asked := self._asked.pop((arrival.entity, self._as_asked(arrival.record)), None)) is not None:
            return asked._replace(arrived=(arrival.recorded_at or 0) * 1000)
        try:
            event = self._reader.event(from_json(arrival.record), arrival.entity)
        except (ValueError, LookupError, TypeError, AttributeError):
            return None
        return event._replace(arrived=(arrival.recorded_at or 0) * 1000)

    def steps(self, arrival: Arrival, event: Event | None) -> Iterator[Step]:
        """What an arrival changes, with its event. To be called once, in the order of arrivals."""
        if event is None:
            return
        if arrival.kind != "label":
            yield Step("add", event)
        known = arrival.subject in self._frauds
        if arrival.is_fraud is not None and bool(arrival.is_fraud) != known:
            (self._frauds.discard if known else self._frauds.add)(arrival.subject)
            yield Step("no fraud" if known else "fraud", event)

    def _as_asked(self, record: str) -> str:
        """The JSON of a record that was asked about, from that of the stored one: history features follow all others."""
        return f"{record.partition(self._history)[0]}}}"
