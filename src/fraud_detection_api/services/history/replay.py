"""Replay: recomputes stored decisions, and proves them equal bit for bit or shows how they differ."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.errors import NoStore
from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.history.recomputation import Difference, differences
from fraud_detection_api.services.models.stored_models import Absent, StoredModels
from fraud_detection_api.services.storage.decision_store import DecisionStore

Status: TypeAlias = Literal["equal", "differs", "tampered", "model_missing", "model_changed", "fallback", "erased"]
"""`tampered`: the seal is broken. `fallback`: no model decided. `erased`: the record was removed on purpose."""

SOUND: tuple[Status, ...] = ("equal", "fallback", "erased")
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

    def run(self) -> "ReplayRun":
        """Start a run."""
        return ReplayRun(self._models, self._recorder)


class ReplayRun:
    """Replays rows, assuming that models do not change meanwhile."""

    def __init__(self, models: StoredModels, recorder: Recorder) -> None:
        self._models, self._recorder = models, recorder
        self._found: dict[tuple[str, str], Bundle | Absent] = {}

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

    def _model(self, version: str, digest: str) -> Bundle | Absent:
        if (version, digest) not in self._found:
            self._found[version, digest] = self._models.find(version, digest)
        return self._found[version, digest]

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
        return self._replayer.run().replay([self._store.find(decision_id)])[0]
