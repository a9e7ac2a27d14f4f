"""Kept records to decisions once more, by the model that made them: many at once, to the bits of one by itself."""

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
"""What is recomputed of a record that is none of the contract's."""

_OUTCOMES = np.array(OUTCOMES, dtype=object)
UNREADABLE_RECORD = (ValueError, TypeError, AttributeError, LookupError, OverflowError)
"""What reading a record raises that is none of the contract's."""


class Difference(NamedTuple):
    """A field of a decision that did not come out as it was kept; reasons as JSON values."""

    field: str
    kept: Any
    recomputed: Any


def differences(bundle: Bundle, rows: Sequence[StoredDecision]) -> list[list[Difference]]:
    """What comes out otherwise than it was kept, for each of the model's decisions that have a record, in order."""
    try:
        return _compared(bundle, rows)
    except UNREADABLE_RECORD:
        if len(rows) == 1:
            return [[Difference("record", rows[0].record, UNREADABLE)]]
        return [found for row in rows for found in differences(bundle, [row])]


class _Computed(NamedTuple):
    """What the model says of n records; arrays of shape (n,), `matrix` float32 (n, columns)."""

    records: list[dict[str, Any]]
    matrix: NDArray[np.float32]
    margin: NDArray[np.float64]
    fraud_probability: NDArray[np.float64]
    risk_score: NDArray[np.int64]
    outcome: NDArray[np.object_]


_NUMBERS = ("margin", "fraud_probability", "risk_score", "outcome")


def _compared(bundle: Bundle, rows: Sequence[StoredDecision]) -> list[list[Difference]]:
    computed = _computed(bundle, kept_records(bundle.contract, rows))
    found: list[list[Difference]] = [_of_bundle(bundle, row) for row in rows]
    for name in _NUMBERS:
        recomputed = getattr(computed, name)
        kept = np.array([getattr(row, name) for row in rows], dtype=object)
        if name != "outcome":
            kept = kept.astype(np.float64)  # None, of a row that was changed, is NaN and equals nothing
        # by value: finite doubles of one value are of one bit pattern, but for zeros, whose sign SQLite does not keep
        for place in np.flatnonzero(kept != recomputed).tolist():
            found[place].append(Difference(name, getattr(rows[place], name), recomputed[place : place + 1].tolist()[0]))
    for place, difference in _of_reasons(bundle, rows, computed):
        found[place].append(difference)
    return found


def kept_records(contract: Contract, rows: Sequence[StoredDecision]) -> list[dict[str, Any]]:
    """The records of rows, as they were validated: JSON has no times, so those are read from their text.

    Raises ValueError or AttributeError where a record is no record of the contract.
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
    """A row names the contract and the policy too, and the model has but one of each."""
    named = (
        ("contract", row.contract, bundle.contract.record_fingerprint),
        ("policy_version", row.policy_version, bundle.policy.version),
    )
    return [Difference(name, kept, own) for name, kept, own in named if kept != own]


def _of_reasons(bundle: Bundle, rows: Sequence[StoredDecision], computed: _Computed) -> list[tuple[int, Difference]]:
    places = [place for place, row in enumerate(rows) if row.reasons is not None]
    if not places:
        return []
    contributions = bundle.engine.contributions(computed.matrix[places]).tolist()
    found = []
    for place, contribution in zip(places, contributions, strict=True):
        recomputed = _reasons(bundle, contribution, computed, place)
        kept = rows[place].reasons
        if kept != recomputed and (read := _read(kept)) != from_json(recomputed):
            found.append((place, Difference("reasons", read, from_json(recomputed))))
    return found


def _reasons(bundle: Bundle, contributions: Sequence[float], computed: _Computed, place: int) -> str:
    record: Mapping[str, Any] = computed.records[place]
    adverse = computed.outcome[place] != "approve"
    return reasons_text(bundle.reasoner.reasons(contributions, record, computed.matrix[place], adverse=adverse))


def _read(reasons: str | None) -> Any:
    try:
        return from_json(reasons or "")
    except ValueError:
        return reasons
