"""Requests of one turn of the event loop are answered one after another, and stored together."""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from fraud_detection_api import errors
from fraud_detection_api.contract.columns import Record
from fraud_detection_api.decision.decided import Decisions, Explanations
from fraud_detection_api.decision.stored import IdempotencyKey, SealedRequest, StoredAnswer
from fraud_detection_api.metrics.requests import AnswerMetrics, AnswerSummary
from fraud_detection_api.routes.protocol.body import Headers
from fraud_detection_api.routes.protocol.deadlines import JOURNAL_SHARE, Deadline, Tails
from fraud_detection_api.routes.scoring.idempotency import replayed
from fraud_detection_api.schemas.parser import RecordParser
from fraud_detection_api.services.admission.callers import ANYBODY, Caller
from fraud_detection_api.services.models.deployment import Deployment
from fraud_detection_api.services.storage.decision_writer import DecisionWriter, Result
from fraud_detection_api.telemetry import Stopwatch

SentHeaders = Sequence[tuple[bytes, bytes]]

MOST_DECISION_IDS = 100
"""Decisions that are named when their commit is in doubt: those of a request are stored together."""


TURN_SECONDS = 0.005
"""After so long, all else on the event loop gets its turn: a hundred requests just below 64 KiB take seconds."""


class ScoringRequest(NamedTuple):
    """An admitted request, and the deployment that answers it. `watch` has run since the request came in.

    `sent` are the headers as they came; `key` is the `caller`'s Idempotency-Key, where the route takes one.
    """

    deployment: Deployment[RecordParser]
    request_id: str
    headers: Headers
    sent: SentHeaders
    body: bytes
    watch: Stopwatch
    caller: Caller = ANYBODY
    key: IdempotencyKey | None = None
    deadline: Deadline | None = None


class Answer(NamedTuple):
    """The JSON body of an answer, and its decisions. `records` are stored with them; None for a dry run.

    `explanations` says whether reasons were given, where the route gives any. In a large answer, `summary` replaces the
    decisions but the `first_ids`.
    """

    body: bytes
    decisions: Decisions | None
    records: Sequence[Record] | None
    explanations: Explanations | None = None
    summary: AnswerSummary | None = None
    is_replayed: bool = False
    first_ids: Sequence[str] = ()

    @property
    def size(self) -> int:
        """The number of records that were decided on; 0 for an answer that was given before."""
        if self.summary is not None:
            return self.summary.records
        return 0 if self.decisions is None else len(self.decisions.ids)


class _Finished(NamedTuple):
    """An answer that waits until the request is stored."""

    request: ScoringRequest
    answer: Answer
    sealed: SealedRequest
    waiting: "asyncio.Future[Answer]"


class Turn:
    """Answers the requests of one turn of the event loop one after another, and stores them together.

    System calls drive the code of scoring out of caches and branch predictors: a record that is scored right after another
    takes half the time of one that is scored after reading from a socket.
    """

    def __init__(
        self,
        work: Callable[[ScoringRequest], tuple[Answer, SealedRequest | None]],
        writer: DecisionWriter | None,
        metrics: AnswerMetrics,
    ) -> None:
        self._work, self._writer, self._metrics = work, writer, metrics
        self.tails = Tails()
        # by caller; callers are answered by turns, so that none waits for all that another has sent
        self._waiting: OrderedDict[str, deque[tuple[ScoringRequest, asyncio.Future[Answer]]]] = OrderedDict()

    async def answer(self, request: ScoringRequest) -> Answer:
        """The answer to a small request, once it is stored."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._answer_all)  # after all that is ready now
        queue = self._waiting.setdefault(request.caller.identity, deque())
        queue.append((request, answered))
        return await answered

    async def stored(self, request: ScoringRequest, answer: Answer, sealed: SealedRequest | None) -> Answer:
        """The answer, once its request is stored."""
        if sealed is None:
            self._count(answer)
            return answer
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._store([_Finished(request, answer, sealed, answered)])
        return await answered

    def _answer_all(self) -> None:
        waiting, finished, ends = self._waiting, [], time.perf_counter() + TURN_SECONDS
        while waiting and time.perf_counter() < ends:
            caller, queue = waiting.popitem(last=False)
            request, answered = queue.popleft()
            if queue:
                waiting[caller] = queue
            if answered.cancelled():
                continue
            try:
                answer, sealed = self._work(request)
            except Exception as error:  # noqa: BLE001 the request's own coroutine raises it
                answered.set_exception(error)
                continue
            if sealed is None:
                self._count(answer)
                answered.set_result(answer)
            else:
                finished.append(_Finished(request, answer, sealed, answered))
        if waiting:
            asyncio.get_running_loop().call_soon(self._answer_all)
        if finished:
            self._store(finished)

    def _store(self, finished: list[_Finished]) -> None:
        timed = [(each, each.request.deadline.left()) for each in finished if each.request.deadline is not None]
        # the journal takes only what has no key
        hurried = {id(each): left for each, left in timed if each.request.key is None}
        if others := [each for each in finished if id(each) not in hurried] if hurried else finished:
            self._submit(others)
        if hurried:
            seconds = max(0.0, min(hurried.values()) * (1 - JOURNAL_SHARE))
            self._submit([each for each in finished if id(each) in hurried], seconds=seconds)
        for each, left in timed:
            _expire(each, left)

    def _submit(self, finished: list[_Finished], *, seconds: float | None = None) -> None:
        assert self._writer is not None, "nothing is sealed without a writer"
        requests: list[Any] = [each.sealed for each in finished]
        self._writer.submit(requests, partial(self._settle, finished), seconds=seconds)

    def _settle(self, finished: list[_Finished], results: Sequence[Result]) -> None:
        """Send each answer on its way, or its error, now that the results of storing are known."""
        for (request, answer, _, waiting), result in zip(finished, results, strict=True):
            if waiting.done():
                continue
            request.watch.lap("store")
            if result is None:
                if request.deadline is not None:
                    self.tails.took(answer.size, request.watch.stages["store"])
                self._count(answer)
                waiting.set_result(answer)
            elif isinstance(result, errors.CommitInDoubt):
                waiting.set_exception(_in_doubt(answer, result.reason))
            elif isinstance(result, Exception):
                waiting.set_exception(result)
            else:
                _settle_as_before(request, result, waiting)

    def _count(self, answer: Answer) -> None:
        """Count an answer's decisions here, one answer right after another, for the reason that there are turns."""
        if answer.summary is not None:
            self._metrics.add(answer.summary)
        elif answer.decisions is not None:
            self._metrics.count(answer.decisions)
        if answer.explanations is not None:
            self._metrics.explained(answer.explanations)


def _expire(finished: _Finished, left: float) -> None:
    """Answer when the seconds that are left have passed, whether the request is stored by then or not."""
    _, answer, _, waiting = finished

    def expire() -> None:
        if not waiting.done():
            waiting.set_exception(_in_doubt(answer, "the decision store did not confirm within the request's deadline"))

    timer = asyncio.get_running_loop().call_later(max(0.0, left), expire)
    waiting.add_done_callback(lambda _: timer.cancel())


def _in_doubt(answer: Answer, reason: str) -> errors.CommitInDoubt:
    decision_ids = answer.first_ids if answer.decisions is None else answer.decisions.ids[:MOST_DECISION_IDS]
    return errors.CommitInDoubt(reason, decision_ids)


def _settle_as_before(request: ScoringRequest, stored: StoredAnswer, waiting: "asyncio.Future[Answer]") -> None:
    """Give the stored answer: another request with this key was quicker."""
    assert request.key is not None, "only a key has an answer stored"
    try:
        waiting.set_result(Answer(replayed(request.key, stored), None, None, is_replayed=True))
    except Exception as error:  # noqa: BLE001 the request's own coroutine raises it
        waiting.set_exception(error)
