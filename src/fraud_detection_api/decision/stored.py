"""A decision as it is stored: flat, with the record that it is about, and sealed."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from fraud_detection_api.decision.decided import Source
from fraud_detection_api.decision.row_format import RowFormat, Stored, columns_of
from fraud_detection_api.policy.outcomes import Outcome

_SHARED = Stored(table="deciders")
"""Thousands of decisions have it in common, so it is stored once."""

_PERSONAL = Stored(is_erasable=True)
"""It says something about the entity."""


class StoredDecision(NamedTuple):
    """A row of the store. SQL, seals, JSON and the wire follow from this declaration and its order.

    A new column is a line before `seal`, marked `Stored(sealed_since=…)` with the next version of the seal, and a migration.
    A field that is marked with a pydantic `Field` is shown on the wire as it is.

    Numbers are the very doubles that were answered. `entity` is the record's id as JSON, or its pseudonym; `record` is the
    validated record as JSON, null once it is erased; `reasons` and `warnings` are JSON. `margin`, in log-odds, probability
    and score are null for a fallback. `history` is the position in the store's log up to which the decision's history
    features saw what happened; null where the contract has none or the history was unavailable. `residue` is what an erasure
    leaves of the record, as JSON. Seals of version 1 are of rows before there were warnings, and those of version 2 of rows
    before there were history features.
    """

    decision_id: str
    decided_at: int
    request_id: Annotated[str, Field(examples=["0b7e5bffaa8c534aa4b1dbbdf475f903"])]
    record_index: Annotated[
        int, Stored(name="place"), Field(ge=0, description="The record's index in its request, from 0.", examples=[0])
    ]
    idempotency_key: Annotated[str | None, Field(examples=["payment-4711"])]
    entity: Annotated[str | None, _PERSONAL]
    record: Annotated[str | None, _PERSONAL]
    contract: Annotated[
        str, _SHARED, Field(description="Fingerprint of the contract at that time.", examples=["sha256:…"])
    ]
    model_version: Annotated[str, _SHARED]
    model_digest: Annotated[str, _SHARED]
    policy_version: Annotated[str, _SHARED]
    source: Source
    outcome: Outcome
    margin: Annotated[
        float | None,
        Field(description="The model's log-odds before calibration; null for a fallback.", examples=[4.63]),
    ]
    fraud_probability: float | None
    risk_score: int | None
    reasons: Annotated[str | None, _PERSONAL]
    latency_ms: Annotated[
        float, Field(description="Milliseconds from the request's arrival to the decision.", examples=[1.204])
    ]
    warnings: Annotated[str | None, Stored(sealed_since=2)]
    history: Annotated[int | None, Stored(sealed_since=3)]
    residue: Annotated[str | None, Stored(sealed_since=3)]
    seal: bytes


ERASED: dict[str, Any] = {column.field: None for column in columns_of(StoredDecision) if column.is_erasable}
"""What an erasure makes of a decision, beside its residue."""

WRITTEN_BY_ERASURE: frozenset[str] = frozenset({*ERASED, "residue", "seal"})
"""The fields that an erasure changes."""

ROWS = RowFormat(StoredDecision)
"""JSON and seals of decisions."""


class IdempotencyKey(NamedTuple):
    """A caller's name for a request. `caller` separates the keys of callers, `body_digest` the requests under one key."""

    caller: str
    key: str
    body_digest: bytes


class StoredAnswer(NamedTuple):
    """The answer to a request that had an idempotency key."""

    body_digest: bytes
    answer: bytes


class StoredRequest(NamedTuple):
    """All that is stored of one request, or nothing of it. `answer` belongs to the key, where there is one.

    `losses` are what it would be expected to cost to approve records that go to review, by the decision's id; those that are
    not known are absent.
    """

    decisions: Sequence[StoredDecision]
    idempotency: IdempotencyKey | None = None
    answer: bytes = b""
    losses: Mapping[str, float] | None = None
