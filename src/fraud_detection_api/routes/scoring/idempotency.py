"""The header Idempotency-Key: a request that is sent again gets its first answer, and is decided once."""

import hashlib
import re
import zlib
from collections.abc import Iterable

from fraud_detection_api.decision.stored import IdempotencyKey, StoredAnswer
from fraud_detection_api.errors import IdempotencyKeyReused, InvalidHeader
from fraud_detection_api.services.storage.decision_store import DecisionStore

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
KEY_HEADER = HEADER.lower().encode()
_ACCEPTED = re.compile(rb"[\x21-\x7e]{1,255}")
_FASTEST = 1


def idempotency_key(sent: Iterable[tuple[bytes, bytes]], body: bytes, *, caller: str) -> IdempotencyKey:
    """The key among the headers that `caller` sent with this body. Raises InvalidHeader."""
    keys = [content.strip() for name, content in sent if name == KEY_HEADER]
    if len(keys) > 1:
        raise InvalidHeader(HEADER, "was sent more than once; which one is meant?")
    if not _ACCEPTED.fullmatch(keys[0]):
        raise InvalidHeader(HEADER, "must be 1 to 255 visible ASCII characters; a UUID will do")
    return IdempotencyKey(caller, keys[0].decode(), hashlib.sha256(body).digest())


def recall(store: DecisionStore | None, key: IdempotencyKey) -> bytes | None:
    """The body that answered this key before. Raises IdempotencyKeyReused, StoreUnavailable."""
    stored = None if store is None else store.find_answer(key)
    return None if stored is None else replayed(key, stored)


def replayed(key: IdempotencyKey, stored: StoredAnswer) -> bytes:
    """The stored body. Raises IdempotencyKeyReused where it answered another request."""
    if stored.body_digest != key.body_digest:
        raise IdempotencyKeyReused
    return zlib.decompress(stored.answer)


def packed(body: bytes) -> bytes:
    """A body as it is stored."""
    return zlib.compress(body, _FASTEST)
