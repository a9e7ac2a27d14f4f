"""Validated records to decisions, within a deadline: explanations give way first, then the model does."""

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from fraud_detection_api.contract.columns import Record
from fraud_detection_api.decision.decided import Decisions, Explanations, MadeBy, warnings_text
from fraud_detection_api.decision.identifiers import uuids7
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.decision.timeliness import Front
from fraud_detection_api.model.engine import Assessment
from fraud_detection_api.policy.outcomes import OUTCOMES, Outcome
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.telemetry import Stopwatch

NEVER = math.inf
"""A deadline that does not pass."""

RECORDS_AT_A_TIME = 256
"""Where there is a deadline, the clock is read after this many records."""

_APPROVE = OUTCOMES.index("approve")
_RANDOM_BYTES = 10
_FIRST_GUESS_SECONDS, _LEARNING_RATE = 1e-4, 0.2


class Decided(NamedTuple):
    """Decisions, and whether their reasons were given."""

    decisions: Decisions
    explanations: Explanations

    def explanations_of(self, first: int, last: int) -> Explanations:
        """Whether reasons were given on the records from index `first` to before `last`."""
        return _state(self.decisions.reasons[first:last]) if self.explanations == "partial" else self.explanations


class Task(NamedTuple):
    """What a request asks for; `deadline` is a time on the clock of the service, or NEVER.

    `history` is the position in the store's log that the records' history features saw, and `front` how far that history
    was, if it was available.
    """

    model: ServedModel
    explain: bool
    deadline: float
    watch: Stopwatch
    history: int | None = None
    front: Front | None = None


class DecisionService:
    """Decides on records. `fallback` is the outcome of a record that is not scored in time; clocks are in seconds.

    At most so many `threads` share a large request.
    """

    def __init__(
        self,
        *,
        fallback: Outcome,
        threads: int = 1,
        clock: Callable[[], float] = time.perf_counter,
        wall_clock: Callable[[], float] = time.time,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._threads = threads
        self._fallback, self._clock, self._wall_clock, self._random = fallback, clock, wall_clock, random
        self._seconds_to_explain = _FIRST_GUESS_SECONDS

    def decide(self, task: Task, records: Sequence[Record]) -> Decided:
        """Decide on each record.

        All records are scored first; what time is left goes into reasons. Records that are not scored when the deadline
        passes get the fallback outcome.
        """
        pieces = list(self._assessed(task, records))
        decisions = self._decisions(task, records, pieces)
        if not task.explain:
            return Decided(decisions, "not_asked")
        reasons = self._reasons(task, records, pieces)
        return Decided(decisions._replace(reasons=reasons), _state(reasons))

    def _assessed(self, task: Task, records: Sequence[Record]) -> Iterator[Assessment]:
        """Assess the records in pieces, until the deadline passes; a piece that ends after it is dropped."""
        size = len(records) if task.deadline == NEVER else RECORDS_AT_A_TIME
        for first in range(0, len(records), size or 1):
            if self._clock() >= task.deadline:
                return
            assessment = self._assess(task, records[first : first + size])
            if self._clock() >= task.deadline:
                return
            yield assessment

    def _decisions(self, task: Task, records: Sequence[Record], pieces: Sequence[Assessment]) -> Decisions:
        version, bundle = task.model.version, task.model.bundle
        by_model = sum(len(piece.margins) for piece in pieces)
        left = len(records) - by_model
        none: list[None] = [None] * left
        now, random = int(self._wall_clock() * 1000), self._random(_RANDOM_BYTES * len(records))
        identifier = bundle.contract.identifier
        return Decisions(
            ids=sorted(uuids7(now, random)),  # a database appends rows that come in the order of their ids
            entity_ids=[None if identifier is None else record[identifier.name] for record in records],
            outcomes=[OUTCOMES[code] for piece in pieces for code in piece.outcomes.tolist()] + [self._fallback] * left,
            margins=[margin for piece in pieces for margin in piece.margins.tolist()] + none,
            probabilities=[number for piece in pieces for number in piece.probabilities.tolist()] + none,
            risk_scores=[score for piece in pieces for score in piece.risk_scores.tolist()] + none,
            reasons=[None] * len(records),
            warnings=_warnings(pieces, len(records)),
            by_model=by_model,
            made_by=MadeBy(version, bundle.digest, bundle.policy.version),
            decided_at=now,
            history=[task.history] * len(records) if bundle.contract.history else None,
            too_late=None if task.front is None else [task.front.is_too_late(record) for record in records],
        )

    def _reasons(self, task: Task, records: Sequence[Record], pieces: Sequence[Assessment]) -> list[str | None]:
        """Reasons of the records that the model assessed, a piece at a time while there is time."""
        reasons: list[str | None] = [None] * len(records)
        first = 0
        for piece in pieces:
            for start in range(0, len(piece.matrix), RECORDS_AT_A_TIME):
                rows = piece.matrix[start : start + RECORDS_AT_A_TIME]
                adverse = piece.outcomes[start : start + RECORDS_AT_A_TIME] != _APPROVE
                began, last = self._clock(), first + len(rows)
                if began + self._seconds_to_explain * len(rows) < task.deadline:
                    reasons[first:last] = self._explained(task, records[first:last], rows, adverse)
                    taken = (self._clock() - began) / len(rows)
                    self._seconds_to_explain += _LEARNING_RATE * (taken - self._seconds_to_explain)
                first = last
        return reasons

    def _assess(self, task: Task, records: Sequence[Record]) -> Assessment:
        engine = task.model.bundle.engine
        matrix = engine.encode(records)
        task.watch.lap("encode")
        assessment = engine.assess_encoded(records, matrix, threads=self._threads)
        task.watch.lap("score")
        return assessment

    def _explained(
        self, task: Task, records: Sequence[Record], matrix: NDArray[np.float32], adverse: NDArray[np.bool_]
    ) -> list[str]:
        bundle = task.model.bundle
        contributions = bundle.engine.contributions(matrix, threads=self._threads)
        explained = bundle.reasoner.texts(contributions, records, matrix, adverse)
        task.watch.lap("explain")
        return explained


def review_losses(model: ServedModel, decisions: Decisions, records: Sequence[Record]) -> Mapping[str, float]:
    """What it is expected to cost to approve each record that the model sends to review, by the decision's id.

    Most requests have none, so nothing is computed for them.
    """
    if "review" not in decisions.outcomes:
        return {}
    assessed = range(decisions.by_model)  # a fallback has no probability
    reviewed = [index for index in assessed if decisions.outcomes[index] == "review"]
    if not reviewed:
        return {}
    probabilities = [decisions.probabilities[index] or 0.0 for index in reviewed]
    losses = model.bundle.engine.losses([records[index] for index in reviewed], probabilities)
    return {decisions.ids[index]: loss for index, loss in zip(reviewed, losses, strict=True)}


def stored_loss(model: ServedModel, row: StoredDecision) -> float | None:
    """What approving a stored decision is expected to cost by the model's policy; None unless that model made it."""
    made_by = (row.model_digest, row.policy_version)
    is_own = made_by == (model.bundle.digest, model.bundle.policy.version)
    if not is_own or row.record is None or row.fraud_probability is None:
        return None
    return model.bundle.engine.losses([from_json(row.record)], [row.fraud_probability])[0]


def _warnings(pieces: Sequence[Assessment], records: int) -> list[str | None]:
    """The warnings about each record; those that were not assessed have none."""
    warnings: list[str | None] = [None] * records
    first = 0
    for piece in pieces:
        for row, levels in piece.unseen.items():
            warnings[first + row] = warnings_text(levels)
        first += len(piece.margins)
    return warnings


def _state(reasons: Sequence[str | None]) -> Explanations:
    without = reasons.count(None)
    return "given" if not without else "dropped" if without == len(reasons) else "partial"
