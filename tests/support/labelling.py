"""Stored decisions to label."""

from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.services.deciding.recording import Recorder
from support.builders import record
from support.kept import decided

DAY = 86_400_000
NOON = 1_790_000_000_000
"""A moment, in milliseconds since 1970, at which decisions are made."""


def kept(
    number: int, *, at: int = NOON, sent=None, contract=None, recorder: Recorder | None = None, **changes
) -> StoredDecision:
    """Decision `number` as it is stored, with the record that was `sent`."""
    contract, recorder = contract or load_contract("credit"), recorder or Recorder()
    sent = record(customer_id=number) if sent is None else sent
    identifier = contract.identifier.name if contract.identifier else None
    entity = recorder.entity(sent[identifier] if identifier else None)
    about = {
        "entity": entity,
        "record": recorder._records([sent], contract)[0],
        "contract": contract.record_fingerprint,
    }
    said = {"outcome": "review", "margin": 0.5, "fraud_probability": 0.25, "risk_score": 900}
    return Recorder().sealed(decided(number, at, **{**about, **said, **changes}))
