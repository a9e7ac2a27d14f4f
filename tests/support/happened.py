"""Events that are no decisions, as a server would store them."""

from fraud_detection_api.decision.event import StoredEvent
from fraud_detection_api.decision.identifiers import uuids7
from fraud_detection_api.services.deciding.recording import Recorder
from support.kept import BEGINNING


def happened(number: int, *, recorder: Recorder | None = None, **changes: object) -> StoredEvent:
    """Event `number`, with changes, sealed."""
    plain = StoredEvent(
        event_id=uuids7(BEGINNING + number, b"event" + number.to_bytes(5, "big"))[0],
        external_id=f"event-{number}",
        recorded_at=BEGINNING + number,
        entity="345435",
        record='{"customer_id":345435,"total_balance":200000}',
        contract="sha256:contract",
        is_fraud=None,
        residue=None,
        seal=b"",
    )
    return (recorder or Recorder()).sealed_event(plain._replace(**changes))
