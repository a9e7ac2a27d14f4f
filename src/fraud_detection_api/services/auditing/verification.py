"""Compares a store with its log: nothing was changed, removed, added or cut off since it was committed."""

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Literal, NamedTuple

from fraud_detection_api.decision.identifiers import uuid_bytes, uuid_text
from fraud_detection_api.decision.log import UNSEALED, Kind, Run, SignedRoot, runs_of
from fraud_detection_api.decision.merkle import Tree
from fraud_detection_api.services.auditing.log_store import LabelRow, LogSnapshot, LogStore, Served
from fraud_detection_api.services.auditing.replacements import Replacement, Replacements
from fraud_detection_api.services.auditing.sequencing import alias_seal
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.models.aliases import CHAMPION, AliasChange

Fault = Literal[
    "decision_missing",
    "decision_changed",
    "decision_not_logged",
    "decision_logged_again",
    "event_missing",
    "event_changed",
    "event_not_logged",
    "event_logged_again",
    "label_missing",
    "label_changed",
    "label_not_logged",
    "alias_change_missing",
    "alias_change_altered",
    "model_not_promoted",
    "removal_forged",
    "entry_forged",
    "log_changed",
    "log_not_fed",
    "root_forged",
    "log_cut_off",
    "other_log",
    "file_damaged",
]


CLOCKS_DIFFER_MS = 300_000
"""The clocks of servers and of whoever promotes may differ by so much."""


class Break(NamedTuple):
    """Where the store and its log differ. `position` is the leaf's in the log; None where the log has none.

    `subject` is the id of a decision or event, the number of a change or of leaves, or a problem.
    """

    fault: Fault
    subject: str
    position: int | None = None


class Verified(NamedTuple):
    """What was compared: leaves of the log, decisions, labels, changes of aliases, roots, events; and every break, in order.

    `waiting` leaves have no position yet. `altered` decisions have a broken seal; the first thousand of them are breaks.
    `replaced` says when somebody with the key entered that the registry was replaced: earlier changes are not compared.
    `is_signed` is False where there is no key: then the roots prove nothing unless they are compared with a copy.
    """

    leaves: int
    waiting: int
    decisions: int
    labels: int
    aliases: int
    roots: int
    is_signed: bool
    breaks: list[Break]
    altered: int = 0
    replaced: Sequence[Replacement] = ()
    events: int = 0


class Verification:
    """Verifies the log in `log`.

    `changes` gives the registry's record of its aliases, oldest first; without it, they are not compared.
    """

    def __init__(
        self, log: LogStore, recorder: Recorder, changes: Callable[[], Sequence[AliasChange]] | None = None
    ) -> None:
        self._log, self._recorder, self._changes = log, recorder, changes

    def verify(self, *, copies: Sequence[SignedRoot] = ()) -> Verified:
        """Compare everything with the log, also `copies` of roots that were made outside.

        This compares seals, and not rows: `located` adds the decisions whose seals are broken. Servers may store more
        meanwhile. Raises StoreUnavailable.
        """
        with self._log.snapshot() as snapshot:
            state, roots, waiting = snapshot.state(), snapshot.roots(), snapshot.waiting()
            changes = None if self._changes is None else self._changes()
            walk = _Walk(snapshot, self._recorder, changes, state.found)
            compared = _Roots([*roots, *copies], state.log_id, state.found, self._recorder)
            tree = Tree()
            for run in snapshot.runs():
                tree = compared.extended(tree, run)
                walk.visit(run)
            if tree != state.tree:
                compared.breaks.append(Break("log_changed", str(tree.size), tree.size))
            if not snapshot.is_fed():
                compared.breaks.append(Break("log_not_fed", str(tree.size), tree.size))
            for run in runs_of(waiting, tree.size):
                walk.visit(run)
            breaks = joined([*walk.all_breaks(), *compared.all_breaks(tree.size)])
            if changes is not None:
                since = walk.replaced[-1].at if walk.replaced else 0
                breaks += not_promoted(snapshot.served(since=since), changes)
            decisions, labels, events = snapshot.counts()
            queued = sum(len(run.pairs()) for run in runs_of(waiting, 0))
        is_signed = bool(self._recorder.seal_key)
        counts = (tree.size, queued, decisions, labels, walk.aliases, len(roots))
        return Verified(*counts, is_signed, breaks, replaced=walk.replaced, events=events)

    def located(self, altered: Collection[str]) -> list[Break]:
        """A break for each of the decisions, whose seals are broken, with its position in the log."""
        positions: dict[bytes, int | None] = {uuid_bytes(each): None for each in altered}
        with self._log.snapshot() as snapshot:
            for run in snapshot.runs() if positions else ():
                if run.kind == "decision":
                    positions.update(
                        (subject, at)
                        for at, (subject, _) in enumerate(run.pairs(), run.position)
                        if subject in positions
                    )
        return [Break("decision_changed", uuid_text(subject), at) for subject, at in positions.items()]


def not_promoted(served: Iterable[Served], changes: Iterable[AliasChange]) -> list[Break]:
    """A break for each model that decided before any recorded change made it champion, or without one.

    A server may decide by an earlier champion for as long as it cannot read the registry, so this does not look for an end.
    """
    begun: dict[tuple[str, str], int] = {}
    for change in changes:
        if change.alias == CHAMPION and change.after is not None:
            begun.setdefault((change.after, change.cause.digest), change.at)
    return [
        Break("model_not_promoted", version)
        for version, digest, since in served
        if since < min(begun.get((version, known), math.inf) for known in (digest, "")) - CLOCKS_DIFFER_MS
    ]


def joined(breaks: Iterable[Break]) -> list[Break]:
    """Breaks in the order of the log, each once; those that the log lacks come last."""
    return sorted(dict.fromkeys(breaks), key=lambda each: (each.position is None, each.position or 0))


class _Roots:
    """Compares signed roots with the tree as it grows. After the first that differs, all others do too."""

    def __init__(self, roots: Sequence[SignedRoot], log_id: str, found: int, recorder: Recorder) -> None:
        self.breaks: list[Break] = []
        self._expected: dict[int, list[bytes]] = defaultdict(list)
        for root in roots:
            if root.log_id != log_id or root.found != found:
                self.breaks.append(Break("other_log", str(root.size)))
            elif not recorder.log_key.is_signed(root):
                self.breaks.append(Break("root_forged", str(root.size), root.size))
            else:
                self._expected[root.size].append(root.root)
        self._sizes = sorted(self._expected, reverse=True)
        self._differ = False

    def extended(self, tree: Tree, run: Run) -> Tree:
        """The tree with the run's leaves."""
        if run.position != tree.size:
            self._changed(tree.size)
        leaves, begin = run.leaves(), tree.size
        while self._sizes and self._sizes[-1] <= begin + len(leaves):
            size = self._sizes.pop()
            tree = tree.with_leaves(leaves[tree.size - begin : size - begin])
            if any(root != tree.root for root in self._expected[size]):
                self._changed(size)
        return tree.with_leaves(leaves[tree.size - begin :])

    def all_breaks(self, size: int) -> list[Break]:
        """Every break, once the tree has its whole size."""
        return self.breaks + [Break("log_cut_off", str(beyond), size) for beyond in self._sizes[:1] if beyond > size]

    def _changed(self, size: int) -> None:
        if not self._differ:
            self.breaks.append(Break("log_changed", str(size), size))
        self._differ = True


_NOT_LOGGED: Mapping[Kind, Fault] = {"decision": "decision_not_logged", "event": "event_not_logged"}

_OF_EVENTS: Mapping[Fault, Fault] = {
    "decision_missing": "event_missing",
    "decision_changed": "event_changed",
    "decision_not_logged": "event_not_logged",
    "decision_logged_again": "event_logged_again",
}


class _Walk:
    """Compares what is stored with the leaves, one run after another.

    A later leaf may explain why a row differs from an earlier one: an erasure changes a row and its seal, and a removal is
    signed. What none explains is a break, and so is a row that is again as it was before the last leaf about it. A
    decision is added once: a second leaf that adds one that is stored is a break, too.
    """

    def __init__(
        self, snapshot: LogSnapshot, recorder: Recorder, changes: Sequence[AliasChange] | None, found: int
    ) -> None:
        self._snapshot, self._recorder, self._found = snapshot, recorder, found
        self._alias_seals = None if changes is None else [alias_seal(each, recorder.log_key) for each in changes]
        self._breaks: list[Break] = []
        self._missing: dict[bytes, int] = {}
        self._changed: dict[bytes, int] = {}
        self._put_back: dict[bytes, int] = {}
        self._logged_again: dict[bytes, int] = {}
        self._label_breaks: dict[bytes, list[Break]] = defaultdict(list)
        self._labels_matched: set[int] = set()
        self._present: set[bytes] = set()
        self._events: set[bytes] = set()
        self.aliases = 0
        self._alias_breaks: list[Break] = []
        self._replacements = Replacements(recorder.log_key)

    @property
    def replaced(self) -> list[Replacement]:
        """When the registry was replaced."""
        return self._replacements.accepted

    def visit(self, run: Run) -> None:
        """Compare a run's leaves."""
        pairs = run.pairs()
        visits = {
            "decision": self._visit_stored,
            "event": self._visit_events,
            "label": self._visit_labels,
            "erased": self._visit_erased,
            "purged": self._visit_purged,
            "alias": self._visit_aliases,
            "registry": self._visit_replacements,
        }
        if run.kind in visits:
            visits[run.kind](run.position, pairs)
        else:
            self._breaks.append(Break("entry_forged", str(run.position), run.position))

    def all_breaks(self) -> list[Break]:
        """Every break, once all leaves were visited."""
        found = [
            *self._breaks,
            *self._alias_breaks,
            *(self._break("decision_missing", subject, at) for subject, at in self._missing.items()),
            *(self._break("decision_changed", subject, at) for subject, at in self._changed.items()),
            *(self._break("decision_not_logged", subject, at) for subject, at in self._put_back.items()),
            *(self._break("decision_logged_again", subject, at) for subject, at in self._logged_again.items()),
            *chain.from_iterable(self._label_breaks.values()),
        ]
        decisions, labels, events = self._snapshot.counts()
        # an entry that somebody repeats must not make up for a row without one
        if decisions + events != len(self._present):
            found += [Break(_NOT_LOGGED[kind], uuid_text(subject)) for kind, subject in self._not_logged()]
        if labels != len(self._labels_matched):
            found.append(Break("label_not_logged", str(labels - len(self._labels_matched))))
        return found

    def _break(self, fault: Fault, subject: bytes, position: int) -> Break:
        return Break(_OF_EVENTS[fault] if subject in self._events else fault, uuid_text(subject), position)

    def _not_logged(self) -> Iterator[tuple[Kind, bytes]]:
        runs = chain(self._snapshot.runs(), runs_of(self._snapshot.waiting(), 0))
        return self._snapshot.others({subject for run in runs if run.kind in _NOT_LOGGED for subject, _ in run.pairs()})

    def _visit_events(self, position: int, pairs: list[tuple[bytes, bytes]]) -> None:
        """Rows of events are few, so their seals are checked here, and those of decisions by other processes."""
        subjects = [subject for subject, _ in pairs]
        self._events.update(subjects)
        self._visit_stored(position, pairs)
        altered = {
            uuid_bytes(event.event_id)
            for event in self._snapshot.events(subjects)
            if not self._recorder.is_intact_event(event)
        }
        self._breaks += [
            self._break("decision_changed", subject, at)
            for at, subject in enumerate(subjects, position)
            if subject in altered
        ]

    def _visit_stored(self, position: int, pairs: list[tuple[bytes, bytes]]) -> None:
        stored = self._snapshot.seals([subject for subject, _ in pairs])
        for at, (subject, seal) in enumerate(pairs, position):
            if subject in self._present:  # an id is stored once, so whoever adds it again puts back what was removed
                self._put_back.pop(subject, None)
                self._logged_again[subject] = at
            if stored.get(subject) != seal:
                (self._changed if subject in stored else self._missing)[subject] = at
            if subject in stored:
                self._present.add(subject)

    def _visit_erased(self, position: int, pairs: list[tuple[bytes, bytes]]) -> None:
        subjects = [subject for subject, _ in pairs]
        stored = self._snapshot.seals(subjects)
        self._labels_matched -= {row.label_id for row in self._snapshot.labels(subjects)}  # they are logged again
        for at, (subject, seal) in enumerate(pairs, position):
            if stored.get(subject, seal) != seal:
                self._changed[subject] = at  # it has what was erased
            elif self._changed.pop(subject, None) is not None:
                self._label_breaks.pop(subject, None)  # only the key's holders could give the row this other seal

    def _visit_purged(self, position: int, pairs: list[tuple[bytes, bytes]]) -> None:
        stored = self._snapshot.seals([subject for subject, _ in pairs])
        for at, (subject, seal) in enumerate(pairs, position):
            if seal != self._recorder.log_key.tombstones([subject]):
                self._breaks.append(Break("removal_forged", uuid_text(subject), at))
                continue
            if subject in stored:
                self._put_back[subject] = at  # unless it is logged again later
            for explained in (self._missing, self._changed, self._label_breaks):
                explained.pop(subject, None)

    def _visit_labels(self, position: int, pairs: list[tuple[bytes, bytes]]) -> None:
        """The order of a subject's labels says which is in force, so a label may neither move nor be there twice."""
        waiting: dict[str, list[LabelRow]] = defaultdict(list)
        seen: set[tuple[str, bytes]] = set()
        for row in self._snapshot.labels(sorted({subject for subject, _ in pairs})):
            if row.label_id in self._labels_matched:
                seen.add((row.label.subject_id, row.label.seal))
            else:
                waiting[row.label.subject_id].append(row)
        for at, (subject, seal) in enumerate(pairs, position):
            subject_id = uuid_text(subject)
            rows = waiting[subject_id]
            place = next((place for place, row in enumerate(rows) if row.label.seal == seal), None)
            if place is None:
                self._label_breaks[subject].append(Break("label_missing", subject_id, at))
                continue
            label_id, label = rows.pop(place)
            self._labels_matched.add(label_id)
            was_found = seal == UNSEALED and at < self._found
            if not was_found and not self._recorder.is_intact_label(label):
                self._breaks.append(Break("label_changed", subject_id, at))
            elif place or (not was_found and (subject_id, seal) in seen):
                self._label_breaks[subject].append(Break("label_changed", subject_id, at))
            seen.add((subject_id, seal))

    def _visit_aliases(self, position: int, pairs: list[tuple[bytes, bytes]]) -> None:
        if self._alias_seals is None:
            return
        for at, (subject, seal) in enumerate(pairs, position):
            number = int.from_bytes(subject, "big")
            self.aliases += 1
            if number >= len(self._alias_seals):
                self._alias_breaks.append(Break("alias_change_missing", str(number + 1), at))
            elif self._alias_seals[number] != seal:
                self._alias_breaks.append(Break("alias_change_altered", str(number + 1), at))

    def _visit_replacements(self, position: int, pairs: list[tuple[bytes, bytes]]) -> None:
        for at, (subject, seal) in enumerate(pairs, position):
            if self._replacements.accept(subject, seal, at):
                self._alias_breaks, self.aliases = [], 0
            else:
                self._breaks.append(Break("entry_forged", str(at), at))
