"""Decisions made once more from what was kept: proved equal bit for bit, or shown to differ."""

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
"""`tampered`: the seal is broken. `fallback`: no model decided. `erased`: the record is gone, on purpose."""

SOUND: tuple[Status, ...] = ("equal", "fallback", "erased")
"""What is no fault: equal, or nothing to compare."""


class Verdict(NamedTuple):
    """What a replay says of a decision; `differences` are empty where nothing could be compared, and `fault` says why."""

    decision_id: str
    status: Status
    differences: Sequence[Difference] = ()
    fault: str | None = None


class Replayer:
    """Makes decisions once more. In a run over many a model is looked for once: `replayer.run()` for each run."""

    def __init__(self, models: StoredModels, recorder: Recorder) -> None:
        self._models, self._recorder = models, recorder

    def run(self) -> "ReplayRun":
        """For the rows of one run."""
        return ReplayRun(self._models, self._recorder)


class ReplayRun:
    """Replays rows; models are taken to stay as they are while it lasts."""

    def __init__(self, models: StoredModels, recorder: Recorder) -> None:
        self._models, self._recorder = models, recorder
        self._found: dict[tuple[str, str], Bundle | Absent] = {}

    def replay(self, rows: Sequence[StoredDecision]) -> list[Verdict]:
        """A verdict on each row, in order. Raises RegistryUnavailable."""
        verdicts: dict[int, Verdict] = {}
        made_by: dict[tuple[str, str], list[int]] = defaultdict(list)
        for place, row in enumerate(rows):
            if row.record is None or row.source == "fallback":
                without: Status = "erased" if row.record is None else "fallback"
                verdicts[place] = Verdict(row.decision_id, without if self._recorder.is_intact(row) else "tampered")
            else:
                made_by[row.model_version, row.model_digest].append(place)
        for (version, digest), places in made_by.items():
            own = [rows[place] for place in places]
            verdicts |= zip(places, self._by_model(self._model(version, digest), own), strict=True)
        return [verdicts[place] for place in range(len(rows))]

    def _model(self, version: str, digest: str) -> Bundle | Absent:
        if (version, digest) not in self._found:
            self._found[version, digest] = self._models.find(version, digest)
        return self._found[version, digest]

    def _by_model(self, model: Bundle | Absent, rows: Sequence[StoredDecision]) -> list[Verdict]:
        intact = [self._recorder.is_intact(row) for row in rows]
        if isinstance(model, Absent):
            return [
                Verdict(row.decision_id, model.status if whole else "tampered", fault=model.reason)
                for row, whole in zip(rows, intact, strict=True)
            ]
        return [
            Verdict(row.decision_id, "tampered" if not whole else "differs" if found else "equal", found)
            for row, whole, found in zip(rows, intact, differences(model, rows), strict=True)
        ]


class ReplayService:
    """Replays one decision at a time, for callers."""

    def __init__(self, store: DecisionStore | None, replayer: Replayer) -> None:
        self._store, self._replayer = store, replayer

    def replay(self, decision_id: str) -> Verdict:
        """Raises NoStore, UnknownDecision, StoreUnavailable, RegistryUnavailable."""
        if self._store is None:
            raise NoStore
        return self._replayer.run().replay([self._store.find(decision_id)])[0]
