"""What one entity did, for people: its newest decisions and events, and the history features that follow from all."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Literal, NamedTuple

import numpy as np
from pydantic_core import from_json, to_json

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.levels import as_id
from fraud_detection_api.contract.times import epoch_milliseconds, parse_time
from fraud_detection_api.decision.identifiers import uuid_bytes, uuid_text
from fraud_detection_api.errors import FraudError, NoHistory, NoStore
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
    log: Callable[[], ArrivalStore]
    """What reads the log, for one caller."""


class Most(NamedTuple):
    """How much is read: decisions, and events, of an id, and of the log its newest leaves. None is all."""

    rows: int | None = None
    leaves: int | None = None


ALL = Most()


class Read(NamedTuple):
    """What arrived of an entity, oldest first, and whether that is all."""

    arrivals: Sequence[Arrival]
    is_complete: bool


class NoEntity(FraudError):
    """Columns, or values of them, name no entity. `are_columns` says which of the two."""

    def __init__(self, detail: str, *, are_columns: bool) -> None:
        super().__init__(detail)
        self.detail, self.are_columns = detail, are_columns


def values_of(contract: Contract, written: str, columns: Sequence[str]) -> dict[str, int | str]:
    """The values of columns that features go by, as they are stored. Raises NoEntity."""
    own = () if contract.identifier is None else (contract.identifier.name,)
    keys = dict.fromkeys([own, *(each.by for each in contract.history.values())])
    if {*columns} not in map(set, keys):
        listed = ", ".join(",".join(each) for each in keys if each)
        raise NoEntity(f"must be columns that history features go by: {listed}", are_columns=True)
    texts = [written] if len(columns) == 1 else written.split(",")
    if len(texts) != len(columns):
        raise NoEntity(f"must have a value of each of {','.join(columns)}, with commas between them", are_columns=False)
    return {name: _value(contract, name, text) for name, text in zip(columns, texts, strict=True)}


def _value(contract: Contract, name: str, text: str) -> int | str:
    identifier, feature = contract.identifier, contract.features.get(name)
    if identifier is not None and name == identifier.name:
        return identifier.as_declared(text)
    if feature is not None and feature.dtype == "category":
        return feature.level_of(text.strip())
    if feature is None and contract.keys[name].dtype == "str":
        return as_id(text)
    try:
        return int(text)
    except ValueError:
        raise NoEntity(f"must be a whole number, as {name} is", are_columns=False) from None


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

    def of(  # noqa: PLR0913 what of the profile is shown
        self,
        contract: Contract,
        entity: str,
        columns: Sequence[str] = (),
        *,
        at: int | None,
        limit: int,
        most: Most = ALL,
        on_progress: Callable[[float], None] = lambda _share: None,
    ) -> Profile:
        """The profile of the entity that people write so: by its id, or by its values of columns that features go by.

        Values of several columns have commas between them. Without the id among the columns, the log is read, up to `most`.
        Raises NoStore, NoHistory, NoEntity, StoreUnavailable.
        """
        stores, identifier = self._stores(contract), contract.identifier
        own = None if identifier is None else identifier.name
        if not columns and identifier is None:
            return self._profile(contract, {}, None, Read([], is_complete=True), at, limit)
        values = values_of(contract, entity, columns or (str(own),))
        if own not in values:
            read = _in_log(stores, values, most.leaves, on_progress)
            return self._profile(contract, values, None, read, at, limit)
        read = self._of_id(stores, values[own], most.rows)
        if not read.arrivals and not columns and isinstance(values[own], str) and values[own] != entity:
            values = {own: entity}  # earlier releases did not compose texts
            read = self._of_id(stores, entity, most.rows)
        others = {name: value for name, value in values.items() if name != own}
        read = read._replace(arrivals=[each for each in read.arrivals if _has(each, others)])
        return self._profile(contract, values, self._recorder.entity(values[own]), read, at, limit)

    def _of_id(self, stores: ProfileStores, entity_id: int | str, most: int | None) -> "Read":
        """What arrived of the entity with this id, at most about `most` decisions, and `most` events; oldest first."""
        entity = self._recorder.entity(entity_id)
        assert entity is not None
        arrivals = list(_of_entity(stores, entity, most))
        is_complete = most is None or len(arrivals) < most
        return Read(sorted(arrivals, key=lambda each: each.subject), is_complete=is_complete)

    def _stores(self, contract: Contract) -> ProfileStores:
        if self._configured is None:
            raise NoStore
        if not contract.history:
            raise NoHistory(contract.name)
        return self._configured

    def _profile(
        self,
        contract: Contract,
        key: Mapping[str, int | str],
        entity: str | None,
        read: "Read",
        at: int | None,
        limit: int,
    ) -> Profile:
        at = int(self._wall_clock() * 1000) if at is None else at
        assert contract.time is not None, "a contract with history has a time"
        column = contract.time.name
        timed = [each for each in ((_milliseconds(one, column), one) for one in read.arrivals) if each[0] <= at]
        happened = [each for each in reversed(timed) if each[1].kind != "label"]
        newest = sorted(happened, key=lambda each: -each[0])[:limit]  # of equal times, the last arrival first
        # a record at that time would not be late beside what happened up to then
        features = self._features(contract, key, entity, [one for _, one in timed], at) if read.is_complete else None
        return Profile(at, list(self._happened(newest)), features)

    def _features(
        self, contract: Contract, key: Mapping[str, int | str], entity: str | None, arrivals: Sequence[Arrival], at: int
    ) -> dict[str, float | None]:
        assert contract.time is not None
        folded = self._fold(_without_current(contract), GivenArrivals(arrivals))
        record = to_json({contract.time.name: utc_text(at), **key}).decode()
        (values,) = folded.answers([[AskedRecord(entity, record)]]).values.tolist()
        own = zip(contract.history.items(), values, strict=True)
        return {name: None if np.isnan(value) else value for (name, each), value in own if {*each.by} == {*key}}

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


def _in_log(
    stores: ProfileStores,
    values: Mapping[str, int | str],
    most: int | None,
    on_progress: Callable[[float], None],
) -> Read:
    """What arrived with these values of columns, among the newest `most` leaves of the log."""
    log = stores.log()
    arrivals, end = list[Arrival](), log.position()
    position = first = 0 if most is None else max(0, end - most)
    while some := log.following(position, limit=LEAVES_A_PAGE):
        position = some[-1].position + 1
        arrivals += [each for each in some if each.record is not None and _has(each, values)]
        on_progress(min(1.0, (position - first) / max(1, end - first)))
    return Read(arrivals, is_complete=first == 0)


def _has(arrival: Arrival, values: Mapping[str, int | str]) -> bool:
    """Whether its record has these values. Earlier releases did not compose texts."""
    if not values:
        return True
    record = from_json(arrival.record or "{}")
    sent = {name: record.get(name) for name in values}
    return all((as_id(each) if isinstance(each, str) else each) == values[name] for name, each in sent.items())


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
