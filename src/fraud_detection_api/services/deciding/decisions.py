"""Validated records to decisions, within a deadline: explanations give way first, then the model does."""

import math
import os
import time
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from fraud_detection_api.contract.columns import Record
from fraud_detection_api.decision.decision import Decision, MadeBy
from fraud_detection_api.decision.identifiers import uuid7
from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.policy.outcomes import Outcome
from fraud_detection_api.services.deciding.scoring import Scored, score
from fraud_detection_api.services.models.champion import ServedModel
from fraud_detection_api.telemetry import Stopwatch

NEVER = math.inf
"""A deadline that does not pass."""

RECORDS_AT_A_TIME = 256
"""Between so many records the clock is looked at."""

_RANDOM_BYTES = 10
_FIRST_GUESS_SECONDS, _LEARNING = 1e-4, 0.2

Explanations = Literal["given", "partial", "dropped", "not_asked"]


class Decided(NamedTuple):
    """Decisions in the records' order. Explanations are `partial` where there was time for some, `dropped` for none."""

    decisions: list[Decision]
    explanations: Explanations


class Task(NamedTuple):
    """What is asked for; `deadline` is a moment on the clock of the service, NEVER for none."""

    model: ServedModel
    explain: bool
    deadline: float
    watch: Stopwatch


class _Piece(NamedTuple):
    """Some records, and the decisions on them; `scored` is None where the deadline left the fallback."""

    records: Sequence[Record]
    decisions: list[Decision]
    scored: Scored | None


class DecisionService:
    """Decides. `fallback` is the outcome of a record that the model had no time for; clocks are in seconds."""

    def __init__(
        self,
        *,
        fallback: Outcome,
        clock: Callable[[], float] = time.perf_counter,
        wall_clock: Callable[[], float] = time.time,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._fallback, self._clock, self._wall_clock, self._random = fallback, clock, wall_clock, random
        self._seconds_to_explain = _FIRST_GUESS_SECONDS

    def decide(self, task: Task, records: Sequence[Record]) -> Decided:
        """A decision on each record.

        All are scored first, and reasons worked out with what time is left. Records that are not scored when the deadline
        has passed get the fallback outcome.
        """
        pieces = [
            self._decide(task, records[first : first + RECORDS_AT_A_TIME])
            for first in range(0, len(records), RECORDS_AT_A_TIME)
        ]
        if not task.explain:
            return Decided([decision for piece in pieces for decision in piece.decisions], "not_asked")
        decisions = [decision for piece in pieces for decision in self._explained(task, piece)]
        without = sum(decision.reasons is None for decision in decisions)
        return Decided(decisions, "given" if not without else "dropped" if without == len(decisions) else "partial")

    def score(self, model: ServedModel, records: Sequence[Record], watch: Stopwatch) -> list[Decision]:
        """A decision by the model on each record, however long it takes, without reasons."""
        return self._by_model(Task(model, explain=False, deadline=NEVER, watch=watch), records).decisions

    def _decide(self, task: Task, records: Sequence[Record]) -> "_Piece":
        if self._clock() < task.deadline:
            piece = self._by_model(task, records)
            if self._clock() < task.deadline:
                return piece
        return _Piece(records, self._by_default(task.model.bundle, records), None)

    def _by_model(self, task: Task, records: Sequence[Record]) -> "_Piece":
        bundle, policy, risk = task.model.bundle, task.model.bundle.policy, task.model.bundle.risk
        scored = score(bundle, records, task.watch)
        amounts = _amounts(bundle, records)
        made_by = MadeBy(task.model.version, bundle.digest, policy.version)
        now, identifiers = self._identify(len(records))
        decisions = [
            Decision(
                decision_id=identifiers[place],
                entity_id=_entity(bundle, record),
                outcome=policy.outcome(scored.probabilities[place], amounts[place]),
                margin=scored.margins[place],
                fraud_probability=scored.probabilities[place],
                risk_score=risk.score(scored.margins[place]),
                reasons=None,
                made_by=made_by,
                decided_at=now,
            )
            for place, record in enumerate(records)
        ]
        return _Piece(records, decisions, scored)

    def _explained(self, task: Task, piece: "_Piece") -> list[Decision]:
        """The decisions with their reasons, where the model made them and there is time."""
        began = self._clock()
        if piece.scored is None or began + self._seconds_to_explain * len(piece.records) >= task.deadline:
            return piece.decisions
        bundle, matrix = task.model.bundle, piece.scored.matrix
        contributions = bundle.scorer.forest.contributions(matrix).tolist()
        explained = [
            decision._replace(
                reasons=bundle.reasoner.reasons(
                    contributions[place], record, matrix[place], adverse=decision.outcome != "approve"
                )
            )
            for place, (record, decision) in enumerate(zip(piece.records, piece.decisions, strict=True))
        ]
        task.watch.lap("explain")
        taken = (self._clock() - began) / len(piece.records)
        self._seconds_to_explain += _LEARNING * (taken - self._seconds_to_explain)
        return explained

    def _by_default(self, bundle: Bundle, records: Sequence[Record]) -> list[Decision]:
        now, identifiers = self._identify(len(records))
        return [
            Decision(
                decision_id=identifier,
                entity_id=_entity(bundle, record),
                outcome=self._fallback,
                margin=None,
                fraud_probability=None,
                risk_score=None,
                reasons=None,
                made_by=None,
                decided_at=now,
            )
            for identifier, record in zip(identifiers, records, strict=True)
        ]

    def _identify(self, count: int) -> tuple[int, list[str]]:
        """Now, in milliseconds since 1970, and so many identifiers of it."""
        now, random = int(self._wall_clock() * 1000), self._random(_RANDOM_BYTES * count)
        return now, [uuid7(now, random[at : at + _RANDOM_BYTES]) for at in range(0, len(random), _RANDOM_BYTES)]


def _entity(bundle: Bundle, record: Record) -> int | str | None:
    identifier = bundle.contract.identifier
    return None if identifier is None else record[identifier.name]


def _amounts(bundle: Bundle, records: Sequence[Record]) -> Sequence[float | None]:
    column = bundle.contract.amount_at_risk
    return [None] * len(records) if column is None else [record.get(column) for record in records]
