"""What entities did, as a store's log has it: kept in memory, and brought up to the log before each question."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.log import SUBJECT_BYTES
from fraud_detection_api.features.events import Event, EventReader
from fraud_detection_api.features.layout import layout_of
from fraud_detection_api.features.state import History
from fraud_detection_api.services.entities.asking import AskedRecord
from fraud_detection_api.services.entities.copies import Copy
from fraud_detection_api.services.history.arrivals import Arrival, ArrivalStore

ARRIVALS_AT_ONCE = 1_000
"""Others wait meanwhile: 30 ms."""


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
        self.is_outdated = False
        self._last = b""

    @property
    def rows(self) -> int:
        return self.events.rows

    @property
    def size_bytes(self) -> int:
        return self.events.size_bytes

    def catch_up(self) -> bool:
        arrivals = self._arrivals.following(self.position, limit=ARRIVALS_AT_ONCE)
        for arrival in arrivals:
            self.take(arrival)
        return len(arrivals) == ARRIVALS_AT_ONCE

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
        self.position, self._last = position, last
        return True

    def take(self, arrival: Arrival) -> None:
        """Take in what has arrived next."""
        self.position, self._last = arrival.position + 1, arrival.subject
        if arrival.kind == "erased":
            self.is_outdated = True
        if arrival.record is None or (event := self._event(arrival.record, arrival.entity)) is None:
            return
        if arrival.kind != "label":
            self.events.add(event)
        if arrival.is_fraud is not None:
            self._label(arrival.subject, event, is_fraud=arrival.is_fraud == 1)

    def answers(self, requests: Sequence[Sequence[AskedRecord]]) -> NDArray[np.float64]:
        read = self._reader.event
        return self.events.answers(
            [[read(from_json(each.record), each.entity) for each in request] for request in requests]
        )

    def _event(self, record: str, entity: str | None) -> Event | None:
        """The event of a record; None where it has no time, as one of an earlier contract may."""
        try:
            return self._reader.event(from_json(record), entity)
        except (ValueError, LookupError, TypeError, AttributeError):
            return None

    def _label(self, subject: bytes, event: Event, *, is_fraud: bool) -> None:
        known = subject in self._frauds
        if is_fraud == known:
            return
        self.events.relabel(event, 1 if is_fraud else -1)
        (self._frauds.add if is_fraud else self._frauds.discard)(subject)
