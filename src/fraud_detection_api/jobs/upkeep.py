"""Look after the decision store and its journal."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from fraud_detection_api.container.storage import build_journal
from fraud_detection_api.container.upkeep import build_upkeep
from fraud_detection_api.jobs.listener import Listener
from fraud_detection_api.services.storage.decision_writer import JournalBacklog
from fraud_detection_api.services.storage.store_upkeep import StoreSummary
from fraud_detection_api.services.storage.upkeep import Erased, Purged, UpkeepService
from fraud_detection_api.settings import Settings


@contextmanager
def opened_upkeep(settings: Settings) -> Iterator[UpkeepService]:
    """What looks after the store, while the block runs. Raises NoStore, InvalidSetting, MissingExtra."""
    with closing(build_upkeep(settings)) as upkeep:
        yield upkeep


class StoreState(NamedTuple):
    """What the store holds, and what waits in the journal."""

    summary: StoreSummary
    journal: JournalBacklog


def inspect_store(settings: Settings) -> StoreState:
    """Raises NoStore, StoreUnavailable."""
    with opened_upkeep(settings) as upkeep:
        return StoreState(upkeep.summary(), build_journal(settings).backlog())


class Erasure(NamedTuple):
    """What was erased, and how many files of the journal may hold more about the entity."""

    erased: Erased
    journal_files: int


def erase_entity(settings: Settings, entity_id: str) -> Erasure:
    """Erase an entity from all decisions. Raises NoStore, StoreUnavailable."""
    with opened_upkeep(settings) as upkeep:
        erased = upkeep.erase(entity_id)
    backlog = build_journal(settings).backlog()
    return Erasure(erased, backlog.files + backlog.damaged)


def purge_decisions(settings: Settings, older_than_seconds: float, *, dry_run: bool, listener: Listener) -> Purged:
    """Remove older decisions and idempotency keys; with `dry_run`, only count the decisions.

    Raises NoStore, StoreUnavailable.
    """
    with opened_upkeep(settings) as upkeep:
        count = upkeep.count_older(older_than_seconds)
        if dry_run:
            return Purged(count, 0)
        with listener.step("purge", decisions=count) as progress:
            return upkeep.purge(older_than_seconds, lambda removed: progress(removed / max(count, removed)))
