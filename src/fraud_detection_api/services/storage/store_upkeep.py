"""Upkeep of a store, as the services use it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.policy.outcomes import Outcome


class StoreSummary(NamedTuple):
    """What a store holds. Times are milliseconds since 1970; `free_bytes` of the size are for rows to come."""

    revision: str
    by_outcome: Mapping[Outcome, int]
    first: int | None
    last: int | None
    labels: int
    idempotency_keys: int
    size_bytes: int
    free_bytes: int


class StoreUpkeep(Protocol):
    """Looks after a store, beside the servers that use it. Raises StoreUnavailable where it cannot work.

    What removes rows does so in one transaction for each call, so `limit` is for how long writers are held up.
    """

    def revision(self) -> str | None:
        """Of the store's tables, None where there are none; looking makes none."""
        ...

    def require_ready(self) -> None:
        """Raise StoreUnavailable unless the store's tables are those that this version of the software works with."""
        ...

    def summary(self) -> StoreSummary:
        """Counts, times and sizes."""
        ...

    def count_older(self, before: int) -> int:
        """How many decisions were made before that time."""
        ...

    def remove_older(self, before: int, *, limit: int) -> int:
        """Remove the oldest decisions that were made before that time, and their labels; returns how many decisions."""
        ...

    def remove_keys(self, before: int, *, limit: int) -> int:
        """Remove idempotency keys that were kept before that time, and their answers; returns how many."""
        ...

    def erase(self, erased: Sequence[StoredDecision]) -> None:
        """Put these rows, which say nothing of an entity any more, in the place of those with their ids.

        What was answered under their idempotency keys, and what labels' notes say of them, is removed.
        """
        ...

    def scrub(self) -> None:
        """Take what was removed out of the files, as far as that goes without holding writers up for long."""
        ...

    def traces(self, text: str) -> int:
        """In how many places of the files a text still stands; 0 where files cannot be looked into."""
        ...

    def compact(self) -> None:
        """Write the files anew, without free space. Writers wait all the while."""
        ...

    def faults(self) -> list[str]:
        """What is wrong with the files, a line each."""
        ...

    def backup(self, target: Path) -> None:
        """Write a sound copy of one moment, while others write to the store; all or nothing. Raises BackupFailed."""
        ...

    def restore(self, source: Path, *, replace: bool) -> None:
        """Put a copy of the backup in the store's place, all or nothing.

        Raises BackupFailed; also where there is a store and it is not to be replaced, or where a process has it open.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
