"""What an erasure leaves of rows about an entity."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from pydantic_core import from_json, to_json

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.event import ERASED_EVENT, StoredEvent
from fraud_detection_api.decision.stored import ERASED, StoredDecision
from fraud_detection_api.services.deciding.recording import Recorder

Residue: TypeAlias = Callable[[str], str | None]
"""What stays of a record, as JSON, for the history features of other entities; None if nothing does."""


def no_residue(_record: str) -> None:
    """Nothing stays."""


def residue_of(contract: Contract) -> Residue:
    """What the contract's history features read of a record beside its id: their time, and their other columns."""
    if not contract.history:
        return no_residue
    kept = {*contract.read_by_history, *([] if contract.time is None else [contract.time.name])}
    kept -= {None if contract.identifier is None else contract.identifier.name}

    def residue(record: str) -> str:
        return to_json({name: sent for name, sent in from_json(record).items() if name in kept}).decode()

    return residue


@dataclass(frozen=True, slots=True)
class Erasing:
    """Makes rows without their entity, sealed again.

    A row that was changed before must not get a valid seal, and nothing is made of what somebody wrote into its record.
    """

    recorder: Recorder
    residue: Residue

    def decision(self, row: StoredDecision) -> StoredDecision:
        """The decision as it is erased."""
        bare = row._replace(**ERASED)
        if not self.recorder.is_intact(row):
            return bare
        return self.recorder.sealed(bare._replace(residue=self._residue(row.record)))

    def event(self, event: StoredEvent) -> StoredEvent:
        """The event as it is erased."""
        bare = event._replace(**ERASED_EVENT)
        if not self.recorder.is_intact_event(event):
            return bare
        return self.recorder.sealed_event(bare._replace(residue=self._residue(event.record)))

    def _residue(self, record: str | None) -> str | None:
        return None if record is None else self.residue(record)
