"""Look-up of stored decisions: one by its id, or the newest that match a filter, a page at a time."""

import binascii
import hashlib
import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from heapq import nsmallest
from typing import NamedTuple

import numpy as np
from pydantic_core import from_json, to_json

from fraud_detection_api.decision.identifiers import uuid_bytes, uuid_text
from fraud_detection_api.decision.label import Label
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.errors import InvalidCursor, NoStore
from fraud_detection_api.policy.outcomes import OUTCOMES, Outcome
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.labels.recording import LabelStore
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore, Searched, Traits

_PSEUDONYM = re.compile("[0-9a-f]{32}")
_UUID_BYTES, _DIGEST_BYTES = 16, 8


class HistoryFilter(NamedTuple):
    """A caller's condition on the decisions to list: all that is not None must hold.

    Times are milliseconds since 1970, `since` included and `until` not. `entity_id` is as people write it, without quotes
    that distinguish text from a number. So the store is asked with one DecisionFilter for each form that the id may have.
    """

    entity_id: str | None = None
    outcome: Outcome | None = None
    since: int | None = None
    until: int | None = None
    traits: Traits = Traits()


class Found(NamedTuple):
    """A stored decision; `is_intact` says whether its seal is valid, and `label` is the one in force, if there is any."""

    row: StoredDecision
    is_intact: bool
    label: Label | None


MOST_LOOKED_AT, MOST_SCATTERED = 20_000, 2_000
"""Decisions that a page with traits looks at: no index serves them, and a page must not read the whole table.

The second is for those that an index finds: scattered over the table, each costs as much as ten that lie together.
"""


class Page(NamedTuple):
    """Decisions, the newest first, and the cursor of the next page; None on the last page.

    With traits, a page may have few decisions or none although others follow.
    """

    decisions: list[Found]
    next_cursor: str | None


class History:
    """Reads stored decisions. Raises NoStore without a store, and StoreUnavailable."""

    def __init__(self, store: DecisionStore | None, recorder: Recorder, labels: LabelStore | None = None) -> None:
        self._configured, self._recorder, self._labels = store, recorder, labels

    def find(self, decision_id: str) -> Found:
        """The decision with that id. Raises UnknownDecision."""
        return self._found([self._store.find(decision_id)])[0]

    def page(self, where: HistoryFilter, *, limit: int, cursor: str | None = None) -> Page:
        """At most `limit` decisions; with the cursor of the page before, those that follow that page.

        New decisions do not move others from one page to another.

        Raises InvalidCursor if the cursor belongs to another filter, or to none.
        """
        before = None if cursor is None else _decision_id(cursor, where)
        rows, reached = self._rows(where, limit + 1, before)
        last = rows[limit - 1].decision_id if len(rows) > limit else reached
        return Page(self._found(rows[:limit]), None if last is None else _cursor(last, where))

    @property
    def _store(self) -> DecisionStore:
        if self._configured is None:
            raise NoStore
        return self._configured

    def _rows(self, where: HistoryFilter, limit: int, before: str | None) -> Searched:
        entity_id, forms = where.entity_id, list[str | None]([None])
        if entity_id is not None:  # it may also be a pseudonym itself
            forms = [*self._recorder.entities(entity_id), *([entity_id] if _PSEUDONYM.fullmatch(entity_id) else [])]
        conditions = [DecisionFilter(where.since, where.until, form, where.outcome) for form in forms]
        parts = [self._searched(each, where.traits, limit, before) for each in conditions]
        reached = max((part.reached for part in parts if part.reached is not None), default=None)
        rows = sorted((row for part in parts for row in part.rows), key=lambda row: row.decision_id, reverse=True)
        # those before what all searches have reached come with the next page
        seen = [row for row in rows if reached is None or row.decision_id >= reached]
        return Searched(seen[:limit], reached)

    def _searched(self, where: DecisionFilter, traits: Traits, limit: int, before: str | None) -> Searched:
        if traits == Traits():
            return Searched(self._store.page(where, limit=limit, before=before), None)
        are_scattered = (where.entity, where.outcome) != (None, None) or traits.label in ("fraud", "legitimate")
        among = MOST_SCATTERED if are_scattered else MOST_LOOKED_AT
        return self._store.search(where, traits, limit=limit, among=among, before=before)

    def _found(self, rows: Sequence[StoredDecision]) -> list[Found]:
        ids = [row.decision_id for row in rows]
        in_force = self._labels.in_force(ids) if self._labels is not None and ids else {}
        return [Found(row, self._recorder.is_intact(row), in_force.get(row.decision_id)) for row in rows]


def entity_id_of(entity: str | None) -> int | str | None:
    """An entity's id from its stored form; its pseudonym if the store holds one, and what another hand wrote as it is.

    >>> entity_id_of("345435"), entity_id_of('"C-1"'), entity_id_of("0123456789abcdef0123456789abcdef")
    (345435, 'C-1', '0123456789abcdef0123456789abcdef')
    """
    if entity is None or _PSEUDONYM.fullmatch(entity):  # a number has twenty characters at most, and text has quotes
        return entity
    try:
        identifier = from_json(entity)
    except ValueError:
        return entity
    return identifier if isinstance(identifier, int | str) else entity


def _cursor(decision_id: str, where: HistoryFilter) -> str:
    return urlsafe_b64encode(uuid_bytes(decision_id) + _digest(where)).decode()


def _decision_id(cursor: str, where: HistoryFilter) -> str:
    try:
        packed = b64decode(cursor, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidCursor from None
    if len(packed) != _UUID_BYTES + _DIGEST_BYTES or packed[_UUID_BYTES:] != _digest(where):
        raise InvalidCursor
    return uuid_text(packed[:_UUID_BYTES])


def _digest(where: HistoryFilter) -> bytes:
    return hashlib.blake2b(to_json(where), digest_size=_DIGEST_BYTES).digest()


IDS_A_PAGE = 100_000


def sampled(store: DecisionStore, where: DecisionFilter, size: int, *, seed: int) -> list[str]:
    """Ids of `size` decisions that match, each with the same probability, or of all if there are no more; in order.

    Draws a random number for each id and takes the lowest.
    """
    rng, highest = np.random.default_rng(seed), 1.0
    drawn: list[tuple[float, str]] = []
    for outcome in OUTCOMES:  # with an outcome, the store reads an index and no row
        of_outcome, after = where._replace(outcome=outcome), None
        while ids := store.ids(of_outcome, limit=IDS_A_PAGE, after=after):
            numbers, after = rng.random(len(ids)), ids[-1]
            drawn += [(float(numbers[index]), ids[index]) for index in np.flatnonzero(numbers <= highest)]
            if len(drawn) > 2 * size:
                drawn = nsmallest(size, drawn)
                highest = drawn[-1][0]
    return sorted(decision_id for _, decision_id in nsmallest(size, drawn))
