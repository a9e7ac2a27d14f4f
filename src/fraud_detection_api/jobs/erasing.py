"""What an erasure leaves of records, by the contract of the store."""

from functools import cache

from fraud_detection_api.container.entities import build_arrivals
from fraud_detection_api.jobs.labels import stored_contract
from fraud_detection_api.services.storage.erasing import Residue, no_residue, residue_of
from fraud_detection_api.settings import Settings


def residue_for(settings: Settings) -> Residue:
    """What history features of other entities read, by the champion's contract, where the store has a history.

    Nothing is looked up before there is a record to erase. Raises InvalidContract, CorruptBundle, RegistryUnavailable then.
    """

    @cache
    def found() -> Residue:
        has_history = build_arrivals(settings).has_begun()
        return residue_of(stored_contract(settings)) if has_history else no_residue

    def residue(record: str) -> str | None:
        return found()(record)

    return residue
