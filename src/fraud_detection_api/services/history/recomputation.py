"""Recomputes decisions from their stored records, by the model that made them: many at once, bit for bit."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from fraud_detection_api.contract.columns import columns_from_records
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.times import parse_time
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.services.deciding.recording import reasons_text

UNREADABLE = "cannot be read"
"""The recomputed value of a record that does not follow the contract."""

_OUTCOMES = np.array(OUTCOMES, dtype=object)
UNREADABLE_RECORD = (ValueError, TypeError, AttributeError, LookupError, OverflowError)
"""Raised when reading a record that does not follow the contract."""


class Difference(NamedTuple):
    """A field whose recomputed value differs from the stored one; reasons are JSON values."""

    field: str
    stored: Any
    recomputed: Any


def differences(bundle: Bundle, rows: Sequence[StoredDecision]) -> list[list[Difference]]:
    """The fields that differ, for each of these decisions by the model, in order; each must have its record."""
    try:
        return _compared(bundle, rows)
    except UNREADABLE_RECORD:
        if len(rows) == 1:
            return [[Difference("record", rows[0].record, UNREADABLE)]]
        return [found for row in rows for found in differences(bundle, [row])]


class _Computed(NamedTuple):
    """What the model computes from n records; arrays of shape (n,), `matrix` float32 (n, columns)."""

    records: list[dict[str, Any]]
    matrix: NDArray[np.float32]
    margin: NDArray[np.float64]
    fraud_probability: NDArray[np.float64]
    risk_score: NDArray[np.int64]
    outcome: NDArray[np.object_]


_NUMBERS = ("margin", "fraud_probability", "risk_score", "outcome")


def _compared(bundle: Bundle, rows: Sequence[StoredDecision]) -> list[list[Difference]]:
    computed = _computed(bundle, stored_records(bundle.contract, rows))
    found: list[list[Difference]] = [_of_bundle(bundle, row) for row in rows]
    for name in _NUMBERS:
        recomputed = getattr(computed, name)
        stored = np.array([getattr(row, name) for row in rows], dtype=object)
        if name != "outcome":
            stored = stored.astype(np.float64)  # None, in a row that was changed, becomes NaN, which equals nothing
        # by value: equal finite doubles have equal bits, except for zeros, whose sign SQLite does not store
        for index in np.flatnonzero(stored != recomputed).tolist():
            found[index].append(Difference(name, getattr(rows[index], name), recomputed[[index]].tolist()[0]))
    for index, difference in _of_reasons(bundle, rows, computed):
        found[index].append(difference)
    return found


def stored_records(contract: Contract, rows: Sequence[StoredDecision]) -> list[dict[str, Any]]:
    """The records of rows, as they were validated; times are parsed, as JSON has them as text.

    Raises ValueError or AttributeError if a record does not follow the contract.
    """
    records: list[dict[str, Any]] = from_json("[" + ",".join([row.record or "" for row in rows]) + "]")
    if len(records) != len(rows):
        raise ValueError("a row does not hold one record")
    times = [name for name, feature in contract.features.items() if feature.dtype == "datetime"]
    times += [] if contract.time is None else [contract.time.name]
    for name in times:
        for record in records:
            if (text := record.get(name)) is not None and (moment := parse_time(text)) is not None:
                record[name] = moment
    return records


def _computed(bundle: Bundle, records: list[dict[str, Any]]) -> _Computed:
    columns = columns_from_records(bundle.contract, records)
    matrix, margins, probabilities, scores, codes = bundle.engine.assess(columns)
    return _Computed(records, matrix, margins.astype(np.float64), probabilities, scores, _OUTCOMES[codes])


def _of_bundle(bundle: Bundle, row: StoredDecision) -> list[Difference]:
    """Differences in contract and policy: the row names them, and the model has one of each."""
    named = (
        ("contract", row.contract, bundle.contract.record_fingerprint),
        ("policy_version", row.policy_version, bundle.policy.version),
    )
    return [Difference(name, stored, own) for name, stored, own in named if stored != own]


def _of_reasons(bundle: Bundle, rows: Sequence[StoredDecision], computed: _Computed) -> list[tuple[int, Difference]]:
    indices = [index for index, row in enumerate(rows) if row.reasons is not None]
    if not indices:
        return []
    contributions = bundle.engine.contributions(computed.matrix[indices]).tolist()
    found = []
    for index, contribution in zip(indices, contributions, strict=True):
        recomputed = _reasons(bundle, contribution, computed, index)
        stored = rows[index].reasons
        if stored != recomputed and (read := _read(stored)) != from_json(recomputed):
            found.append((index, Difference("reasons", read, from_json(recomputed))))
    return found


def _reasons(bundle: Bundle, contributions: Sequence[float], computed: _Computed, index: int) -> str:
    record: Mapping[str, Any] = computed.records[index]
    adverse = computed.outcome[index] != "approve"
    return reasons_text(bundle.reasoner.reasons(contributions, record, computed.matrix[index], adverse=adverse))


def _read(reasons: str | None) -> Any:
    try:
        return from_json(reasons or "")
    except ValueError:
        return reasons
