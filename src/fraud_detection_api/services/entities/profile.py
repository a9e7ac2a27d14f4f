"""What one entity did, for people: its newest decisions and events, and the history features that follow from all."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Literal, NamedTuple

import numpy as np
from pydantic_core import from_json, to_json

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.times import epoch_milliseconds, parse_time
from fraud_detection_api.decision.identifiers import uuid_bytes, uuid_text
from fraud_detection_api.errors import NoHistory, NoStore
from fraud_detection_api.policy.outcomes import Outcome
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.entities.asking import AskedRecord, Entities
from fraud_detection_api.services.history.arrivals import NOTHING_KNOWN, Arrival, ArrivalStore, JustStored
from fraud_detection_api.services.history.events import EventStore
from fraud_detection_api.services.labels.recording import LabelStore
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore
from fraud_detection_api.telemetry import utc_text

DECISIONS_A_PAGE, LEAVES_A_PAGE = 1_000, 5_000


class Happened(NamedTuple):
    """A decision or an event at `at`, in milliseconds since 1970. `name` is the decision's id, or the caller's of an event.

    `is_fraud` is what the label in force says; without one, what was known when the event was recorded.
    """

    at: int
    kind: Literal["decision", "event"]
    name: str
    outcome: Outcome | None
    is_fraud: bool | None


class Profile(NamedTuple):
    """What happened up to `at`, newest first, and the values at that time of the features that go by the entity alone.

    `features` are None where there was too much to read.
    """

    at: int
    happened: list[Happened]
    features: dict[str, float | None] | None


class GivenArrivals:
    """An ArrivalStore of these arrivals, whose positions are their indexes."""

    def __init__(self, arrivals: Sequence[Arrival]) -> None:
        self._arrivals = [arrival._replace(position=index) for index, arrival in enumerate(arrivals)]

    def has_begun(self) -> bool:
        return True

    def begin(self) -> None:
        """Nothing to do."""

    def position(self) -> int:
        return len(self._arrivals)

    def following(
        self,
        position: int,
        *,
        limit: int,
        known: Mapping[bytes, JustStored] = NOTHING_KNOWN,  # noqa: ARG002
    ) -> Sequence[Arrival]:
        return self._arrivals[position : position + limit]


class ProfileStores(NamedTuple):
    """Where profiles come from."""

    decisions: DecisionStore
    labels: LabelStore
    events: EventStore


class EntityProfiles:
    """Reads profiles. `fold` makes of a contract and arrivals what answers history features. The clock is in seconds."""

    def __init__(
        self,
        stores: ProfileStores | None,
        recorder: Recorder,
        fold: Callable[[Contract, ArrivalStore], Entities],
        *,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._configured, self._recorder, self._fold, self._wall_clock = stores, recorder, fold, wall_clock

    def of_id(
        self, contract: Contract, entity_id: str, *, at: int | None, limit: int, most: int | None = None
    ) -> Profile:
        """The profile of the entity with this id, as people write it. At most `most` of its decisions and events are read.

        Raises NoStore, NoHistory, StoreUnavailable.
        """
        stores, identifier = self._stores(contract), contract.identifier
        if identifier is None:
            return self._profile(contract, {}, None, [], at, limit, is_complete=True)
        declared = identifier.as_declared(entity_id)
        entity = self._recorder.entity(declared)
        assert entity is not None
        arrivals = list(_of_entity(stores, entity, most))
        is_complete = most is None or len(arrivals) < most
        key = {identifier.name: declared}
        return self._profile(contract, key, entity, arrivals, at, limit, is_complete=is_complete)

    def of_key(  # noqa: PLR0913 what of the profile is shown
        self,
        contract: Contract,
        column: str,
        value: int | str,
        log: ArrivalStore,
        *,
        at: int | None,
        limit: int,
        on_progress: Callable[[float], None] = lambda _share: None,
    ) -> Profile:
        """The profile of the entity with this value of a column. Reads the whole log. Raises as `of_id`."""
        self._stores(contract)
        arrivals, position, end = [], 0, log.position()
        while some := log.following(position, limit=LEAVES_A_PAGE):
            position = some[-1].position + 1
            arrivals += [
                each for each in some if each.record is not None and from_json(each.record).get(column) == value
            ]
            on_progress(min(1.0, position / max(1, end)))
        return self._profile(contract, {column: value}, None, arrivals, at, limit, is_complete=True)

    def _stores(self, contract: Contract) -> ProfileStores:
        if self._configured is None:
            raise NoStore
        if not contract.history:
            raise NoHistory(contract.name)
        return self._configured

    def _profile(  # noqa: PLR0913 what of the profile is shown
        self,
        contract: Contract,
        key: dict[str, int | str],
        entity: str | None,
        arrivals: Sequence[Arrival],
        at: int | None,
        limit: int,
        *,
        is_complete: bool,
    ) -> Profile:
        at = int(self._wall_clock() * 1000) if at is None else at
        assert contract.time is not None, "a contract with history has a time"
        column = contract.time.name
        timed = [each for each in ((_milliseconds(one, column), one) for one in arrivals) if each[0] <= at]
        newest = sorted((each for each in timed if each[1].kind != "label"), key=lambda each: -each[0])[:limit]
        # a record at that time would not be late beside what happened up to then
        features = self._features(contract, key, entity, [one for _, one in timed], at) if is_complete else None
        return Profile(at, list(self._happened(newest)), features)

    def _features(
        self, contract: Contract, key: dict[str, int | str], entity: str | None, arrivals: Sequence[Arrival], at: int
    ) -> dict[str, float | None]:
        assert contract.time is not None
        folded = self._fold(_without_current(contract), GivenArrivals(arrivals))
        record = to_json({contract.time.name: utc_text(at), **key}).decode()
        (values,) = folded.answers([[AskedRecord(entity, record)]]).values.tolist()
        own = zip(contract.history.items(), values, strict=True)
        return {name: None if np.isnan(value) else value for (name, each), value in own if each.by == (*key,)}

    def _happened(self, newest: Sequence[tuple[int, Arrival]]) -> Iterator[Happened]:
        stores = self._configured
        assert stores is not None
        ids: dict[str, list[str]] = {"decision": [], "event": []}
        for _, arrival in newest:
            ids[arrival.kind].append(uuid_text(arrival.subject))
        decisions = {row.decision_id: row for row in stores.decisions.find_each(ids["decision"])}
        events = {row.event_id: row for row in stores.events.find_each(ids["event"])}
        labels = stores.labels.in_force([uuid_text(arrival.subject) for _, arrival in newest]) if newest else {}
        for at, arrival in newest:
            identifier = uuid_text(arrival.subject)
            known = events[identifier].is_fraud if identifier in events else None
            said = labels[identifier].is_fraud if identifier in labels else None if known is None else bool(known)
            if identifier in decisions:
                yield Happened(at, "decision", identifier, decisions[identifier].outcome, said)
            elif identifier in events:
                yield Happened(at, "event", events[identifier].external_id, None, said)


def _of_entity(stores: ProfileStores, entity: str, most: int | None) -> Iterator[Arrival]:
    """What arrived of an entity, in another order than in the log. At most about `most` decisions, and `most` events."""
    for page in _pages_about(stores, entity, most):
        labels = stores.labels.in_force([uuid_text(each.subject) for each in page])
        for each in page:
            yield each
            if (label := labels.get(uuid_text(each.subject))) is not None:
                yield each._replace(kind="label", is_fraud=int(label.is_fraud))


def _pages_about(stores: ProfileStores, entity: str, most: int | None) -> Iterator[list[Arrival]]:
    """The decisions and events, without labels."""
    position, where, before = count(), DecisionFilter(entity=entity), None
    read = 0
    while rows := stores.decisions.page(where, limit=DECISIONS_A_PAGE, before=before):
        yield [
            Arrival(next(position), "decision", uuid_bytes(row.decision_id), row.decided_at, row.entity, row.record)
            for row in rows
        ]
        before, read = rows[-1].decision_id, read + len(rows)
        if len(rows) < DECISIONS_A_PAGE or (most is not None and read >= most):
            break
    yield [
        Arrival(
            next(position),
            "event",
            uuid_bytes(event.event_id),
            event.recorded_at,
            event.entity,
            event.record,
            is_fraud=event.is_fraud,
        )
        for event in stores.events.about(entity, limit=sys.maxsize if most is None else most)
    ]


def _milliseconds(arrival: Arrival, column: str) -> int:
    """The time of a record; without one, as of an earlier contract, that of its decision."""
    sent = from_json(arrival.record or "{}").get(column)
    moment = parse_time(sent) if isinstance(sent, str) else None
    return (arrival.recorded_at or 0) if moment is None else epoch_milliseconds(moment)


def _without_current(contract: Contract) -> Contract:
    """The contract whose features count what happened before, and not a record that asks for them."""
    document: dict[str, dict[str, dict[str, object]]] = contract.as_json()  # type: ignore[assignment]
    for feature in document["history"].values():
        feature.pop("current", None)
    return contract.model_validate(document)
