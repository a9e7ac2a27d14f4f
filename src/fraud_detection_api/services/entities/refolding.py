"""Folds the history features of stored decisions again, and compares them with those that the decisions have sealed.

A decision saw the arrivals before a position in the store's log, and arrived later itself. So the log is read ahead of the
arrivals that are folded: far enough that a decision is known before its position is reached. What is late nevertheless is
folded in a second pass.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from pydantic_core import from_json

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.identifiers import uuid_bytes, uuid_text
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.features.events import Event
from fraud_detection_api.services.auditing.log_store import LogStore
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.entities.folds import Check, Fold, Member, compared
from fraud_detection_api.services.history.arrivals import Arrival, ArrivalStore
from fraud_detection_api.services.history.ranges import OnProgress, Summary
from fraud_detection_api.services.history.replay import UNREADABLE, UNREADABLE_RECORD, Difference, ReplayResult, Status
from fraud_detection_api.services.models.stored_models import Absent, StoredModels
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore

AHEAD, AT_ONCE = 12_000, 2_000
"""Arrivals that are read before they are folded, and those that are read together."""

UNLOGGED = "the store's log does not have the decision"


class Sources(NamedTuple):
    """What history features are folded from, and what knows the decisions and their models."""

    decisions: DecisionStore
    log: LogStore
    arrivals: ArrivalStore
    models: StoredModels
    recorder: Recorder


def refold(
    sources: Sources, within: DecisionFilter, ids: Collection[str], on_progress: OnProgress, *, ahead: int = AHEAD
) -> Summary:
    """Refold the decisions with these ids, or without any, those of a range that exist now.

    Raises UnknownDecision, StoreUnavailable, RegistryUnavailable.
    """
    end = sources.arrivals.position()
    known = Contracts(sources, within, ids)
    summary, wanted = Summary(), {uuid_bytes(each) for each in ids} if ids else None

    def found(results: Sequence[ReplayResult], share: float) -> None:
        summary.add(Summary.of(results))
        on_progress(share, summary.decisions)

    first = Pass(sources, known, within, wanted, ahead)
    first.run(end, found)
    summary.add(
        Summary.of([ReplayResult(uuid_text(each), "not_refoldable", problem=UNLOGGED) for each in first.unseen])
    )
    if first.late:
        Pass(sources, known, within, first.late, first.largest_lag).run(end, found)
    return summary


class Contracts:
    """The contracts of the decisions that are refolded, by their model."""

    def __init__(self, sources: Sources, within: DecisionFilter, ids: Collection[str]) -> None:
        if ids:
            rows = [sources.decisions.find(each) for each in ids]
            made_by = {(row.model_version, row.model_digest) for row in rows}
        else:
            with sources.log.snapshot() as log:
                made_by = {(each.version, each.digest) for each in log.served(since=within.since or 0)}
        self._found: dict[tuple[str, str], Contract | Absent] = {}
        for version, digest in made_by:
            model = sources.models.find(version, digest)
            self._found[version, digest] = model if isinstance(model, Absent) else model.contract

    def of(self, row: StoredDecision) -> Contract | Absent:
        return self._found[row.model_version, row.model_digest]

    @cached_property
    def with_history(self) -> dict[str, Contract]:
        """Those that declare history features, by their fingerprint."""
        contracts = [each for each in self._found.values() if isinstance(each, Contract)]
        return {each.fingerprint: each for each in contracts if each.history}


class _Read(NamedTuple):
    """An arrival that is not folded yet, with its event in each fold."""

    arrival: Arrival
    events: Sequence[Event | None]


class Pass:
    """One way through the log.

    Afterwards, `late` are the decisions that it knew too late, and `largest_lag` says how much; `unseen` are those wanted
    that the log has not.
    """

    def __init__(
        self, sources: Sources, known: Contracts, within: DecisionFilter, wanted: Collection[bytes] | None, ahead: int
    ) -> None:
        self._sources, self._known, self._within, self._wanted, self._ahead = sources, known, within, wanted, ahead
        self._folds = [Fold(each, sources.arrivals) for each in known.with_history.values()]
        self._numbers = {fingerprint: number for number, fingerprint in enumerate(known.with_history)}
        self._read: deque[_Read] = deque()
        self._asked: dict[int, dict[tuple[Any, ...], list[Member]]] = defaultdict(lambda: defaultdict(list))
        self._next = 0  # the first arrival that is not folded
        self.unseen = set(wanted or ())
        self.late: set[bytes] = set()
        self.largest_lag = 0

    def run(self, end: int, found: Callable[[Sequence[ReplayResult], float], None]) -> None:
        """Go through the arrivals before `end`; `found` gets results, and the share that is done."""
        position = 0
        while position < end and (self._wanted is None or self.unseen):
            arrivals = self._sources.arrivals.following(position, limit=min(AT_ONCE, end - position))
            if not arrivals:
                break
            position = arrivals[-1].position + 1
            results = list(self._take_in(arrivals))
            self._fold_until(position - self._ahead)
            found(results + self._results(), position / end)
        self._fold_until(position)
        self._ask(position)
        found(self._results(), 1.0)

    def _take_in(self, arrivals: Sequence[Arrival]) -> Iterator[ReplayResult]:
        """Read arrivals. Gives the results of decisions that need not be folded."""
        decisions = [each for each in arrivals if each.kind == "decision" and self._is_wanted(each)]
        self.unseen.difference_update(each.subject for each in decisions)
        rows = {
            uuid_bytes(row.decision_id): row
            for row in self._sources.decisions.find_each([uuid_text(each.subject) for each in decisions])
        }
        for arrival in arrivals:
            events = [fold.events.event(arrival) for fold in self._folds]
            self._read.append(_Read(arrival, events))
            if arrival.kind == "decision" and arrival.recorded_at is not None:
                checked = self._checked(arrival, rows[arrival.subject], events) if arrival.subject in rows else None
                if isinstance(checked, ReplayResult):
                    yield checked
                    checked = None
                self._enlist(arrival, events, checked)

    def _is_wanted(self, arrival: Arrival) -> bool:
        if self._wanted is not None:
            return arrival.subject in self._wanted
        at, (since, until, *_) = arrival.recorded_at, self._within
        return at is not None and (since is None or at >= since) and (until is None or at < until)

    def _checked(self, arrival: Arrival, row: StoredDecision, events: Sequence[Event | None]) -> Check | ReplayResult:
        """What is to be compared; a result where nothing need be folded."""
        is_intact, contract = self._sources.recorder.is_intact(row), self._known.of(row)
        if row.record is None or isinstance(contract, Absent) or not contract.history:
            status, problem = _nothing_to_compare(row, contract)
            return ReplayResult(row.decision_id, status if is_intact else "tampered", problem=problem)
        number, sealed = self._numbers[contract.fingerprint], _sealed(row.record, contract)
        check = Check(row.decision_id, is_intact, number, sealed or ())
        wrong = None
        if sealed is None or events[number] is None:
            wrong = Difference("record", row.record, UNREADABLE)
        elif row.history is not None and row.history > arrival.position:  # no decision sees what arrives after it
            wrong = Difference("history", row.history, arrival.position)
        if wrong is not None:
            return ReplayResult(row.decision_id, "differs" if is_intact else "tampered", [wrong])
        if row.history is None:  # it was unavailable
            return compared(check, list(contract.history), [None] * len(contract.history), ())
        return check

    def _enlist(self, arrival: Arrival, events: Sequence[Event | None], check: Check | None) -> None:
        """Note a decision as one of a request at the position that it saw."""
        if arrival.history is None:
            return
        if arrival.history >= self._next:
            request = arrival.request_id, arrival.recorded_at
            self._asked[arrival.history][request].append(Member(arrival, events, check))
        elif check is not None:
            self.late.add(arrival.subject)
            self.largest_lag = max(self.largest_lag, arrival.position - arrival.history)

    def _fold_until(self, position: int) -> None:
        """Fold the arrivals before a position, and ask on the way there."""
        while self._read and self._read[0].arrival.position < position:
            arrival, events = self._read.popleft()
            self._ask(arrival.position)
            self._next = arrival.position + 1
            for fold, event in zip(self._folds, events, strict=True):
                fold.take(arrival, event)

    def _ask(self, position: int) -> None:
        """Ask about the decisions that saw what was folded so far."""
        for members in self._asked.pop(position, {}).values():
            number = next((each.check.fold for each in members if each.check is not None), None)
            if number is not None:
                self._folds[number].ask(members, number)

    def _results(self) -> list[ReplayResult]:
        return [result for fold in self._folds for result in fold.results()]


def _nothing_to_compare(row: StoredDecision, contract: Contract | Absent) -> tuple[Status, str | None]:
    if row.record is None:
        return "erased", None
    return (contract.status, contract.reason) if isinstance(contract, Absent) else ("no_history", None)


def _sealed(record: str, contract: Contract) -> list[float | None] | None:
    """The values of history features that a record has; None where it cannot be read."""
    try:
        values = from_json(record)
        return [None if values.get(name) is None else float(values[name]) for name in contract.history]
    except UNREADABLE_RECORD:
        return None
