"""Replay: recomputes stored decisions, and proves them equal bit for bit or shows how they differ."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from pydantic_core import from_json

from fraud_detection_api.contract.columns import columns_from_records
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.times import parse_time
from fraud_detection_api.decision.decided import Unseen, warnings_text
from fraud_detection_api.decision.row_format import FIRST_SEAL
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.errors import NoStore
from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.models.stored_models import Absent, StoredModels
from fraud_detection_api.services.storage.decision_store import DecisionStore

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


def _compared(bundle: Bundle, rows: Sequence[StoredDecision]) -> list[list[Difference]]:
    records = stored_records(bundle.contract, rows)
    assessment = bundle.engine.assess(columns_from_records(bundle.contract, records))
    outcomes = _OUTCOMES[assessment.outcomes]
    recomputed: dict[str, Any] = {
        "margin": assessment.margins.astype(np.float64),
        "fraud_probability": assessment.probabilities,
        "risk_score": assessment.risk_scores,
        "outcome": outcomes,
    }
    found: list[list[Difference]] = [_of_bundle(bundle, row) for row in rows]
    for name, values in recomputed.items():
        stored = np.array([getattr(row, name) for row in rows], dtype=object)
        if name != "outcome":
            stored = stored.astype(np.float64)  # None, in a row that was changed, becomes NaN, which equals nothing
        # by value: equal finite doubles have equal bits, except for zeros, whose sign SQLite does not store
        for index in np.flatnonzero(stored != values).tolist():
            found[index].append(Difference(name, getattr(rows[index], name), values[[index]].tolist()[0]))
    for index, row in enumerate(rows):
        if row.seal[:1] != FIRST_SEAL:
            found[index] += _of_warnings(row.warnings, assessment.unseen.get(index, ()))
    explained = [index for index, row in enumerate(rows) if row.reasons is not None]
    if explained:
        matrix, adverse = assessment.matrix[explained], outcomes[explained] != "approve"
        contributions = bundle.engine.contributions(matrix)
        texts = bundle.reasoner.texts(contributions, [records[index] for index in explained], matrix, adverse)
        for index, text in zip(explained, texts, strict=True):
            found[index] += _of_reasons(rows[index].reasons, text)
    return found


def stored_records(contract: Contract, rows: Sequence[StoredDecision]) -> list[dict[str, Any]]:
    """The records of rows, as they were validated; times are parsed, as JSON has them as text.

    Raises ValueError or AttributeError if a record does not follow the contract.
    """
    records: list[dict[str, Any]] = from_json("[" + ",".join([row.record or "" for row in rows]) + "]")
    if len(records) != len(rows):
        raise ValueError("a row does not hold one record")
    for name in contract.times:
        for record in records:
            if (text := record.get(name)) is not None and (moment := parse_time(text)) is not None:
                record[name] = moment
    return records


def _of_bundle(bundle: Bundle, row: StoredDecision) -> list[Difference]:
    """Differences in contract and policy: the row names them, and the model has one of each."""
    contract, policy = bundle.contract, bundle.policy.version
    found = [] if row.policy_version == policy else [Difference("policy_version", row.policy_version, policy)]
    if row.contract not in contract.record_fingerprints:
        found.insert(0, Difference("contract", row.contract, contract.record_fingerprint))
    return found


def _of_reasons(stored: str | None, recomputed: str) -> list[Difference]:
    """The difference of two texts of reasons, unless they hold the same JSON value."""
    if stored == recomputed:
        return []
    try:
        read = from_json(stored or "")
    except ValueError:
        read = stored
    return [] if read == from_json(recomputed) else [Difference("reasons", read, from_json(recomputed))]


def _of_warnings(stored: str | None, recomputed: Sequence[Unseen]) -> list[Difference]:
    text = warnings_text(recomputed) if recomputed else None
    return [] if stored == text else [Difference("warnings", stored, text)]


Status: TypeAlias = Literal[
    "equal",
    "differs",
    "tampered",
    "model_missing",
    "model_changed",
    "fallback",
    "erased",
    "no_history",
    "not_refoldable",
]
"""`tampered`: the seal is broken. `fallback`: no model decided. `erased`: the record was removed on purpose.

Only where history features are refolded: `no_history`: the contract has none. `not_refoldable`: events are gone.
"""

SOUND: tuple[Status, ...] = ("equal", "fallback", "erased", "no_history", "not_refoldable")
"""Statuses without a problem: equal, or nothing to compare."""


class ReplayResult(NamedTuple):
    """The result of replaying a decision; `differences` is empty if nothing could be compared, and `problem` says why."""

    decision_id: str
    status: Status
    differences: Sequence[Difference] = ()
    problem: str | None = None


class Replayer:
    """Replays decisions. A run over many decisions looks for each model once: call `run()` for each run."""

    def __init__(self, models: StoredModels, recorder: Recorder) -> None:
        self._models, self._recorder = models, recorder

    def run(self, known: Bundle | None = None) -> "ReplayRun":
        """Start a run. The registry is not asked for a model that is `known`."""

        def find(version: str, digest: str) -> Bundle | Absent:
            return known if known is not None and known.digest == digest else self._models.find(version, digest)

        return ReplayRun(find, self._recorder)


class ReplayRun:
    """Replays rows, assuming that models do not change meanwhile."""

    def __init__(self, find: Callable[[str, str], Bundle | Absent], recorder: Recorder) -> None:
        self._model, self._recorder = cache(find), recorder

    def replay(self, rows: Sequence[StoredDecision]) -> list[ReplayResult]:
        """A result for each row, in order. Raises RegistryUnavailable."""
        results: dict[int, ReplayResult] = {}
        made_by: dict[tuple[str, str], list[int]] = defaultdict(list)
        for index, row in enumerate(rows):
            if row.record is None or row.source == "fallback":
                status: Status = "erased" if row.record is None else "fallback"
                results[index] = ReplayResult(row.decision_id, status if self._recorder.is_intact(row) else "tampered")
            else:
                made_by[row.model_version, row.model_digest].append(index)
        for (version, digest), indices in made_by.items():
            own = [rows[index] for index in indices]
            results |= zip(indices, self._by_model(self._model(version, digest), own), strict=True)
        return [results[index] for index in range(len(rows))]

    def _by_model(self, model: Bundle | Absent, rows: Sequence[StoredDecision]) -> list[ReplayResult]:
        intact = [self._recorder.is_intact(row) for row in rows]
        if isinstance(model, Absent):
            return [
                ReplayResult(row.decision_id, model.status if whole else "tampered", problem=model.reason)
                for row, whole in zip(rows, intact, strict=True)
            ]
        return [
            ReplayResult(row.decision_id, "tampered" if not whole else "differs" if found else "equal", found)
            for row, whole, found in zip(rows, intact, differences(model, rows), strict=True)
        ]


class ReplayService:
    """Replays one decision at a time."""

    def __init__(self, store: DecisionStore | None, replayer: Replayer) -> None:
        self._store, self._replayer = store, replayer

    def replay(self, decision_id: str) -> ReplayResult:
        """Raises NoStore, UnknownDecision, StoreUnavailable, RegistryUnavailable."""
        if self._store is None:
            raise NoStore
        return self.replay_row(self._store.find(decision_id))

    def replay_row(self, row: StoredDecision, known: Bundle | None = None) -> ReplayResult:
        """The same of a row that was found. The registry is not asked for a model that is `known`.

        Raises RegistryUnavailable.
        """
        return self._replayer.run(known).replay([row])[0]


def reasons_of(bundle: Bundle, row: StoredDecision) -> str | None:
    """The reasons of a decision by this model, as JSON, if they were stored or not; None where the record tells none."""
    try:
        records = stored_records(bundle.contract, [row])
        matrix = bundle.engine.assess(columns_from_records(bundle.contract, records)).matrix
        adverse = np.array([row.outcome != "approve"])
        return bundle.reasoner.texts(bundle.engine.contributions(matrix), records, matrix, adverse)[0]
    except UNREADABLE_RECORD:
        return None
