"""A decision as it is kept: flat, with the record that it is about, and sealed."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from fraud_detection_api.decision.decided import Source
from fraud_detection_api.policy.outcomes import Outcome

SEAL_VERSION = b"\x01"
"""Of the fields and their order below; a store may hold seals of several."""

_SEAL_BYTES = 16


class StoredDecision(NamedTuple):
    """A row of the store. Numbers are the very doubles that were answered.

    `place` is the record's in its request, from 0. `entity` is the record's id as JSON, or its pseudonym; `record` is the
    validated record as JSON, and null once it was erased; `reasons` are JSON. `contract` is the fingerprint of what a record
    was when it came in. `margin`, in log-odds, probability and score are null for a fallback.
    """

    decision_id: str
    decided_at: int
    request_id: str
    place: int
    idempotency_key: str | None
    entity: str | None
    record: str | None
    contract: str
    model_version: str
    model_digest: str
    policy_version: str
    source: Source
    outcome: Outcome
    margin: float | None
    fraud_probability: float | None
    risk_score: int | None
    reasons: str | None
    latency_ms: float
    seal: bytes


class IdempotencyKey(NamedTuple):
    """A caller's name for a request. `caller` tells callers' keys apart, `body_digest` the requests under one key."""

    caller: str
    key: str
    body_digest: bytes


class StoredAnswer(NamedTuple):
    """What was answered to a request that had an idempotency key."""

    body_digest: bytes
    answer: bytes


class StoredRequest(NamedTuple):
    """All that is kept of one request, or nothing of it. `answer` goes with the key, where there is one."""

    decisions: Sequence[StoredDecision]
    idempotency: IdempotencyKey | None = None
    answer: bytes = b""


class SealedRequest(NamedTuple):
    """A kept request on its way: `rows` are its decisions as a JSON array, and `records` their number."""

    rows: bytes
    records: int
    idempotency: IdempotencyKey | None = None
    answer: bytes = b""

    def opened(self) -> StoredRequest:
        """The same as objects."""
        return StoredRequest([row_from_json(row) for row in from_json(self.rows)], self.idempotency, self.answer)


def row_json(fields: Sequence[Any], key: bytes) -> bytes:
    """A decision as a JSON array: its fields but for the seal, in order, then the seal that `key` gives them, as digits."""
    content = to_json(fields)
    return b'%b,"%b"]' % (content[:-1], sealed(content, key).hex().encode())


def row_from_json(row: Sequence[Any]) -> StoredDecision:
    """A decision from the array that `row_json` wrote, once that has been parsed."""
    return StoredDecision._make((*row[:-1], bytes.fromhex(row[-1])))


def sealed(content: bytes, key: bytes) -> bytes:
    """The seal of a decision's fields: BLAKE2b, keyed where `key` is not empty, so that only its holders can make one.

    >>> sealed(b"[]", b"").hex()
    '017ebb3c7c2a87b1a2f8a7ed729ecb040d'
    """
    return SEAL_VERSION + hashlib.blake2b(content, digest_size=_SEAL_BYTES, key=key).digest()


def same_seal(one: bytes, other: bytes) -> bool:
    """Whether two seals are equal, in constant time."""
    return hmac.compare_digest(one, other)
