"""Requests of one turn are decided together, and each gets the answer that it would get alone.

Rows of what was decided together are made together, too.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice, starmap
from typing import Any, NamedTuple, TypeAlias

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.decided import Decisions, Explanations
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import FraudError
from fraud_detection_api.routes.scoring.answer import Answer, Origin
from fraud_detection_api.routes.scoring.asked import Asked, Read
from fraud_detection_api.routes.scoring.idempotency import packed
from fraud_detection_api.routes.scoring.turns import ScoringRequest
from fraud_detection_api.schemas.records.parser import RecordParser
from fraud_detection_api.services.deciding.decisions import DecisionService, Task, review_losses
from fraud_detection_api.services.deciding.recording import Recorder, RequestContext
from fraud_detection_api.services.models.deployment import Deployment
from fraud_detection_api.telemetry import Stopwatch


class Wording(NamedTuple):
    """How answers are written: the JSON of each decision, and of an answer to a request from those of its records.

    `explains` says whether an answer says what became of its reasons.
    """

    each: Callable[[Decisions, Contract], list[str]]
    whole: Callable[[Sequence[str], Explanations], str]
    explains: bool


class Answers:
    """Answers requests: `read` says what each asks for, or raises FraudError."""

    def __init__(self, service: DecisionService, read: Callable[[ScoringRequest], Asked], wording: Wording) -> None:
        self._service, self._read, self._wording = service, read, wording

    def read(self, requests: Sequence[ScoringRequest]) -> Read:
        """What the requests ask for."""
        watch = Stopwatch()
        asked = [self._asked(request) for request in requests]
        watch.lap("parse")
        return Read(asked, watch)

    def answer(self, requests: Sequence[ScoringRequest], read: Read) -> list[Answer | Exception]:
        """The answer to each request, in order, or its error."""
        answers, asked, watch = list[Answer | Exception](), read.asked, read.watch
        while (first := len(answers)) < len(asked):
            what, last = asked[first], first + 1
            if isinstance(what, Exception):
                answers.append(what)
                continue
            while last < len(asked) and _are_alike(requests[first], what, requests[last], asked[last]):
                last += 1
            answers += self._answered(requests[first].deployment, asked[first:last], watch.split())
        return answers

    def _asked(self, request: ScoringRequest) -> Asked | FraudError:
        try:
            if request.deadline is not None:
                request.deadline.require()
            return self._read(request)
        except FraudError as error:
            return error

    def _answered(
        self, deployment: Deployment[RecordParser], alike: Sequence[Any], watch: Stopwatch
    ) -> Iterator[Answer]:
        """Answers to what was `Asked` of a deployment, decided together."""
        model, wording, begin = deployment.champion, self._wording, 0
        records = [record for asked in alike for record in asked.records]
        task = Task(model, alike[0].explain, alike[0].deadline, watch, alike[0].history, alike[0].front)
        decided = self._service.decide(task, records)
        texts, origin = wording.each(decided.decisions, deployment.contract), Origin(model.version, watch)
        for asked in alike:
            end = begin + len(asked.records)
            state = decided.explanations_of(begin, end)
            body = wording.whole(texts[begin:end], state).encode()
            kept, given = None if asked.dry_run else asked.records, state if wording.explains else None
            yield Answer(body, origin, decided, begin, end, kept, given, front=asked.front)
            begin = end


def _are_alike(one: ScoringRequest, asks: Asked, other: ScoringRequest, other_asks: Asked | Exception) -> bool:
    """Whether two requests can be decided together."""
    return (
        isinstance(other_asks, Asked)
        and one.deployment is other.deployment
        and asks.explain == other_asks.explain
        and asks.deadline == other_asks.deadline
        and asks.history == other_asks.history
    )


_Kept: TypeAlias = tuple[ScoringRequest, Answer]
"""An answer whose decisions are stored."""


def sealed_requests(
    recorder: Recorder | None, requests: Sequence[ScoringRequest], answers: Sequence[Answer | Exception]
) -> list[StoredRequest | None]:
    """What is to be stored with each answer; None for an error and a dry run, and where there is no recorder."""
    sealed: list[StoredRequest | None] = []
    if recorder is None:
        return [None] * len(answers)
    for decided, group in groupby(zip(requests, answers, strict=True), _to_be_stored):
        alike: list[Any] = list(group)
        sealed += [None] * len(alike) if decided is None else _sealed(recorder, alike)
    return sealed


def _to_be_stored(one: tuple[ScoringRequest, Answer | Exception]) -> int | None:
    """What neighbours have in common that were decided together; None where nothing is stored."""
    answer = one[1]
    return None if isinstance(answer, Exception) or answer.records is None else id(answer.decided)


def _sealed(recorder: Recorder, kept: Sequence[_Kept]) -> Iterator[StoredRequest]:
    """What is to be stored of neighbours that were decided together."""
    (request, first), (_, last) = kept[0], kept[-1]
    assert first.decided is not None, "there are records to be stored with it"
    decisions = first.decided.decisions.part(first.first, last.last)
    records = [record for _, answer in kept for record in answer.records or ()]
    contexts = list(starmap(_context, kept))
    rows = iter(recorder.rows(decisions, records, request.deployment.contract, contexts))
    losses = review_losses(request.deployment.champion, decisions, records)
    for each, answer in kept:
        own = list(islice(rows, answer.size))
        of_own = (
            {row.decision_id: losses[row.decision_id] for row in own if row.decision_id in losses} if losses else None
        )
        yield StoredRequest(own, each.key, b"" if each.key is None else packed(answer.body), of_own)


def _context(request: ScoringRequest, answer: Answer) -> RequestContext:
    key, milliseconds = None if request.key is None else request.key.key, (time.perf_counter() - request.began) * 1000
    return RequestContext(request.request_id, key, round(milliseconds, 3), answer.size)
