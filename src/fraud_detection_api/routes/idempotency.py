"""The header Idempotency-Key: a request that is sent again is answered as it was, and decided once."""

import hashlib
import re
import zlib
from typing import TYPE_CHECKING

from fraud_detection_api.decision.stored import IdempotencyKey, StoredAnswer
from fraud_detection_api.errors import IdempotencyKeyReused, InvalidHeader

if TYPE_CHECKING:
    from fraud_detection_api.routes.scoring import ScoringRequest

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
KEY_HEADER = HEADER.lower().encode()
_ACCEPTED = re.compile(rb"[\x21-\x7e]{1,255}")
_FASTEST = 1


def idempotency_key(request: "ScoringRequest") -> IdempotencyKey | None:
    """The caller's key for this request, if one was sent. Raises InvalidHeader."""
    sent = request.headers.get(KEY_HEADER)
    if sent is None:
        return None
    sent = sent.strip()
    if KEY_HEADER in request.repeated:
        raise InvalidHeader(HEADER, "was sent more than once; which one is meant?")
    if not _ACCEPTED.fullmatch(sent):
        raise InvalidHeader(HEADER, "must be 1 to 255 visible ASCII characters; a UUID will do")
    caller = request.container.keys.caller(request.headers.get(b"authorization", b"").decode("latin-1"))
    return IdempotencyKey(caller, sent.decode(), hashlib.sha256(request.body).digest())


def recall(request: "ScoringRequest") -> bytes | None:
    """The body that was answered under the request's key. Raises IdempotencyKeyReused, StoreUnavailable."""
    key, store = request.key, request.container.store
    stored = None if key is None or store is None else store.recall(key)
    return None if key is None or stored is None else replayed(key, stored)


def replayed(key: IdempotencyKey, stored: StoredAnswer) -> bytes:
    """The stored body. Raises IdempotencyKeyReused where it answered another request."""
    if stored.body_digest != key.body_digest:
        raise IdempotencyKeyReused
    return zlib.decompress(stored.answer)


def packed(body: bytes) -> bytes:
    """A body as it is stored."""
    return zlib.compress(body, _FASTEST)
