"""Gives what was committed its position in the log, and signs the log's roots."""

import logging
import time
from collections.abc import Callable, Sequence

from fraud_detection_api.decision.log import SUBJECT_BYTES, LogKey, LogState, Run, SignedRoot, runs_of
from fraud_detection_api.errors import InvalidEvidence, RegistryUnavailable
from fraud_detection_api.services.auditing.log_store import LogStore
from fraud_detection_api.services.models.aliases import AliasChange, change_text
from fraud_detection_api.telemetry import log_event

ENTRIES_AT_ONCE = 2_000
ROOT_SECONDS = 60.0
ROOT_LEAVES = 10_000
ALIAS_CHECK_SECONDS = 5.0
ALIAS_RETRY_SECONDS = 60.0
"""After the registry could not be read, which may have taken long."""


class Sequencer:
    """The one that gives positions, for one thread. `changes` gives the registry's record of its aliases, oldest first.

    A root is signed each minute in which anything was logged, each 10,000 leaves, and at first of what nobody signed;
    `copy` gets each.
    """

    def __init__(
        self,
        log: LogStore,
        key: LogKey,
        *,
        changes: Callable[[], Sequence[AliasChange]],
        copy: Callable[[SignedRoot], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._log, self._key, self._changes = log, key, changes
        self._copy = copy or (lambda _root: None)
        self._clock, self._wall_clock = clock, wall_clock
        self._state: LogState | None = None
        self._signed = self._aliases = 0
        self._sign_at: float | None = None
        self._aliases_at = 0.0

    def begin(self) -> None:
        """Continue from where the log ends, whoever wrote it. Raises StoreUnavailable."""
        self._state = self._log.state()
        self._count_aliases()
        last = self._log.last_root()
        self._signed = 0 if last is None else last.size
        if last is not None and not self._key.is_signed(last):
            log_event("root_forged", level=logging.ERROR, size=last.size)
        if self._sign_at is None:  # afterwards, failures must not put it off
            wait = 0.0 if self._state.tree.size != self._signed else ROOT_SECONDS
            self._sign_at = self._clock() + wait

    def sequence(self) -> bool:
        """Move what waits into the log, and sign if it is time; returns whether more waits.

        After an error `begin` has to come first. Raises StoreUnavailable.
        """
        assert self._state is not None, "begin comes first"
        self._enter_aliases()
        waiting = self._log.waiting(limit=ENTRIES_AT_ONCE)
        if waiting:
            before = self._state.tree
            runs = list(runs_of(waiting, before.size))
            after = before.with_leaves(leaf for run in runs for leaf in run.leaves())
            self._log.move(waiting, runs, before, after)
            self._state = self._state._replace(tree=after)
            if any(run.kind == "registry" for run in runs):
                self._count_aliases()
        if self._is_due():
            self.sign()
        return len(waiting) == ENTRIES_AT_ONCE

    def sign(self) -> None:
        """Sign the root of what is in the log now, unless it is signed."""
        assert self._state is not None, "begin comes first"
        self._sign_at = self._clock() + ROOT_SECONDS
        if not self._log.is_fed():
            log_event("log_not_fed", level=logging.ERROR)
        if self._state.tree.size == self._signed:
            return
        root = self._key.signed(self._state, int(self._wall_clock() * 1000))
        self._log.sign(root)
        self._signed = root.size
        try:
            self._copy(root)
        except InvalidEvidence as error:  # the next root covers these leaves, too
            log_event("root_not_copied", level=logging.ERROR, reason=str(error))

    def following(self, position: int, *, limit: int) -> list[Run]:
        """The log's runs from that position on, as `LogStore.runs`."""
        return self._log.runs(after=position, limit=limit)

    def decisions_from(self, position: int) -> list[tuple[int, int]]:
        """Where each run of decisions begins, from that position on, and how many it has."""
        return self._log.lengths("decision", after=position)

    @property
    def size(self) -> int:
        """Leaves in the log."""
        return 0 if self._state is None else self._state.tree.size

    def _is_due(self) -> bool:
        assert self._state is not None
        assert self._sign_at is not None
        return self._state.tree.size - self._signed >= ROOT_LEAVES or self._clock() >= self._sign_at

    def _count_aliases(self) -> None:
        """The changes that were logged of this registry."""
        self._aliases, self._aliases_at = 0, 0.0
        for run in self._log.registry_runs():
            self._aliases = 0 if run.kind == "registry" else self._aliases + len(run.pairs())

    def _enter_aliases(self) -> None:
        if self._clock() < self._aliases_at:
            return
        self._aliases_at = self._clock() + ALIAS_CHECK_SECONDS
        try:
            changes = self._changes()
        except RegistryUnavailable:  # decisions are logged all the same; the alias followers log it
            self._aliases_at = self._clock() + ALIAS_RETRY_SECONDS
            return
        if len(changes) < self._aliases:
            log_event("alias_changes_missing", level=logging.ERROR, logged=self._aliases, found=len(changes))
        for number, change in enumerate(changes[self._aliases :], self._aliases):
            self._log.enter("alias", alias_subject(number), alias_seal(change, self._key))
            self._aliases = number + 1


def alias_subject(number: int) -> bytes:
    """What the log says of change `number`, from 0, of the registry's aliases."""
    return number.to_bytes(SUBJECT_BYTES, "big")


def alias_seal(change: AliasChange, key: LogKey) -> bytes:
    """The seal of a change."""
    return key.of_text(change_text(change).encode())
