"""Entities that share a key with a decision, such as a terminal: as a list, and as a small graph."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from fraud_detection_api.console.decisions.values import clock, value_text
from fraud_detection_api.console.words import say
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.policy.outcomes import OUTCOMES, Outcome
from fraud_detection_api.services.history.lookup import entity_id_of
from fraud_detection_api.services.history.surroundings import MOST_AROUND, Labelled, Linked

MOST_NODES, MOST_KEYS = 20, 4
"""Nodes of the graph, and keys that are looked for: each is a look at thousands of decisions."""

WIDTH, ROW = 640, 26
_LEFT, _MIDDLE, _RIGHT = 8, 236, 464
_NODE = 168
"""A node's width; it begins at one of three places."""
_LONGEST = 20


class LinkRow(NamedTuple):
    """An entity that shares a key: its newest decision, how many of its decisions were found, and how many are frauds."""

    entity: str
    key: str
    decision_id: str
    time: str
    outcome: Outcome
    decisions: int
    frauds: int
    is_own: bool


class Node(NamedTuple):
    """A node of the graph. `decision_id` is where it leads; empty for a key."""

    x: int
    y: int
    text: str
    words: str
    kind: Literal["own", "key", "entity"]
    decision_id: str
    outcome: Outcome | None
    frauds: int


class Edge(NamedTuple):
    """A line between two nodes."""

    x1: int
    y1: int
    x2: int
    y2: int


class Graph(NamedTuple):
    """Nodes in three columns, this entity, its keys and the others, and edges between them. WIDTH wide."""

    nodes: list[Node]
    edges: list[Edge]
    height: int


class Links(NamedTuple):
    """The entities that share keys, the most frauds first; `keys` are those that were looked for, in words."""

    keys: list[str]
    rows: list[LinkRow]
    graph: Graph | None
    most_looked_at: str = f"{MOST_AROUND:,}"


def keys_of(record: Mapping[str, Any], contract: Contract | None) -> list[dict[str, Any]]:
    """The record's values of columns that history features go by, without those of the id: others may share them.

    At most MOST_KEYS, in the contract's order.
    """
    if contract is None:
        return []
    own = None if contract.identifier is None else contract.identifier.name
    wanted = dict.fromkeys(each.by for each in contract.history.values() if own not in each.by)
    found = [{name: record.get(name) for name in by} for by in wanted]
    return [values for values in found if None not in values.values()][:MOST_KEYS]


def links_of(own: Labelled, found: Sequence[Linked], contract: Contract | None) -> Links:
    """What was found of each key."""
    keys = [_key_words(each.values, contract) for each in found]
    rows = [row for key, each in zip(keys, found, strict=True) for row in _rows(own, key, each)]
    rows.sort(key=lambda row: (row.is_own, -row.frauds, -OUTCOMES.index(row.outcome), -row.decisions))
    others = [row for row in rows if not row.is_own]
    return Links(keys, rows, _graph(own, keys, others) if others else None)


def _key_words(values: Mapping[str, Any], contract: Contract | None) -> str:
    return ", ".join(f"{name} {value_text(contract, name, value)}" for name, value in values.items())


def _rows(own: Labelled, key: str, linked: Linked) -> list[LinkRow]:
    """A row for each entity; decisions without an entity are entities of their own."""
    by_entity: dict[str, list[Labelled]] = {}
    for each in linked.decisions:
        by_entity.setdefault(each.row.entity or each.row.decision_id, []).append(each)
    return [
        LinkRow(
            entity=entity_text(decisions[0].row.entity),
            key=key,
            decision_id=decisions[0].row.decision_id,
            time=clock(decisions[0].row.decided_at),
            outcome=decisions[0].row.outcome,
            decisions=len(decisions),
            frauds=sum(each.label is not None and each.label.is_fraud for each in decisions),
            is_own=own.row.entity is not None and decisions[0].row.entity == own.row.entity,
        )
        for decisions in by_entity.values()
    ]


def entity_text(entity: str | None) -> str:
    """An entity's id as people write it; its pseudonym if the store holds one."""
    return say("decision.no_entity") if entity is None else str(entity_id_of(entity))


def _graph(own: Labelled, keys: Sequence[str], rows: Sequence[LinkRow]) -> Graph:
    """At most MOST_NODES nodes; an entity that shares several keys is one node with several edges."""
    used = [key for key in keys if any(row.key == key for row in rows)][: MOST_NODES // 2]
    entities = list(dict.fromkeys(row.entity for row in rows if row.key in used))[: MOST_NODES - 1 - len(used)]
    height = ROW * max(len(used), len(entities)) + 8
    centre = height // 2
    of_key = {key: (_spread(place, len(used), height)) for place, key in enumerate(used)}
    of_entity = {entity: _spread(place, len(entities), height) for place, entity in enumerate(entities)}
    first = {row.entity: row for row in reversed(rows)}
    own_text = entity_text(own.row.entity)
    nodes = [Node(_LEFT, centre, _short(own_text), own_text, "own", own.row.decision_id, own.row.outcome, 0)]
    nodes += [Node(_MIDDLE, y, _short(key), key, "key", "", None, 0) for key, y in of_key.items()]
    nodes += [_entity_node(first[entity], y) for entity, y in of_entity.items()]
    edges = [Edge(_LEFT + _NODE, centre, _MIDDLE, y) for y in of_key.values()]
    edges += [
        Edge(_MIDDLE + _NODE, of_key[row.key], _RIGHT, of_entity[row.entity])
        for row in rows
        if row.key in of_key and row.entity in of_entity
    ]
    return Graph(nodes, list(dict.fromkeys(edges)), height)


def _entity_node(row: LinkRow, y: int) -> Node:
    words = say("links.node", entity=row.entity, decisions=row.decisions, frauds=row.frauds)
    return Node(_RIGHT, y, _short(row.entity), words, "entity", row.decision_id, row.outcome, row.frauds)


def _spread(place: int, of: int, height: int) -> int:
    return round(height * (place + 0.5) / of)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
