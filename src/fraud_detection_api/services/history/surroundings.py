"""What surrounds a decision: others on its entity, those that share a key with it, and similar ones with their labels."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import to_json

from fraud_detection_api.decision.event import StoredEvent
from fraud_detection_api.decision.label import Label, LabelState
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.errors import NoStore
from fraud_detection_api.services.history.events import EventStore
from fraud_detection_api.services.labels.recording import LabelStore
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore, Traits

MOST_AROUND = 6_000
"""Decisions among which those are sought that share a key: no index has other keys than the entity.

Half of them came after the decision, or as many as did.
"""

MOST_ALIKE = 500
"""Labelled decisions, and decisions of the same outcome, among which similar ones are sought."""

SCORES_AROUND = 50
"""How far the risk score of a similar decision may be."""


class Labelled(NamedTuple):
    """A decision, and the label in force, if there is any."""

    row: StoredDecision
    label: Label | None

    def at(self, time: int | None) -> "Labelled":
        """The same without a label that was recorded at that time or later; all of it without a time."""
        is_later = time is not None and self.label is not None and self.label.recorded_at >= time
        return self._replace(label=None) if is_later else self


class KnownEvent(NamedTuple):
    """An event, and what the label in force says; without one, what was known when it was recorded."""

    event: StoredEvent
    is_fraud: bool | None


class EntityLife(NamedTuple):
    """What happened around a decision to its entity: decisions before and after it, the nearest first, and earlier events.

    `has_earlier` and `has_later` say that there is more.
    """

    earlier: list[Labelled]
    later: list[Labelled]
    events: list[KnownEvent]
    has_earlier: bool
    has_later: bool

    def at(self, time: int | None) -> "EntityLife":
        """The same without labels of decisions that were recorded at that time or later."""
        earlier, later = ([each.at(time) for each in some] for some in (self.earlier, self.later))
        return self._replace(earlier=earlier, later=later)


NO_LIFE = EntityLife([], [], [], has_earlier=False, has_later=False)


class Linked(NamedTuple):
    """The newest decisions, of other entities and its own, whose records have these values."""

    values: Mapping[str, Any]
    decisions: list[Labelled]

    def at(self, time: int | None) -> "Linked":
        """The same without labels that were recorded at that time or later."""
        return self._replace(decisions=[each.at(time) for each in self.decisions])


class Surroundings:
    """Reads what surrounds stored decisions, within bounds. Raises NoStore without a store, and StoreUnavailable."""

    def __init__(self, decisions: DecisionStore | None, labels: LabelStore | None, events: EventStore | None) -> None:
        self._configured, self._labels, self._events = decisions, labels, events

    def of_entity(self, row: StoredDecision, *, earlier: int, later: int, events: int) -> EntityLife:
        """At most so many decisions and events of the decision's entity. An erased decision has no entity."""
        if row.entity is None:
            return NO_LIFE
        where = DecisionFilter(entity=row.entity)
        before = self._decisions.page(where, limit=earlier + 1, before=row.decision_id)
        after = self._decisions.following(where, limit=later + 1, after=row.decision_id)
        told = [] if self._events is None else self._events.about(row.entity, limit=events + 1, before=row.decision_id)
        labels = self._in_force([*(each.decision_id for each in (*before, *after)), *(each.event_id for each in told)])
        known = [KnownEvent(each, _known(each, labels.get(each.event_id))) for each in told[:events]]
        return EntityLife(
            [Labelled(each, labels.get(each.decision_id)) for each in before[:earlier]],
            [Labelled(each, labels.get(each.decision_id)) for each in after[:later]],
            known,
            has_earlier=len(before) > earlier or len(told) > events,
            has_later=len(after) > later,
        )

    def linked(self, row: StoredDecision, keys: Sequence[Mapping[str, Any]], *, limit: int) -> list[Linked]:
        """For each key, which is values of columns, the newest decisions around this one that have them, at most `limit`."""
        if not keys:
            return []
        following = self._decisions.ids(DecisionFilter(), limit=MOST_AROUND // 2, after=row.decision_id)
        # all that follow if they are few, for `before` excludes the last of them
        before = following[-1] if len(following) == MOST_AROUND // 2 else None
        found = []
        for values in keys:
            members = tuple(f"{_text(name)}:{_text(value)}" for name, value in values.items())
            traits, among = Traits(members=members), MOST_AROUND
            rows = self._decisions.search(DecisionFilter(), traits, limit=limit + 1, among=among, before=before).rows
            found.append((values, [each for each in rows if each.decision_id != row.decision_id][:limit]))
        labels = self._in_force(list({each.decision_id for _, rows in found for each in rows}))
        return [
            Linked(values, [Labelled(each, labels.get(each.decision_id)) for each in rows]) for values, rows in found
        ]

    def similar(self, row: StoredDecision, code: str | None) -> list[Labelled]:
        """Decisions with that reason's code and about the same risk score, the nearest score first.

        They are all such among the newest MOST_ALIKE labelled ones, and among as many of the same outcome, which may have no
        label yet.
        """
        if (score := row.risk_score) is None:
            return []
        low, high = max(0, score - SCORES_AROUND), min(1000, score + SCORES_AROUND)
        traits = Traits(reason=code, min_risk_score=low, max_risk_score=high)
        looks: list[tuple[DecisionFilter, LabelState | None]] = [
            (DecisionFilter(), "fraud"),
            (DecisionFilter(), "legitimate"),
            (DecisionFilter(outcome=row.outcome), None),
        ]
        rows = {
            each.decision_id: each
            for where, state in looks
            for each in self._decisions.search(
                where, traits._replace(label=state), limit=MOST_ALIKE, among=MOST_ALIKE
            ).rows
            if each.decision_id != row.decision_id
        }
        labels = self._in_force(list(rows))
        near = sorted(rows.values(), key=lambda each: (abs((each.risk_score or 0) - score), each.decision_id))
        return [Labelled(each, labels.get(each.decision_id)) for each in near]

    def _in_force(self, subject_ids: list[str]) -> Mapping[str, Label]:
        return self._labels.in_force(subject_ids) if self._labels is not None and subject_ids else {}

    @property
    def _decisions(self) -> DecisionStore:
        if self._configured is None:
            raise NoStore
        return self._configured


def _known(event: StoredEvent, label: Label | None) -> bool | None:
    if label is not None:
        return label.is_fraud
    return None if event.is_fraud is None else bool(event.is_fraud)


def _text(value: object) -> str:
    return to_json(value).decode()
