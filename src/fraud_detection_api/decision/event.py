"""Events that are no decisions: what an entity did elsewhere or before, which history features count."""

from typing import Annotated, Any, NamedTuple

from fraud_detection_api.contract.columns import Record
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.row_format import RowFormat, Stored, columns_of

_PERSONAL = Stored(is_erasable=True)


class StoredEvent(NamedTuple):
    """A row of the table `events`, sealed.

    `event_id` is a UUID of version 7, `external_id` the caller's own name of the event: an event is stored once under it.
    `recorded_at` is in milliseconds since 1970, `entity` and `record` are as those of a decision, and `contract` is the
    fingerprint of the record's contract. `is_fraud`, 0 or 1, says what is known when the event is recorded; None if nothing
    is. `residue` is what an erasure leaves of the record.
    """

    event_id: str
    external_id: str
    recorded_at: int
    entity: Annotated[str | None, _PERSONAL]
    record: Annotated[str | None, _PERSONAL]
    contract: str
    is_fraud: int | None
    residue: str | None
    seal: bytes


ERASED_EVENT: dict[str, Any] = {column.field: None for column in columns_of(StoredEvent) if column.is_erasable}
"""What an erasure makes of an event, beside its residue."""


class GivenEvent(NamedTuple):
    """An event as it is told: under the teller's own id, with a record of the event's contract, and what is known of it."""

    external_id: str
    record: Record
    is_fraud: bool | None = None


def event_contract(contract: Contract) -> Contract:
    """The contract of events' records: features that no history feature reads may be missing."""
    document: dict[str, Any] = contract.as_json()
    for name in contract.features.keys() - contract.read_by_history:
        document["features"][name]["nullable"] = True
    return contract.model_validate(document)


EVENT_ROWS = RowFormat(StoredEvent)
"""Seals of events."""
