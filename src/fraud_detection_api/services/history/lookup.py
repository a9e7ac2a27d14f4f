"""Kept decisions, looked up: one by its id, or the newest that are wanted, a page at a time."""

import binascii
import hashlib
import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import NamedTuple

from pydantic_core import from_json, to_json

from fraud_detection_api.decision.identifiers import uuid_bytes, uuid_text
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.errors import InvalidCursor, NoStore
from fraud_detection_api.policy.outcomes import Outcome
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore

_PSEUDONYM = re.compile("[0-9a-f]{32}")
_UUID_BYTES, _DIGEST_BYTES = 16, 8


class Filters(NamedTuple):
    """Which decisions are listed: all conditions that are not None hold.

    Times are milliseconds since 1970, `since` included and `until` not. `entity_id` is as people write it: quotes tell no
    text from a number there, so both are looked for.
    """

    entity_id: str | None = None
    outcome: Outcome | None = None
    since: int | None = None
    until: int | None = None


class Found(NamedTuple):
    """A kept decision; `is_intact` says whether its seal is."""

    row: StoredDecision
    is_intact: bool


class Page(NamedTuple):
    """Decisions, the newest first, and where the next page begins; None where there is none."""

    decisions: list[Found]
    next_cursor: str | None


class History:
    """Reads what was decided. Raises NoStore where nothing is kept, and StoreUnavailable."""

    def __init__(self, store: DecisionStore | None, recorder: Recorder) -> None:
        self._kept_in, self._recorder = store, recorder

    def find(self, decision_id: str) -> Found:
        """Raises UnknownDecision."""
        return self._found(self._store.find(decision_id))

    def page(self, filters: Filters, *, limit: int, cursor: str | None = None) -> Page:
        """At most `limit` decisions; with the cursor of a page before, those that follow it.

        Decisions that are kept meanwhile move none from one page to another.

        Raises InvalidCursor where the cursor came with other filters, or from nowhere.
        """
        before = None if cursor is None else _place(cursor, filters)
        rows = self._rows(filters, limit + 1, before)
        page = [self._found(row) for row in rows[:limit]]
        return Page(page, _cursor(rows[limit - 1].decision_id, filters) if len(rows) > limit else None)

    @property
    def _store(self) -> DecisionStore:
        if self._kept_in is None:
            raise NoStore
        return self._kept_in

    def _rows(self, filters: Filters, limit: int, before: str | None) -> list[StoredDecision]:
        forms: Sequence[str | None] = [None] if filters.entity_id is None else self._forms(filters.entity_id)
        wanted = [DecisionFilter(filters.since, filters.until, form, filters.outcome) for form in forms]
        rows = [row for each in wanted for row in self._store.page(each, limit=limit, before=before)]
        return sorted(rows, key=lambda row: row.decision_id, reverse=True)[:limit]

    def _forms(self, entity_id: str) -> Sequence[str | None]:
        """How an entity of that id may be kept; or what is given is a pseudonym itself."""
        forms = self._recorder.entities(entity_id)
        return [*forms, entity_id] if _PSEUDONYM.fullmatch(entity_id) else forms

    def _found(self, row: StoredDecision) -> Found:
        return Found(row, self._recorder.is_intact(row))


def entity_id_of(entity: str | None) -> int | str | None:
    """An entity's id from how it is kept; its pseudonym where one stands for it.

    >>> entity_id_of("345435"), entity_id_of('"C-1"'), entity_id_of("0123456789abcdef0123456789abcdef")
    (345435, 'C-1', '0123456789abcdef0123456789abcdef')
    """
    if entity is None or _PSEUDONYM.fullmatch(entity):  # a number has twenty characters at most, a text has quotes
        return entity
    identifier: int | str = from_json(entity)
    return identifier


def _cursor(decision_id: str, filters: Filters) -> str:
    return urlsafe_b64encode(uuid_bytes(decision_id) + _digest(filters)).decode()


def _place(cursor: str, filters: Filters) -> str:
    try:
        packed = b64decode(cursor, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidCursor from None
    if len(packed) != _UUID_BYTES + _DIGEST_BYTES or packed[_UUID_BYTES:] != _digest(filters):
        raise InvalidCursor
    return uuid_text(packed[:_UUID_BYTES])


def _digest(filters: Filters) -> bytes:
    return hashlib.blake2b(to_json(filters), digest_size=_DIGEST_BYTES).digest()
