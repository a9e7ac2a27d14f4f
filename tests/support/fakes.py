"""Stand-ins for what lies behind the ports; they pass the same conformance suites as the adapters."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from threading import Lock, RLock

from fraud_detection_api.decision.event import StoredEvent
from fraud_detection_api.decision.identifiers import first_uuid7, uuid_bytes
from fraud_detection_api.decision.label import (
    EntityAt,
    EventNamed,
    Finding,
    Label,
    LabelHistory,
    LabelResult,
    label_in_force,
)
from fraud_detection_api.decision.log import Kind, LogState, Run, SignedRoot, Waiting
from fraud_detection_api.decision.merkle import Tree
from fraud_detection_api.decision.stored import IdempotencyKey, StoredAnswer, StoredDecision, StoredRequest
from fraud_detection_api.errors import AliasMoved, NoChampion, StoreUnavailable, UnknownDecision, UnknownModel
from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.services.models.aliases import (
    ANYWHERE,
    UNEXPLAINED,
    Alias,
    AliasChange,
    Cause,
    change_text,
    parsed_change,
)
from fraud_detection_api.services.models.contracts import require_registry_of
from fraud_detection_api.services.observing.observation_store import CountedSlot, ShadowDecision
from fraud_detection_api.services.storage.decision_store import DecisionFilter, Searched, Traits


def _is_unstorable(row: StoredDecision) -> bool:
    """Whether a database refuses the row: a rule of the table, or an integer of more than 64 bits."""
    return row.outcome not in OUTCOMES or (row.risk_score or 0) >= 1 << 63


def _has(row: StoredDecision, label: Label | None, traits: Traits) -> bool:
    state = "unlabelled" if label is None else "fraud" if label.is_fraud else "legitimate"
    score = -1 if row.risk_score is None else row.risk_score
    return (
        traits.label in (None, state)
        and (traits.model is None or (row.source, row.model_version) == ("model", traits.model))
        and (traits.min_risk_score is None or score >= traits.min_risk_score)
        and (traits.max_risk_score is None or 0 <= score <= traits.max_risk_score)
        and (traits.reason is None or f'"code":"{traits.reason}"' in (row.reasons or ""))
        and (traits.warning is None or f'"code":"{traits.warning}"' in (row.warnings or ""))
        and all(f"{each}," in (row.record or "") or f"{each}}}" in (row.record or "") for each in traits.members)
    )


class InMemoryRegistry:
    """ModelRegistry in a dict."""

    def __init__(self) -> None:
        self._bundles: dict[str, dict[str, bytes]] = {}
        self._histories: dict[Alias, list[str]] = {}
        self._changes: list[str] = []

    def register(self, files: Mapping[str, bytes], *, contract: str | None = None) -> str:
        if contract is not None:
            require_registry_of(self, contract, where="memory")
        version = str(len(self._bundles) + 1)
        self._bundles[version] = dict(files)
        return version

    def require_writable(self) -> None:
        """A dict always is."""

    def fetch(self, version: str) -> Mapping[str, bytes]:
        if version not in self._bundles:
            raise UnknownModel(version)
        return dict(self._bundles[version])

    def stamp(self, version: str) -> str:
        self.fetch(version)
        return "the only one"

    def versions(self) -> list[str]:
        return list(self._bundles)

    def assigned(self, alias: Alias) -> str | None:
        history = self._histories.get(alias)
        return history[-1] if history else None

    def assign(
        self, alias: Alias, version: str, cause: Cause = UNEXPLAINED, *, expected: str | None = ANYWHERE
    ) -> None:
        self.fetch(version)
        if expected != ANYWHERE and expected != self.assigned(alias):
            raise AliasMoved(alias)
        history = self._histories.setdefault(alias, [])
        if history[-1:] != [version]:
            self._note(alias, version, cause)
            history.append(version)

    def withdraw(self, alias: Alias, cause: Cause = UNEXPLAINED) -> None:
        if self._histories.get(alias):
            self._note(alias, None, cause)
            self._histories[alias].clear()

    def previous(self, alias: Alias) -> str:
        history = self._histories.get(alias, [])
        if len(history) < 2:
            raise NoChampion(f"there is no earlier {alias} to go back to")
        return history[-2]

    def restore_previous(self, alias: Alias, cause: Cause = UNEXPLAINED, *, expected: str = ANYWHERE) -> str:
        previous = self.previous(alias)
        if expected not in (ANYWHERE, previous):
            raise AliasMoved(alias)
        self._note(alias, previous, cause)
        self._histories[alias].pop()
        return previous

    def audit(self) -> list[AliasChange]:
        return [change for text in self._changes if (change := parsed_change(text)) is not None]

    def _note(self, alias: Alias, after: str | None, cause: Cause) -> None:
        history = self._histories[alias]
        before = history[-1] if history else None
        self._changes.append(change_text(AliasChange(int(time.time() * 1000), alias, before, after, cause)))


class InMemoryDecisionStore:
    """DecisionStore in dicts. Opened `beside` another one, it holds the same; while it has a `error`, it is unavailable."""

    def __init__(
        self,
        *,
        idempotency_seconds: float = 86_400.0,
        wall_clock: Callable[[], float] = time.time,
        beside: "InMemoryDecisionStore | None" = None,
    ) -> None:
        self._expires_after, self._wall_clock = int(idempotency_seconds * 1000), wall_clock
        self._decisions: dict[str, StoredDecision] = {} if beside is None else beside._decisions
        self._answers: dict[tuple[str, str], tuple[int, StoredAnswer]] = {} if beside is None else beside._answers
        self._hold = RLock() if beside is None else beside._hold
        self._contracts: list[str] = [] if beside is None else beside._contracts
        self.queue: list[Waiting] = [] if beside is None else beside.queue
        self.label_of: Callable[[str], Label | None] = lambda _decision_id: None
        self.error: str | None = None

    def migrate(self) -> None:
        with self._working():
            """Dicts have no tables."""

    def check(self) -> None:
        with self._working():
            """A dict can always be written to."""

    def contract(self) -> str | None:
        with self._working():
            return self._contracts[0] if self._contracts else None

    def claim(self, contract: str) -> str:
        with self._working():
            self._contracts.append(contract)
            return self._contracts[0]

    def save_while(self, goes_on: Callable[[], bool], requests: Sequence[StoredRequest]) -> int:
        for number, request in enumerate(requests, 1):
            self.save([request])
            if not goes_on():
                return number
        return len(requests)

    def save(self, requests: Sequence[StoredRequest]) -> list[StoredAnswer | None]:
        with self._working():
            if any(map(_is_unstorable, chain.from_iterable(request.decisions for request in requests))):
                raise ValueError("the row breaks the table's rules")
            return [self._kept(request) for request in requests]

    def find_answer(self, key: IdempotencyKey) -> StoredAnswer | None:
        with self._working():
            kept_at, answer = self._answers.get((key.caller, key.key), (0, None))
            return answer if kept_at >= self._now() - self._expires_after else None

    def find(self, decision_id: str) -> StoredDecision:
        with self._working():
            if decision_id not in self._decisions:
                raise UnknownDecision
            return self._decisions[decision_id]

    def find_each(self, decision_ids: Sequence[str]) -> list[StoredDecision]:
        with self._working():
            return [self._decisions[each] for each in decision_ids if each in self._decisions]

    def page(self, where: DecisionFilter, *, limit: int, before: str | None = None) -> list[StoredDecision]:
        rows = [row for row in reversed(self._matching(where)) if before is None or row.decision_id < before]
        return rows[:limit]

    def search(
        self, where: DecisionFilter, traits: Traits, *, limit: int, among: int, before: str | None = None
    ) -> Searched:
        rows = self.page(where, limit=1_000_000, before=before)
        labels = {row.decision_id: self.label_of(row.decision_id) for row in rows}
        if traits.label in ("fraud", "legitimate") and where.entity is None and where.outcome is None:
            rows = [row for row in rows if labels[row.decision_id] is not None]
        found = [row for row in rows[:among] if _has(row, labels[row.decision_id], traits)]
        all_seen = len(found) >= limit or len(rows) < among
        return Searched(found[:limit], None if all_seen else rows[among - 1].decision_id)

    def following(self, where: DecisionFilter, *, limit: int, after: str | None = None) -> list[StoredDecision]:
        rows = [row for row in self._matching(where) if after is None or row.decision_id > after]
        return rows[:limit]

    def ids(self, where: DecisionFilter, *, limit: int, after: str | None = None) -> list[str]:
        return [row.decision_id for row in self.following(where, limit=limit, after=after)]

    def count(self, where: DecisionFilter, *, most: int) -> int:
        with self._working():
            return min(most, len(self._matching(where)))

    def close(self) -> None:
        """Nothing is open."""

    def _kept(self, request: StoredRequest) -> StoredAnswer | None:
        if key := request.idempotency:
            if answered := self.find_answer(key):
                return answered
            self._answers[key.caller, key.key] = self._now(), StoredAnswer(key.body_digest, request.answer)
        for row in request.decisions:
            if self._decisions.setdefault(row.decision_id, row) is row:
                self.queue.append(Waiting(len(self.queue), "decision", uuid_bytes(row.decision_id), row.seal))
        return None

    def _matching(self, where: DecisionFilter) -> list[StoredDecision]:
        """Oldest first."""
        with self._working():
            rows = [self._decisions[decision_id] for decision_id in sorted(self._decisions)]
        return [
            row
            for row in rows
            if (where.since is None or row.decision_id >= first_uuid7(where.since))
            and (where.until is None or row.decision_id < first_uuid7(where.until))
            and (where.entity is None or row.entity == where.entity)
            and (where.outcome is None or row.outcome == where.outcome)
        ]

    @contextmanager
    def _working(self) -> Iterator[None]:
        if self.error is not None:
            raise StoreUnavailable(self.error)
        with self._hold:
            yield

    def _now(self) -> int:
        return int(self._wall_clock() * 1000)


class InMemoryLabelStore:
    """LabelStore in a list, beside lists of decisions and events that others fill. The clock is in seconds."""

    def __init__(
        self, decisions: Sequence[StoredDecision], wall_clock: Callable[[], float], events: Sequence[StoredEvent] = ()
    ) -> None:
        self._decisions, self._events, self._wall_clock = decisions, events, wall_clock
        self._labels: list[Label] = []
        self._alone = Lock()

    def record(self, findings: Sequence[Finding]) -> list[LabelResult]:
        with self._alone:
            return [self._record(finding) for finding in findings]

    def history(self, decision_id: str) -> list[Label]:
        if self._kept(decision_id) is None:
            raise UnknownDecision
        return self._of(decision_id)

    def in_force(self, subject_ids: Sequence[str]) -> Mapping[str, Label]:
        return {one: label for one in subject_ids if (label := label_in_force(self._of(one)))}

    def _record(self, finding: Finding) -> LabelResult:
        subject = self._subject(finding.about)
        if isinstance(subject, str):
            return subject
        if subject.record is None:
            return "erased"
        subject_id = subject[0]
        if LabelHistory(self._of(subject_id)).repeats(finding):
            return "repeated"
        now = int(self._wall_clock() * 1000)
        effective_at = now if finding.effective_at is None else finding.effective_at
        said = finding.source, effective_at, finding.note, now, finding.reviewer
        self._labels.append(Label(subject_id, finding.is_fraud, *said))
        return "recorded"

    def _subject(self, about: str | EntityAt | EventNamed) -> StoredDecision | StoredEvent | LabelResult:
        if isinstance(about, EventNamed):
            named = (event for event in self._events if event.external_id == about.external_id)
            return next(named, "unknown_event")
        if not isinstance(about, EntityAt):
            return self._kept(about) or "unknown_decision"
        by_then = [
            decision
            for decision in self._decisions
            if decision.entity == about.entity and decision.decided_at <= about.at
        ]
        return max(by_then, default="nothing_by_then", key=lambda decision: decision.decision_id)

    def _kept(self, decision_id: str) -> StoredDecision | None:
        return next((decision for decision in self._decisions if decision.decision_id == decision_id), None)

    def _of(self, subject_id: str) -> list[Label]:
        return [label for label in self._labels if label.subject_id == subject_id]


class InMemoryObservationStore:
    """ObservationStore in dicts, about the decisions of a store; while that one has a `error`, it is unavailable too."""

    def __init__(self, decisions: InMemoryDecisionStore) -> None:
        self._decisions = decisions
        self._position = 0
        self._slots: dict[tuple[int, int, str], CountedSlot] = {}
        self._shadows: dict[tuple[str, str], ShadowDecision] = {}

    def position(self) -> int:
        self._decisions.check()
        return self._position

    def record(self, position: int, slots: Sequence[CountedSlot], shadows: Sequence[ShadowDecision]) -> None:
        self._decisions.check()
        if position < self._position:
            raise StoreUnavailable("another observer has observed further")
        kept = set(self._decisions.ids(DecisionFilter(), limit=1_000_000))
        if any(shadow.decision_id not in kept for shadow in shadows):
            raise StoreUnavailable("rows that others refer to are missing")
        self._position = position
        self._slots |= {(slot.start, slot.seconds, slot.model_digest): slot for slot in slots}
        for shadow in shadows:
            self._shadows.setdefault((shadow.decision_id, shadow.model_digest), shadow)

    def slots(self, *, since: int, seconds: int) -> list[CountedSlot]:
        self._decisions.check()
        return [self._slots[key] for key in sorted(self._slots) if key[0] >= since and key[1] == seconds]

    def compared(
        self, challenger_digest: str, where: DecisionFilter, *, limit: int, after: str | None = None
    ) -> list[tuple[StoredDecision, ShadowDecision]]:
        decisions = self._decisions.following(where, limit=1_000_000, after=after)
        found = [(row, self._shadows.get((row.decision_id, challenger_digest))) for row in decisions]
        return [(row, shadow) for row, shadow in found if shadow is not None][:limit]

    def remove_before(self, moment: int) -> None:
        self._decisions.check()
        self._slots = {key: slot for key, slot in self._slots.items() if slot.start >= moment}


class InMemoryLogStore:
    """LogStore in lists, of the decisions of a store; while that one has a `error`, it is unavailable too."""

    def __init__(self, decisions: InMemoryDecisionStore) -> None:
        self._decisions = decisions
        self._state = LogState("log", 0, Tree())
        self._runs: list[Run] = []
        self._moved = 0
        self.fed = True
        self.roots: list[SignedRoot] = []

    def state(self) -> LogState:
        self._decisions.check()
        return self._state

    def enter(self, kind: Kind, subjects: bytes, seals: bytes) -> None:
        self._decisions.check()
        self._decisions.queue.append(Waiting(len(self._decisions.queue), kind, subjects, seals))

    def waiting(self, *, limit: int) -> list[Waiting]:
        self._decisions.check()
        return self._decisions.queue[self._moved : self._moved + limit]

    def move(self, waiting: Sequence[Waiting], runs: Sequence[Run], before: Tree, after: Tree) -> None:
        self._decisions.check()
        if self._state.tree != before:
            raise StoreUnavailable("another process has moved the log on")
        self._state = self._state._replace(tree=after)
        self._runs += runs
        self._moved += len(waiting)

    def runs(self, *, after: int, limit: int) -> list[Run]:
        self._decisions.check()
        return [run for run in self._runs if after <= run.position < after + limit]

    def lengths(self, kind: Kind, *, after: int) -> list[tuple[int, int]]:
        self._decisions.check()
        return [
            (run.position, run.end - run.position) for run in self._runs if run.kind == kind and run.position >= after
        ]

    def is_fed(self) -> bool:
        self._decisions.check()
        return self.fed

    def registry_runs(self) -> list[Run]:
        return [Run(*each) for each in self._decisions.queue if each.kind in {"alias", "registry"}]

    def sign(self, root: SignedRoot) -> None:
        self._decisions.check()
        self.roots.append(root)

    def last_root(self) -> SignedRoot | None:
        return self.roots[-1] if self.roots else None


class InMemoryExclusiveLock:
    """ExclusiveLock among the objects that share `taken`."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken
        self._mine: set[str] = set()

    @contextmanager
    def held(self, name: str) -> Iterator[bool]:
        if name in self._taken:
            yield False
            return
        self._taken.add(name)
        self._mine.add(name)
        try:
            yield True
        finally:
            self._taken.discard(name)
            self._mine.discard(name)

    def require(self, name: str) -> None:
        if name not in self._mine or name not in self._taken:
            raise StoreUnavailable(f"the lock {name!r} is not held")


class HeldInMemory:
    """Held in a list."""

    def __init__(self) -> None:
        self.requests: list[StoredRequest] = []
        self.is_complete = False

    def add(self, request: StoredRequest) -> None:
        self.requests.append(request)

    def complete(self) -> None:
        self.is_complete = True


class InMemoryJournal:
    """DecisionJournal in lists; while it has a `error`, nothing can be written."""

    def __init__(self) -> None:
        self.written: list[StoredRequest] = []
        self.aside: list[StoredRequest] = []
        self.error: str | None = None

    def check(self) -> None:
        if self.error is not None:
            raise StoreUnavailable(self.error)

    def append(self, requests: Sequence[StoredRequest]) -> None:
        self.check()
        self.written += requests

    @contextmanager
    def holding(self) -> Iterator["HeldInMemory"]:
        self.check()
        held = HeldInMemory()
        try:
            yield held
        except BaseException:
            if held.is_complete:
                self.written += held.requests
            raise

    def waiting(self) -> Iterator[Sequence[StoredRequest]]:
        while self.written:
            piece = self.written[:2]
            yield piece
            del self.written[: len(piece)]

    def put_aside(self, requests: Sequence[StoredRequest]) -> None:
        self.aside += requests

    def close(self) -> None:
        """Nothing is open."""
