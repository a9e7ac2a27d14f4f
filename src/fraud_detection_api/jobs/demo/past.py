"""Plays a past through the services of a server: the same code decides, stores and observes, on a clock that is set."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from heapq import heappop, heappush
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from pydantic_core import to_json

from fraud_detection_api.container.simulation import build_simulation
from fraud_detection_api.contract.columns import Record
from fraud_detection_api.decision.label import Finding
from fraud_detection_api.decision.stored import StoredDecision, StoredRequest
from fraud_detection_api.jobs.demo.truth import Verdict, found_out
from fraud_detection_api.routes.scoring.asked import Asked, Read, with_history
from fraud_detection_api.schemas.records.parser import record_parser
from fraud_detection_api.services.deciding.decisions import NEVER, Task, stored_loss
from fraud_detection_api.services.deciding.recording import RequestContext
from fraud_detection_api.services.history.files import EventLoader
from fraud_detection_api.services.models.aliases import CHAMPION
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.models.rollout import Order
from fraud_detection_api.services.reviewing.quality import NotGolden
from fraud_detection_api.settings import Settings
from fraud_detection_api.telemetry import Stopwatch

OBSERVED_TOGETHER, MOST_TOGETHER = 500, 32
LATENCY_SECONDS = 0.2
"""A payment is decided so long after its time."""

GOLDEN, LEAD = 12, "lea"
"""So many of the first reviews check reviewers from now on, by the choice of that person."""

_DAY_SECONDS = 86_400.0


class _Payment(NamedTuple):
    """A payment of the past, and whether it is fraud."""

    record: Record
    is_fraud: bool

    @property
    def decided_at(self) -> float:
        """When it is decided on, in seconds since 1970."""
        return float(self.record["paid_at"].timestamp()) + LATENCY_SECONDS


class SetClock:
    """A clock that shows the time it was set to, in seconds since 1970. It never goes back."""

    def __init__(self, now: float) -> None:
        self._now = now

    def __call__(self) -> float:
        return self._now

    def set_to(self, now: float) -> None:
        self._now = max(self._now, now)


class Past:
    """The past of a store, from the time that its clock shows. `champion` decides from the start."""

    def __init__(self, settings: Settings, clock: SetClock, champion: str, order: Order, seed: int) -> None:
        self._clock, self._order = clock, order
        self._services = build_simulation(settings, clock)
        self._services.store.migrate()
        self._services.rollout.promote(champion, order)
        self._model = ModelService(self._services.registry).load(CHAMPION)
        self._contract = self._model.bundle.contract
        self._parser = record_parser(self._model.bundle.accepted)
        assert self._contract.identifier is not None
        self._entities = (self._contract.identifier.name, *self._contract.keys)
        self._services.store.claim(self._contract.name)
        self._services.observer.begin()
        self._verdicts: list[tuple[float, str, Verdict]] = []
        self._settled: list[StoredDecision] = []
        self._rng = np.random.default_rng([seed, 3])

    def seed(self, file: Path) -> None:
        """Load a file of payments from before, whose truth is known, so that cards and terminals have a history."""
        EventLoader(self._services.events, self._contract, "payment_id").load_file(file)

    def challenge(self, version: str, at: float) -> None:
        """From that time on (seconds since 1970), let a version score in the champion's shadow."""
        self._pass_time(at)
        self._observe()
        self._services.rollout.challenge(version, self._order)
        self._services.challenger.refresh()

    def play(self, payments: pl.DataFrame, on_progress: Callable[[float], None]) -> None:
        """Decide on payments in the order of time, record what is found out meanwhile, and observe."""
        truths, together, taken = payments["is_fraud"].to_list(), list[_Payment](), set[str]()
        records = payments.select(self._contract.record_columns).iter_rows(named=True)
        for number, (record, is_fraud) in enumerate(zip(records, truths, strict=True)):
            payment, entities = _Payment(record, bool(is_fraud)), {record[name] for name in self._entities}
            is_due = bool(self._verdicts) and self._verdicts[0][0] <= payment.decided_at
            if together and (is_due or taken & entities or len(together) == MOST_TOGETHER):
                self._decide(together)
                together, taken = [], set()
            if not together:
                self._pass_time(payment.decided_at)
            together.append(payment)
            taken |= entities
            if number % OBSERVED_TOGETHER == 0:
                self._observe()
                on_progress(number / payments.height)
        if together:
            self._decide(together)
        on_progress(1.0)

    def end(self, now: float) -> None:
        """Let time pass until now. What is found out later is left to nobody: those decisions stay open."""
        self._pass_time(now)
        self._observe()
        for row in self._settled:
            with suppress(NotGolden):  # what is found out later than now
                self._services.quality.add_golden(row.decision_id, LEAD, loss=stored_loss(self._model, row))
        self._services.observer.end()
        self._services.store.close()

    def _pass_time(self, until: float) -> None:
        while self._verdicts and self._verdicts[0][0] <= until:
            known_at, decision_id, verdict = heappop(self._verdicts)
            self._clock.set_to(known_at)
            finding = Finding(decision_id, verdict.is_fraud, verdict.source, reviewer=verdict.reviewer)
            self._services.labels.record([finding])
        self._clock.set_to(until)

    def _decide(self, payments: Sequence[_Payment]) -> None:
        """Decide on payments that share no entity: each sees what it would see if they came one after another."""
        bodies = [to_json({"explain": True, "records": [each.record]}) for each in payments]
        asked = [Asked(self._parser.parse_decisions(body, limit=1).records, explain=True) for body in bodies]
        read, answers = Read(asked, Stopwatch()), list[Read]()
        contracts = [self._contract] * len(payments)
        with_history(self._services.entities, contracts, read, seconds=NEVER, done=answers.append)
        rows = [self._row(payment, each) for payment, each in zip(payments, answers[0].asked, strict=True)]
        self._services.store.save([StoredRequest([row], losses=self._losses(row)) for row in rows])
        for payment, row in zip(payments, rows, strict=True):
            if (verdict := found_out(self._rng, row.outcome, is_fraud=payment.is_fraud)) is not None:
                known_at = row.decided_at / 1000 + verdict.days * _DAY_SECONDS
                heappush(self._verdicts, (known_at, row.decision_id, verdict))
                is_right = row.outcome == "review" and verdict.is_fraud == payment.is_fraud
                if is_right and len(self._settled) < GOLDEN:
                    self._settled.append(row)

    def _losses(self, row: StoredDecision) -> dict[str, float]:
        loss = stored_loss(self._model, row) if row.outcome == "review" else None
        return {} if loss is None else {row.decision_id: loss}

    def _row(self, payment: _Payment, asked: Asked | Exception) -> StoredDecision:
        assert isinstance(asked, Asked)
        watch = Stopwatch()
        task = Task(self._model, explain=True, deadline=NEVER, watch=watch, history=asked.history, front=asked.front)
        self._clock.set_to(payment.decided_at)
        decided = self._services.decisions.decide(task, asked.records).decisions
        latency_ms = round((time.perf_counter() - watch.began) * 1000, 3)
        context = RequestContext(decided.ids[0], None, latency_ms, 1)
        [row] = self._services.recorder.rows(decided, asked.records, self._contract, [context])
        return row

    def _observe(self) -> None:
        while self._services.observer.observe():
            pass
