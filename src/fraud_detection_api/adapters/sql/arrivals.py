"""ArrivalStore in SQL."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from fraud_detection_api.adapters.sql.database import Database, Row, Session, parts
from fraud_detection_api.adapters.sql.labels import ABOUT, SUBJECT
from fraud_detection_api.adapters.sql.log import SqlLogSnapshot
from fraud_detection_api.decision.log import SUBJECT_BYTES, Kind, Run, Waiting, runs_of
from fraud_detection_api.decision.row_format import SEAL_BYTES
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.services.history.arrivals import NOTHING_KNOWN, Arrival, JustStored

_BEGUN = "SELECT 1 FROM history_state"
# a transaction that entered leaves without waiting its turn ends first; the others ask again before they enter theirs
_QUIET = {"sqlite": "SELECT 1", "postgresql": "LOCK TABLE log_queue IN SHARE ROW EXCLUSIVE MODE"}
_BEGIN = "INSERT INTO history_state (name, begun_at) VALUES ('history', ?) ON CONFLICT (name) DO NOTHING"

# as Waiting.as_leaves has it: what has no whole leaves is one
_POSITION = f"""
SELECT size + coalesce((
  SELECT sum(CASE WHEN length(subjects) > 0 AND length(subjects) / {SUBJECT_BYTES} * {SUBJECT_BYTES} = length(subjects)
      AND length(subjects) / {SUBJECT_BYTES} * {SEAL_BYTES} = length(seals)
    THEN length(subjects) / {SUBJECT_BYTES} ELSE 1 END) FROM log_queue), 0)
FROM log_state"""  # noqa: S608 numbers

# one statement, and so one snapshot
_TAIL = """
SELECT size, entry, kind, subjects, seals FROM log_state LEFT JOIN log_queue ON entry > ? ORDER BY entry LIMIT ?"""

_RUNS = """
SELECT position, kind, subjects, seals FROM log
WHERE position >= (SELECT coalesce(max(position), 0) FROM log WHERE position <= ?) AND position < ? ORDER BY position"""

# in the order of Arrival, from its subject on
_SELECTS: Mapping[Kind, str] = {
    "decision": """
SELECT decision_id, decided_at, entity, coalesce(record, residue), request_id, place, history, NULL
FROM decisions WHERE decision_id""",
    "event": """
SELECT event_id, recorded_at, entity, coalesce(record, residue), NULL, NULL, NULL, is_fraud
FROM events WHERE event_id""",
}

_OF_ROWS: Mapping[Kind, Sequence[Kind]] = {"decision": ["decision"], "event": ["event"], "label": ["decision", "event"]}
"""Of leaves that are about rows: what the rows may be."""

_RANGE = "{select} BETWEEN ? AND ? ORDER BY 1 LIMIT ?"
_SUBJECTS_A_RANGE = 1_000

_LABELS = f"""
SELECT {SUBJECT}, seal, effective_at, is_fraud FROM labels WHERE {ABOUT} ORDER BY label_id"""  # noqa: S608 columns

_FIRST = -(2**63)
"""Less than any number of an entry."""


class _Label(NamedTuple):
    """What tells the labels of a decision or event apart, and which is in force."""

    seal: bytes
    effective_at: int
    is_fraud: int


class _Place(NamedTuple):
    """Where a call ended: the leaves of the queue's entries up to `entry`, and no others, are before `position`."""

    position: int
    entry: int


class SqlArrivalStore:
    """Reads the log of `database`. One thread may use it at a time."""

    def __init__(self, database: Database, *, wall_clock: Callable[[], float] = time.time) -> None:
        self._database, self._wall_clock = database, wall_clock
        self._ended: _Place | None = None

    def has_begun(self) -> bool:
        with self._database.reading() as session:
            return bool(session.rows(_BEGUN))

    def begin(self) -> None:
        if self.has_begun():
            return
        with self._database.writing() as session:
            session.change(_QUIET[self._database.dialect])
            session.change(_BEGIN, (int(self._wall_clock() * 1000),))

    def position(self) -> int:
        with self._database.asking() as session:
            return int(session.rows(_POSITION)[0][0])

    def following(
        self, position: int, *, limit: int, known: Mapping[bytes, JustStored] = NOTHING_KNOWN
    ) -> list[Arrival]:
        ended, self._ended = self._ended, None  # after an error nothing is known
        runs = None if ended is None or ended.position != position else self._tail(ended, limit)
        if runs is None:
            runs = self._from(position, limit)
        if not runs:
            return []
        return _arrivals(self._database, runs, known)

    def _tail(self, ended: _Place, limit: int) -> list[Run] | None:
        """The leaves of entries after the last one; None if leaves after the position are in the log already.

        While that last entry is in the queue, the numbers of later ones are higher. Once the log has reached the position,
        the queue holds later leaves alone, and may number them from 1 again.
        """
        position, entry = ended
        with self._database.asking() as session:
            rows = session.rows(_TAIL, (entry, limit))
        if rows and rows[0][0] == position and entry != _FIRST:
            entry = _FIRST
            with self._database.asking() as session:
                rows = session.rows(_TAIL, (entry, limit))
        if not rows or rows[0][0] > position:
            return None
        return self._waiting(rows, _Place(position, entry), position, limit)

    def _from(self, position: int, limit: int) -> list[Run]:
        """The leaves from a position on, in the log and then in the queue."""
        end = position + limit
        with self._database.reading() as session:
            size = SqlLogSnapshot(session, self._database.dialect).state().tree.size
            runs = [Run(*row).part(position, end) for row in session.rows(_RUNS, (position, end))]
            if size >= end:
                return runs
            first = max(position, size)
            rows = session.rows(_TAIL, (_FIRST, end - size))
        return [run for run in runs if run.subjects] + self._waiting(rows, _Place(size, _FIRST), first, end - first)

    def _waiting(self, rows: Sequence[Row], begin: _Place, first: int, limit: int) -> list[Run]:
        """At most `limit` leaves of the entries, from position `first` on; remembers the place if an entry ends there."""
        position, entry = begin
        end = first + limit
        taken: list[Waiting] = []
        for each in (Waiting(*row[1:]).as_leaves() for row in rows if row[1] is not None):
            taken.append(each)
            position, entry = position + len(each.subjects) // SUBJECT_BYTES, each.entry
            if position >= end:
                break
        if position < first:
            raise StoreUnavailable("the store's log is shorter than it was: was a backup restored?")
        if position <= end:
            self._ended = _Place(position, entry)
        return [run.part(first, end) for run in runs_of(taken, begin.position) if run.end > first]


def _arrivals(database: Database, runs: Sequence[Run], known: Mapping[bytes, JustStored]) -> list[Arrival]:
    """Leaves with what they are about.

    This needs no snapshot: of what leaves are about, nothing changes but that it is erased or removed.
    """
    subjects = [run.each_subject() for run in runs]
    rows: dict[bytes, Row] = {subject: (*each, None, None, None, None) for subject, each in known.items()}
    wanted: dict[Kind, set[bytes]] = defaultdict(set)
    for run, some in zip(runs, subjects, strict=True):
        if run.kind in _OF_ROWS:
            wanted[run.kind].update(subject for subject in some if subject not in known)
    if any(wanted.values()):
        with database.asking() as session:
            for leaves, kind in ((leaves, kind) for leaves, kinds in _OF_ROWS.items() for kind in kinds):
                rows |= _rows(session, _SELECTS[kind], sorted(wanted[leaves] - rows.keys()))
    said = _said(database, [leaf for run in runs if run.kind == "label" for leaf in _leaves(run)])
    found: list[Arrival] = []
    for (position, kind, *_), some in zip(runs, subjects, strict=True):
        made = [
            Arrival._make((at, kind, *rows[subject]))
            if kind in _OF_ROWS and subject in rows
            else Arrival(at, kind, subject)
            for at, subject in enumerate(some, position)
        ]
        found += [each._replace(is_fraud=said.get(each.position)) for each in made] if kind == "label" else made
    return found


def _rows(session: Session, select: str, subjects: Sequence[bytes]) -> dict[bytes, Row]:
    """The rows of subjects, which are sorted. Most are neighbours: a range takes less than half the time of their ids."""
    found: dict[bytes, Row] = {}
    for first in range(0, len(subjects), _SUBJECTS_A_RANGE):
        some = subjects[first : first + _SUBJECTS_A_RANGE]
        if len(some) > 1:
            ends = some[0], some[-1], 2 * len(some)
            found.update((row[0], row) for row in session.rows(_RANGE.format(select=select), ends))
    others = [subject for subject in subjects if subject not in found]
    for marks, some in parts(others):
        found.update((row[0], row) for row in session.rows(f"{select} IN ({marks})", some))
    return found


class _Leaf(NamedTuple):
    """A leaf about a label."""

    position: int
    subject: bytes
    seal: bytes


def _leaves(run: Run) -> Iterator[_Leaf]:
    return (_Leaf(at, *pair) for at, pair in enumerate(run.pairs(), run.position))


def _said(database: Database, leaves: Sequence[_Leaf]) -> dict[int, int]:
    """What the label in force said once the label of each leaf was recorded, by position; of what was purged nothing."""
    if not leaves:
        return {}
    labels: dict[bytes, list[_Label]] = defaultdict(list)
    with database.asking() as session:
        for marks, some in parts(sorted({leaf.subject for leaf in leaves})):
            for subject, *fields in session.rows(_LABELS.format(marks=marks), [*some, *some]):
                labels[subject].append(_Label(*fields))
    said, unclear = {}, []
    for leaf in leaves:
        own = labels.get(leaf.subject, ())
        same = [number for number, label in enumerate(own) if len(own) == 1 or label.seal == leaf.seal]
        if len(same) == 1:
            said[leaf.position] = _in_force(own[: same[0] + 1])
        elif own:
            unclear.append(leaf)
    if unclear:
        with database.reading() as session:
            for leaf, number in _numbered(SqlLogSnapshot(session, database.dialect), unclear):
                said[leaf.position] = _in_force(labels[leaf.subject][: number + 1])
    return said


def _in_force(labels: Sequence[_Label]) -> int:
    """What the label says that became known last; of several, the one recorded last."""
    return max(reversed(labels), key=lambda label: label.effective_at).is_fraud


def _numbered(snapshot: SqlLogSnapshot, unclear: Sequence[_Leaf]) -> Iterator[tuple[_Leaf, int]]:
    """Each leaf with the number of its label among those of its subject, from 0.

    The seals of labels changed when an erasure removed their notes, and those of earlier releases have none. The leaves of a
    subject's labels are in the order of the labels. This reads the log from its beginning, for few leaves.
    """
    wanted = {leaf.position for leaf in unclear}
    counts = Counter({leaf.subject: 0 for leaf in unclear})
    runs = chain(snapshot.runs(), runs_of(snapshot.waiting(), snapshot.state().tree.size))
    for leaf in chain.from_iterable(_leaves(run) for run in runs if run.kind == "label"):
        if leaf.position in wanted:
            yield leaf, counts[leaf.subject]
        if leaf.position >= max(wanted):
            return
        if leaf.subject in counts:
            counts[leaf.subject] += 1
