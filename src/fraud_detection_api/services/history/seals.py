"""Checks the seals of stored decisions, as a replay that compares nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.history.replay import ReplayResult


@dataclass(frozen=True)
class SealCheck:
    """Takes the place of a Replayer and of its run: a decision is `tampered` if its seal is broken, else `equal`."""

    recorder: Recorder

    def run(self) -> "SealCheck":
        """Start a run."""
        return self

    def replay(self, rows: Sequence[StoredDecision]) -> list[ReplayResult]:
        """A result for each row, in order."""
        is_intact = self.recorder.is_intact
        return [ReplayResult(row.decision_id, "equal" if is_intact(row) else "tampered") for row in rows]
