"""Decisions and their records to the rows that are kept of them."""

import hmac
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple

from pydantic_core import to_json

from fraud_detection_api.contract.columns import Record
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.levels import as_id
from fraud_detection_api.decision.decided import Decisions
from fraud_detection_api.decision.event import EVENT_ROWS, GivenEvent, StoredEvent
from fraud_detection_api.decision.label import LABEL_ROWS, Label, SealedLabel
from fraud_detection_api.decision.log import LogKey
from fraud_detection_api.decision.row_format import json_texts
from fraud_detection_api.decision.stored import ROWS, StoredDecision

_PSEUDONYM_DIGITS = 32
_WHOLE_NUMBER = re.compile("0|-?[1-9][0-9]{0,18}")


class RequestContext(NamedTuple):
    """What the decisions on the `records` of one request share. `latency_ms` runs from its arrival to the rows' making."""

    request_id: str
    idempotency_key: str | None
    latency_ms: float
    records: int


class _Column(NamedTuple):
    """A field of all rows, and its JSON; what all rows have in common comes without end."""

    fields: Iterable[Any]
    texts: Iterable[str]


@dataclass(frozen=True, slots=True, repr=False)
class Recorder:
    """Makes sealed rows. `pseudonym_key`, where there is one, keeps entities' ids out of them."""

    seal_key: bytes = b""
    pseudonym_key: bytes | None = None

    def rows(
        self, decisions: Decisions, records: Sequence[Record], contract: Contract, requests: Sequence[RequestContext]
    ) -> list[StoredDecision]:
        """The decisions on the records of one request after another, as sealed rows.

        Made together, as what is done for each column costs as much for one row as for thirty.
        """
        made_by = decisions.made_by
        columns = (  # in the order of StoredDecision, without the seal
            _each(decisions.ids),
            _always(decisions.decided_at),
            _each([request.request_id for request in requests for _ in range(request.records)]),
            _each([index for request in requests for index in range(request.records)]),
            _each([request.idempotency_key for request in requests for _ in range(request.records)]),
            _each(self._entities(decisions.entity_ids)),
            _each(self._records(records, contract)),
            _always(contract.record_fingerprint),
            _always(made_by.version),
            _always(made_by.digest),
            _always(made_by.policy_version),
            _each(["model"] * decisions.by_model + ["fallback"] * (decisions.size - decisions.by_model)),
            _each(decisions.outcomes),
            _each(decisions.margins),
            _each(decisions.probabilities),
            _each(decisions.risk_scores),
            _each(decisions.reasons),
            _each([request.latency_ms for request in requests for _ in range(request.records)]),
            _each(decisions.warnings),
            _always(None) if decisions.history is None else _each(decisions.history),
            _always(None),  # a residue
        )
        seals = ROWS.seals(zip(*(column.texts for column in columns), strict=False), self.seal_key)
        fields = zip(*(column.fields for column in columns), seals, strict=False)
        return list(map(StoredDecision._make, fields))

    def events(
        self, given: Sequence[GivenEvent], contract: Contract, *, ids: Sequence[str], recorded_at: int
    ) -> list[StoredEvent]:
        """The events, whose records are of the contract, as sealed rows under these ids."""
        identifier, records = contract.identifier, [event.record for event in given]
        entity_ids = [None if identifier is None else record[identifier.name] for record in records]
        columns = (  # in the order of StoredEvent, without the seal
            _each(ids),
            _each([event.external_id for event in given]),
            _always(recorded_at),
            _each(self._entities(entity_ids)),
            _each(self._records(records, contract)),
            _always(contract.record_fingerprint),
            _each([None if event.is_fraud is None else int(event.is_fraud) for event in given]),
            _always(None),  # a residue
        )
        seals = EVENT_ROWS.seals(zip(*(column.texts for column in columns), strict=False), self.seal_key)
        fields = zip(*(column.fields for column in columns), seals, strict=False)
        return list(map(StoredEvent._make, fields))

    def is_intact(self, row: StoredDecision) -> bool:
        """Whether nobody without the key changed the row since it was made; erased rows have lost what was sealed."""
        return ROWS.is_intact(row, self.seal_key)

    def sealed(self, row: StoredDecision) -> StoredDecision:
        """The row with the seal that its other fields get, whatever seal it had."""
        return ROWS.sealed(row, self.seal_key)

    def sealed_label(self, label: Label) -> SealedLabel:
        """The label with its seal."""
        return LABEL_ROWS.sealed(SealedLabel(*label, b""), self.seal_key)

    def is_intact_label(self, label: SealedLabel) -> bool:
        """Whether nobody without the key changed the label since it was recorded."""
        return LABEL_ROWS.is_intact(label, self.seal_key)

    def sealed_event(self, event: StoredEvent) -> StoredEvent:
        """The event with the seal that its other fields get, whatever seal it had."""
        return EVENT_ROWS.sealed(event, self.seal_key)

    def is_intact_event(self, event: StoredEvent) -> bool:
        """Whether nobody without the key changed the event since it was recorded."""
        return EVENT_ROWS.is_intact(event, self.seal_key)

    @property
    def log_key(self) -> LogKey:
        """What signs and seals the log of the store."""
        return LogKey(self.seal_key)

    def entity(self, entity_id: int | str | None) -> str | None:
        """How an entity's id is kept: as JSON, or as a pseudonym that only the key's holders can make. Source: RFC 2104."""
        if entity_id is None:
            return None
        if self.pseudonym_key is None:
            return to_json(entity_id).decode()
        return hmac.digest(self.pseudonym_key, to_json(entity_id), "sha256").hex()[:_PSEUDONYM_DIGITS]

    def entities(self, written: str) -> list[str]:
        """How an entity with this id may be stored. People write ids without the quotes that distinguish text from a number.

        With pseudonyms, under one, or as it was kept before there were any. Earlier releases did not compose texts, so it
        may also be stored as it is written here, or decomposed.
        """
        text = written.strip()
        forms: list[int | str] = [as_id(text), text, unicodedata.normalize("NFD", text)]
        forms += [int(text)] if _WHOLE_NUMBER.fullmatch(text) else []
        kept = [to_json(form).decode() for form in forms] + [self.entity(form) for form in forms]
        return [entity for entity in dict.fromkeys(kept) if entity is not None]

    def _entities(self, entity_ids: Sequence[int | str | None]) -> list[str | None]:
        if self.pseudonym_key is None and None not in entity_ids:
            return list(json_texts(entity_ids))  # as `entity` has it
        return [self.entity(each) for each in entity_ids]

    def _records(self, records: Sequence[Record], contract: Contract) -> list[str]:
        """Each record as JSON; without its id, where a pseudonym replaces it."""
        if self.pseudonym_key is not None and contract.identifier is not None:
            identifier = contract.identifier.name
            records = [{name: sent for name, sent in record.items() if name != identifier} for record in records]
        return [to_json(record).decode() for record in records]


def _each(fields: Sequence[Any]) -> _Column:
    return _Column(fields, json_texts(fields))


def _always(field: int | str | None) -> _Column:
    return _Column(repeat(field), repeat(to_json(field).decode()))
