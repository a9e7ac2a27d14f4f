"""Validated records to decisions, within a deadline: explanations give way first, then the model does."""

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from fraud_detection_api.decision.decision import Decision, MadeBy
from fraud_detection_api.decision.identifiers import uuid7
from fraud_detection_api.decision.policy import Outcome
from fraud_detection_api.decision.reason import ReasonGiven
from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.services.champion import ServedModel
from fraud_detection_api.services.scoring import Scored, score
from fraud_detection_api.telemetry import Stopwatch

NEVER = math.inf
"""A deadline that does not pass."""

RECORDS_AT_A_TIME = 256
"""Between so many records the clock is looked at."""

_RANDOM_BYTES = 10
_FIRST_GUESS_SECONDS, _LEARNING = 1e-4, 0.2

Explanations = Literal["given", "not_asked", "dropped"]
Record = Mapping[str, Any]


class Decided(NamedTuple):
    """Decisions in the records' order. Explanations are `dropped` where there was no time for all of them."""

    decisions: list[Decision]
    explanations: Explanations


class Task(NamedTuple):
    """What is asked for; `deadline` is a moment on the clock of the service, NEVER for none."""

    model: ServedModel
    explain: bool
    deadline: float
    watch: Stopwatch


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

        Reasons are worked out while there is time for them. Records that are not scored when the deadline has passed get the
        fallback outcome.
        """
        decisions: list[Decision] = []
        for first in range(0, len(records), RECORDS_AT_A_TIME):
            decisions += self._decide(task, records[first : first + RECORDS_AT_A_TIME])
        if not task.explain:
            return Decided(decisions, "not_asked")
        dropped = any(decision.reasons is None for decision in decisions)
        return Decided(decisions, "dropped" if dropped else "given")

    def _decide(self, task: Task, records: Sequence[Record]) -> list[Decision]:
        if self._clock() < task.deadline:
            decisions = self._by_model(task, records)
            if self._clock() < task.deadline:
                return decisions
        return self._by_default(task.model.bundle, records)

    def _by_model(self, task: Task, records: Sequence[Record]) -> list[Decision]:
        bundle, policy, risk = task.model.bundle, task.model.bundle.policy, task.model.bundle.risk
        scored = score(bundle, records, task.watch)
        amounts = _amounts(bundle, records)
        outcomes = [policy.outcome(*of_record) for of_record in zip(scored.probabilities, amounts, strict=True)]
        reasons = self._reasons(task, records, scored, outcomes)
        made_by = MadeBy(task.model.version, bundle.digest, policy.version)
        now, identifiers = self._identify(len(records))
        return [
            Decision(
                decision_id=identifiers[place],
                entity_id=_entity(bundle, record),
                outcome=outcomes[place],
                fraud_probability=scored.probabilities[place],
                risk_score=risk.score(scored.margins[place]),
                reasons=reasons[place],
                made_by=made_by,
                decided_at=now,
            )
            for place, record in enumerate(records)
        ]

    def _reasons(
        self, task: Task, records: Sequence[Record], scored: Scored, outcomes: Sequence[Outcome]
    ) -> Sequence[Sequence[ReasonGiven] | None]:
        """Reasons of each record; None where they are not asked for, or there is no time for them."""
        began = self._clock()
        if not task.explain or began + self._seconds_to_explain * len(records) >= task.deadline:
            return [None] * len(records)
        bundle, matrix = task.model.bundle, scored.matrix
        contributions = bundle.scorer.forest.contributions(matrix).tolist()
        reasons = [
            bundle.reasoner.reasons(contributions[place], record, matrix[place], adverse=outcomes[place] != "approve")
            for place, record in enumerate(records)
        ]
        task.watch.lap("explain")
        self._seconds_to_explain += _LEARNING * ((self._clock() - began) / len(records) - self._seconds_to_explain)
        return reasons

    def _by_default(self, bundle: Bundle, records: Sequence[Record]) -> list[Decision]:
        now, identifiers = self._identify(len(records))
        return [
            Decision(
                decision_id=identifier,
                entity_id=_entity(bundle, record),
                outcome=self._fallback,
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
