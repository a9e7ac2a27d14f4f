"""One contract's history, folded again; what it says of decisions, and what it cannot say, as events are gone."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pydantic_core import from_json

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.windows import FOREVER
from fraud_detection_api.decision.identifiers import milliseconds_of, uuid_text
from fraud_detection_api.features.events import Event, Step
from fraud_detection_api.services.entities.live import LiveHistory
from fraud_detection_api.services.history.arrivals import Arrival, ArrivalStore
from fraud_detection_api.services.history.replay import Difference, ReplayResult

NEVER, ALWAYS = -(2**63), 2**63
AHEAD_US = 86_400_000_000
"""An event's time is taken to be at most a day after it was recorded: the clocks of callers may be ahead."""

GONE = "events that it may have seen were removed or erased"


class Check(NamedTuple):
    """A decision whose features are to be folded by the fold of that number, and the values that it has `sealed`."""

    decision_id: str
    is_intact: bool
    fold: int
    sealed: Sequence[float | None]


class Member(NamedTuple):
    """A decision of a request, with its event in each fold; `check` is None where nobody asked for it."""

    arrival: Arrival
    events: Sequence[Event | None]
    check: Check | None


class Gone(NamedTuple):
    """Until when events may be missing, in microseconds since 1970: events of anybody, and events whose id was erased."""

    of_all: int = NEVER
    of_ids: int = NEVER


class _Asked(NamedTuple):
    check: Check
    time: int
    gone: Gone


class Fold:
    """The history of a contract, up to an arrival."""

    def __init__(self, contract: Contract, arrivals: ArrivalStore) -> None:
        self.events = LiveHistory(contract, arrivals)
        self._names, self._contract = list(contract.history), contract
        self._identifier = None if contract.identifier is None else contract.identifier.name
        self._columns = {*self.events.events.layout.columns} - {self._identifier}
        self._gone = Gone()
        self._steps: list[Step] = []
        self._asked: list[_Asked] = []

    def take(self, arrival: Arrival, event: Event | None) -> None:
        """Fold what has arrived next."""
        self._steps += self.events.steps(arrival, event)
        if arrival.kind in {"decision", "event"} and (arrival.record is None or arrival.entity is None):
            self._note(arrival, event)

    def ask(self, members: Sequence[Member], number: int) -> None:
        """Ask about decisions of requests with one id, each of which saw those of its request before it."""
        for request in _requests(members):
            self._ask(request, number)

    def results(self) -> Iterator[ReplayResult]:
        """The results of what was asked since the last call."""
        found = self.events.events.walk(self._steps).tolist()
        for (check, time, gone), values in zip(self._asked, found, strict=True):
            refolded = [value if value == value else None for value in values]  # noqa: PLR0124 NaN
            yield compared(check, self._names, refolded, self._unsure(time, gone))
        self._steps, self._asked = [], []

    def _ask(self, request: Sequence[Member], number: int) -> None:
        last = max((index for index, each in enumerate(request) if each.check is not None), default=-1)
        gone, added = self._gone, list[Event]()
        for index, (arrival, events, check) in enumerate(request[: last + 1]):
            if arrival.place != index:  # an earlier one is missing
                gone = Gone(ALWAYS, ALWAYS)
            event = events[number]
            if event is None:
                gone = Gone(ALWAYS, ALWAYS)
                continue
            if check is not None:
                self._steps.append(Step("ask", event))
                self._asked.append(_Asked(check, event.time, gone))
            if index < last:
                self._steps.append(Step("add", event._replace(arrived=None)))  # not for others yet
                added.append(event)
            if arrival.entity is None and self._identifier is not None:
                gone = gone._replace(of_ids=ALWAYS)
        self._steps += [Step("remove", event) for event in reversed(added)]

    def _note(self, arrival: Arrival, event: Event | None) -> None:
        """Note that what arrived is gone, or its id."""
        of_all, of_ids = self._gone
        if arrival.record is None:
            at = milliseconds_of(uuid_text(arrival.subject)) if arrival.recorded_at is None else arrival.recorded_at
            self._gone = Gone(max(of_all, at * 1000 + AHEAD_US), of_ids)
        elif event is not None and self._identifier is not None:
            time, kept = event.time, from_json(arrival.record)
            whole = self._columns <= kept.keys()
            self._gone = Gone(of_all if whole else max(of_all, time), max(of_ids, time))

    def _unsure(self, time: int, gone: Gone) -> list[str]:
        """The features of a record at that time whose windows may have had events that are gone."""
        if gone == Gone():
            return []
        return [name for name in self._names if self._begin(name, time) < self._until(name, gone)]

    def _begin(self, name: str, time: int) -> int:
        feature = self._contract.history[name]
        return NEVER if feature.window_us == FOREVER else time - feature.delay_us - feature.window_us

    def _until(self, name: str, gone: Gone) -> int:
        reads_id = self._identifier in self._contract.history[name].reads
        return max(gone) if reads_id else gone.of_all


def compared(
    check: Check, names: Sequence[str], refolded: Sequence[float | None], unsure: Sequence[str]
) -> ReplayResult:
    """The result of a decision. A difference proves nothing where events are gone that the feature may have counted."""
    if check.sealed == refolded:
        return ReplayResult(check.decision_id, "equal" if check.is_intact else "tampered")
    differing = [Difference(*each) for each in zip(names, check.sealed, refolded, strict=True) if each[1] != each[2]]
    sure = [each for each in differing if each.field not in unsure]
    if not check.is_intact:
        return ReplayResult(check.decision_id, "tampered", differing)
    if sure:
        return ReplayResult(check.decision_id, "differs", sure)
    return ReplayResult(check.decision_id, "not_refoldable", problem=GONE)


def _requests(members: Sequence[Member]) -> Iterator[list[Member]]:
    """The members of each request, by their place. Callers may give several requests one id."""
    request: list[Member] = []
    for member in sorted(members, key=lambda each: each.arrival.subject):
        if request and (member.arrival.place or 0) <= (request[-1].arrival.place or 0):
            yield request
            request = []
        request.append(member)
    yield request
