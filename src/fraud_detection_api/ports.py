"""What the services need from outside, as protocols. The adapters behind them are chosen in the container alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

from fraud_detection_api.decision.kept import IdempotencyKey, KeptDecision, KeptRequest, SealedRequest, StoredAnswer
from fraud_detection_api.decision.label import Fate, Finding, Label
from fraud_detection_api.decision.policy import Outcome
from fraud_detection_api.model.rollout import ANYWHERE, UNEXPLAINED, Alias, AliasChange, Cause
from fraud_detection_api.trace_context import Span


class ModelRegistry(Protocol):
    """Immutable, numbered model bundles, and aliases that point at one of them each.

    Every change of an alias is written down for good, with its cause, before the alias moves.
    """

    def register(self, files: Mapping[str, bytes]) -> str:
        """Keep a bundle's files, all or nothing, and return its new version."""
        ...

    def require_writable(self) -> None:
        """Raise RegistryUnavailable where nothing could be registered; so that hours of training are not lost to that."""
        ...

    def fetch(self, version: str) -> Mapping[str, bytes]:
        """Files of a version. Raises UnknownModel."""
        ...

    def stamp(self, version: str) -> str:
        """Tells a version that is there from that of the same number in a registry that took this one's place."""
        ...

    def versions(self) -> list[str]:
        """All versions, oldest first."""
        ...

    def assigned(self, alias: Alias) -> str | None:
        """Version that the alias points at, None where it was never assigned."""
        ...

    def assign(
        self, alias: Alias, version: str, cause: Cause = UNEXPLAINED, *, expected: str | None = ANYWHERE
    ) -> None:
        """Point the alias at a version. Raises UnknownModel; AliasMoved where it points elsewhere than `expected` by now."""
        ...

    def withdraw(self, alias: Alias, cause: Cause = UNEXPLAINED) -> None:
        """Point the alias at no version, and forget those of before; nothing happens where it points at none."""
        ...

    def previous(self, alias: Alias) -> str:
        """Version that the alias pointed at before. Raises NoChampion where there is none."""
        ...

    def restore_previous(self, alias: Alias, cause: Cause = UNEXPLAINED, *, expected: str = ANYWHERE) -> str:
        """Point the alias back at the version before, returned. Raises NoChampion; AliasMoved where it is not `expected`."""
        ...

    def audit(self) -> list[AliasChange]:
        """Every change of the aliases, oldest first."""
        ...


class ExperimentTracker(Protocol):
    """Remembers trainings: what went in, what came out, and the files that were made."""

    def track(
        self,
        *,
        digest: str,
        parameters: Mapping[str, str | int | float | bool],
        metrics: Mapping[str, float],
        curves: Mapping[str, Sequence[float]],
        files: Mapping[str, bytes],
        tags: Mapping[str, str],
    ) -> str:
        """Remember the training whose bundle has that digest, and return where a person can look at it.

        `curves` are values at the steps 0, 1, …; `files` in the folder `bundle/` are those that the digest stands for.
        Raises RegistryUnavailable.
        """
        ...


class Wanted(NamedTuple):
    """Which decisions are looked for: all conditions that are not None hold. Times are milliseconds since 1970."""

    since: int | None = None
    until: int | None = None
    entity: str | None = None
    outcome: Outcome | None = None


class DecisionStore(Protocol):
    """Keeps every decision. Each method may be called from any thread and raises StoreUnavailable where it cannot work."""

    def migrate(self) -> None:
        """Bring the store's tables up to this version of the software; refuse a store of a newer one."""
        ...

    def check(self) -> None:
        """Write something, durably: the only proof that a decision could be kept."""
        ...

    def keep(self, requests: Sequence[KeptRequest]) -> list[StoredAnswer | None]:
        """Keep all requests' decisions in one transaction, durably, before returning.

        For a request whose idempotency key is taken nothing is kept, and the answer stored under the key is returned in its
        place. Decisions that are kept already (by their id) are left as they are, so that a doubtful write can be repeated.
        """
        ...

    def recall(self, key: IdempotencyKey) -> StoredAnswer | None:
        """What was answered under that caller's key, whatever the body's digest."""
        ...

    def find(self, decision_id: str) -> KeptDecision:
        """Raises UnknownDecision."""
        ...

    def page(self, wanted: Wanted, *, limit: int, before: str | None = None) -> list[KeptDecision]:
        """The newest that are wanted, newest first; of those before a decision's id, where one is given."""
        ...

    def following(self, wanted: Wanted, *, limit: int, after: str | None = None) -> list[KeptDecision]:
        """The oldest that are wanted, oldest first; of those after a decision's id, where one is given."""
        ...

    def ids(self, wanted: Wanted, *, limit: int, after: str | None = None) -> list[str]:
        """Ids of the decisions that `following` gives. Where an outcome is wanted, no row is read for them."""
        ...

    def close(self) -> None:
        """Let go of connections. Nothing that was kept depends on it."""
        ...


Result: TypeAlias = StoredAnswer | Exception | None
"""What became of a request: kept (None), answered before under its idempotency key, or failed."""


class Keeper(Protocol):
    """Has decisions kept before they are answered. For one event loop's thread only."""

    @property
    def fault(self) -> str | None:
        """Why nothing can be kept now; None where it can."""
        ...

    @property
    def waiting(self) -> int:
        """Records that were submitted and of which nothing is known yet."""
        ...

    async def start(self) -> None:
        """Get ready. What is not ready afterwards becomes so by itself, or is a fault."""
        ...

    async def close(self) -> None:
        """Finish what was submitted."""
        ...

    def require_room(self) -> None:
        """Raise StoreUnavailable where nothing can be kept now, StoreBusy where too much waits."""
        ...

    def submit(self, requests: Sequence[SealedRequest], done: Callable[[Sequence[Result]], None]) -> None:
        """Have all of them kept; `done` is then called with a result for each, in the event loop."""
        ...


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

    def erase(self, erased: Sequence[KeptDecision]) -> None:
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


class JournalBacklog(NamedTuple):
    """Files of decisions that are not in the store yet. `damaged` ones were drained but for lines that cannot be read."""

    files: int
    size_bytes: int
    damaged: int


class LabelStore(Protocol):
    """Keeps what turned out to be true of decisions, beside them; the store of the decisions makes it ready.

    Labels are added, never changed. Each method may be called from any thread and raises StoreUnavailable where it cannot
    work.
    """

    def record(self, findings: Sequence[Finding]) -> list[Fate]:
        """Record all that are about decisions with a record, in one transaction; what became of each, in order.

        One that repeats an earlier one, of these or of those before, changes nothing.
        """
        ...

    def history(self, decision_id: str) -> list[Label]:
        """All labels of a decision, as recorded; those of an erased one too. Raises UnknownDecision."""
        ...

    def in_force(self, decision_ids: Sequence[str]) -> Mapping[str, Label]:
        """The label in force of each of these decisions that has one."""
        ...


class CountedSlot(NamedTuple):
    """What the decisions of one model were like during a stretch of time.

    `start` is in milliseconds since 1970, `seconds` is 300 or 3600, `counts` a JSON value, that of `monitoring.counts`.
    """

    start: int
    seconds: int
    model_digest: str
    counts: Mapping[str, Any]


class ShadowDecision(NamedTuple):
    """What a challenger would have said of a record that the champion decided on.

    `margin` in log-odds, `duration_us` microseconds that the record took, `observed_at` milliseconds since 1970.
    """

    decision_id: str
    model_version: str
    model_digest: str
    policy_version: str
    margin: float
    fraud_probability: float
    outcome: Outcome
    duration_us: float
    observed_at: int


class ObservationStore(Protocol):
    """Keeps what the observer made of decisions, beside them; the store of the decisions makes it ready.

    Each method may be called from any thread and raises StoreUnavailable where it cannot work.
    """

    def cursor(self) -> str | None:
        """Id of the last decision that was observed, None before the first."""
        ...

    def record(self, cursor: str, slots: Sequence[CountedSlot], shadows: Sequence[ShadowDecision]) -> None:
        """Keep all that was made of the decisions up to `cursor`, in one transaction.

        Slots replace those of the same start, seconds and model; a decision's shadow by the same challenger stays as it was.
        The cursor never goes back: raises StoreUnavailable, and keeps nothing, where somebody else has observed further.
        """
        ...

    def slots(self, *, since: int, seconds: int) -> list[CountedSlot]:
        """Those of that length that start then or later, oldest first."""
        ...

    def compared(
        self, challenger_digest: str, wanted: Wanted, *, limit: int, after: str | None = None
    ) -> list[tuple[KeptDecision, ShadowDecision]]:
        """The oldest wanted decisions that the challenger shadowed, oldest first; of those after an id, if one is given."""
        ...

    def remove_before(self, moment: int) -> None:
        """Remove slots that started before that moment, in milliseconds since 1970. Shadows go with their decisions."""
        ...


class ExclusiveLock(Protocol):
    """One holder of a name among all processes and machines that use a store; free again once the holder has died.

    Raises StoreUnavailable where it cannot work.
    """

    def held(self, name: str) -> AbstractContextManager[bool]:
        """Within the block True where the name was free, else False; never waits. Names are of lower-case letters."""
        ...

    def require(self, name: str) -> None:
        """Raise StoreUnavailable where this object no longer holds the name: the store's server dropped the connection."""
        ...


class DecisionJournal(Protocol):
    """Where decisions wait while the store is away. One writer; what it has written is read by whoever drains it."""

    def check(self) -> None:
        """Raise StoreUnavailable where nothing could be written down."""
        ...

    def append(self, requests: Sequence[KeptRequest]) -> None:
        """Write them down, durably, before returning. Raises StoreUnavailable."""
        ...

    def waiting(self) -> Iterator[Sequence[KeptRequest]]:
        """What was written down, in pieces; a piece is forgotten once the next one is asked for.

        Includes what processes that were killed left behind. A piece may come twice, never not at all.
        """
        ...

    def put_aside(self, requests: Sequence[KeptRequest]) -> None:
        """Write down, durably, what no store takes, for a person to look at. Raises StoreUnavailable."""
        ...

    def backlog(self) -> JournalBacklog:
        """What waits, of all processes. Raises StoreUnavailable."""
        ...

    def close(self) -> None:
        """Let go of files. What they hold stays."""
        ...


class SpanExporter(Protocol):
    """Takes spans to where traces are looked at. For one thread only, but for `close`."""

    def export(self, spans: Sequence[Span]) -> None:
        """Deliver them; may take seconds. Raises TracesNotDelivered; they are lost then."""
        ...

    def close(self) -> None:
        """Let go of connections, and of a delivery that is being tried again."""
        ...
