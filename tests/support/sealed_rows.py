"""Rows of a store, made up and sealed."""

from pydantic_core import to_json

from fraud_detection_api.decision.stored import StoredDecision, StoredRequest
from fraud_detection_api.services.deciding.recording import Recorder
from support.kept import decided

HOUR, DAY = 3_600_000, 86_400_000
NOON = 1_790_000_000_000
"""Milliseconds since 1970 of the first decision, where nothing else is said."""

PLAIN = Recorder()


def kept_row(number: int, *, recorder: Recorder = PLAIN, at: int | None = None, **changes) -> StoredDecision:
    """Decision `number`: of its own entity, a minute after the one before, sealed by the recorder."""
    at = NOON + 60_000 * number if at is None else at
    entity_id = changes.pop("entity_id", number)
    about = {
        "entity": recorder.entity(entity_id),
        "record": to_json({"customer_id": entity_id, "total_balance": 1500.5}).decode(),
        "contract": "c" * 16,
        "reasons": to_json([{"feature": "total_balance", "value": 1500.5}]).decode(),
    }
    said = {
        "outcome": ("approve", "review", "decline")[number % 3],
        "margin": -1.25 + number / 1000,
        "fraud_probability": 0.1 + number % 7 / 10,
        "risk_score": 100 + number % 900,
    }
    return recorder.sealed(decided(number, at, **{**about, **said, **changes}))


def keep_rows(store, rows, idempotency=None, answer=b"") -> None:
    """Keep them, all of one request where there is a key, else each of its own."""
    if idempotency is not None:
        assert store.save([StoredRequest(rows, idempotency, answer)]) == [None]
    else:
        store.save([StoredRequest([row]) for row in rows])
