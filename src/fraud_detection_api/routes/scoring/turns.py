"""Requests of one turn of the event loop are decided together, and stored together."""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol, TypeAlias

from fraud_detection_api import errors
from fraud_detection_api.decision.stored import IdempotencyKey, StoredAnswer, StoredRequest
from fraud_detection_api.metrics.requests import AnswerMetrics
from fraud_detection_api.routes.protocol.body import Headers, records_in
from fraud_detection_api.routes.protocol.deadlines import JOURNAL_SHARE, Deadline, Tails
from fraud_detection_api.routes.scoring.answer import Answer, given_before
from fraud_detection_api.routes.scoring.asked import HISTORY_SECONDS, Read, unanswered, with_history
from fraud_detection_api.routes.scoring.idempotency import replayed
from fraud_detection_api.schemas.records.parser import RecordParser
from fraud_detection_api.services.admission.callers import ANYBODY, Caller
from fraud_detection_api.services.entities.asking import EntityHistory
from fraud_detection_api.services.models.deployment import Deployment
from fraud_detection_api.services.storage.decision_writer import DecisionWriter, Result

SentHeaders = Sequence[tuple[bytes, bytes]]

LONGEST_SECONDS = 0.005
"""How long a turn of many small requests lasts before whatever else the event loop has to do."""

RECORDS_TOGETHER = 64
"""Records that are decided in one step; with reasons, they take a millisecond or two."""


class ScoringRequest(NamedTuple):
    """An admitted request, and the deployment that answers it. `began` is when it came in, on the clock of `perf_counter`.

    `sent` are the headers as they came; `key` is the `caller`'s Idempotency-Key, where the route takes one.
    """

    deployment: Deployment[RecordParser]
    request_id: str
    headers: Headers
    sent: SentHeaders
    body: bytes
    began: float
    caller: Caller = ANYBODY
    key: IdempotencyKey | None = None
    deadline: Deadline | None = None


class Answered(Protocol):
    """Somebody who waits for an answer; a future, for example."""

    def done(self) -> bool:
        """Whether there is nothing to wait for any more."""

    def set_result(self, answer: Answer, /) -> None:
        """There is an answer."""

    def set_exception(self, error: Exception, /) -> None:
        """There is none."""


_Waiting: TypeAlias = tuple[ScoringRequest, Answered]


class _Finished(NamedTuple):
    """An answer that waits until the request is stored."""

    request: ScoringRequest
    answer: Answer
    sealed: StoredRequest
    waiting: Answered


Worked: TypeAlias = tuple[Answer, StoredRequest | None] | Exception
"""An answer, and what is to be stored before it leaves, None where nothing is; or why there is no answer."""


class Work(Protocol):
    """Turns requests into answers, in two steps."""

    def read(self, requests: Sequence[ScoringRequest]) -> Read:
        """What requests ask for."""

    def work(self, requests: Sequence[ScoringRequest], read: Read) -> list[Worked]:
        """What becomes of them, in order."""


class Turn:
    """Answers the requests of one turn of the event loop together, and stores them together.

    Calls of NumPy and of compiled loops cost the same for one record as for thirty. System calls drive the code of scoring
    out of caches and branch predictors.
    """

    def __init__(
        self,
        work: Work,
        writer: DecisionWriter | None,
        history: EntityHistory | None,
        metrics: AnswerMetrics,
    ) -> None:
        self._work, self._writer, self._history, self._metrics = work, writer, history, metrics
        self.tails = Tails()
        # by caller; callers are answered by turns, so that none waits for all that another has sent
        self._waiting: OrderedDict[str, deque[_Waiting]] = OrderedDict()

    async def answer(self, request: ScoringRequest) -> Answer:
        """The answer to a small request, once it is stored."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.add(request, answered)
        return await answered

    def add(self, request: ScoringRequest, answered: Answered) -> None:
        """Have a small request answered, and stored before that."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._answer_all)  # after all that is ready now
        self._waiting.setdefault(request.caller.identity, deque()).append((request, answered))

    async def stored(self, request: ScoringRequest, answer: Answer, sealed: StoredRequest | None) -> Answer:
        """The answer, once its request is stored."""
        if sealed is None:
            self._count(answer)
            return answer
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._store([_Finished(request, answer, sealed, answered)])
        return await answered

    async def with_history(self, requests: Sequence[ScoringRequest], read: Read) -> Read:
        """The same, with history features in the records."""
        answered: asyncio.Future[Read] = asyncio.get_running_loop().create_future()
        self._ask(requests, read, answered.set_result)
        return await answered

    def _ask(self, requests: Sequence[ScoringRequest], read: Read, done: Callable[[Read], None]) -> None:
        left = [request.deadline.left() for request in requests if request.deadline is not None]
        contracts = [request.deployment.contract for request in requests]
        seconds = min([HISTORY_SECONDS, *(each / 2 for each in left)])
        began = time.perf_counter()

        def counted(read: Read) -> None:
            without = unanswered(contracts, read)
            self._metrics.waited_for_history(time.perf_counter() - began, without=without)
            done(read)

        with_history(self._history, contracts, read, seconds=seconds, done=counted)

    def _answer_all(self) -> None:
        """Answer what waits, for `LONGEST_SECONDS`; the rest waits for the next turn, and health checks do not."""
        finished: list[_Finished] = []
        ends = time.perf_counter() + LONGEST_SECONDS
        while self._waiting:
            self._answer_some(self._taken(), finished)
            if self._waiting and time.perf_counter() > ends:
                asyncio.get_running_loop().call_soon(self._answer_all)
                break
        if finished:
            self._store(finished)

    def _taken(self) -> list[_Waiting]:
        """The next requests, of RECORDS_TOGETHER records or a few more."""
        taken, records = [], 0
        while self._waiting and records < RECORDS_TOGETHER:
            caller, queue = self._waiting.popitem(last=False)
            has_rivals = bool(self._waiting)
            while queue and records < RECORDS_TOGETHER:
                waiting = queue.popleft()
                if not waiting[1].done():
                    taken.append(waiting)
                    records += records_in(waiting[0].body)
                if has_rivals:
                    break
            if queue:
                self._waiting[caller] = queue
        return taken

    def _answer_some(self, waiting: Sequence[_Waiting], finished: list[_Finished]) -> None:
        """Answer requests, or add them to those `finished` that wait until they are stored, once their history is known."""
        requests = [request for request, _ in waiting]
        read = self._work.read(requests)
        try:
            if any(request.deployment.contract.history for request in requests):
                self._ask(requests, read, partial(self._answer_later, waiting))
            else:
                self._answer_read(waiting, read, finished)
        except Exception as error:  # noqa: BLE001 the requests' own coroutines raise it
            for _, answered in waiting:
                if not answered.done():
                    answered.set_exception(error)

    def _answer_later(self, waiting: Sequence[_Waiting], read: Read) -> None:
        finished: list[_Finished] = []
        self._answer_read(waiting, read, finished)
        if finished:
            self._store(finished)

    def _answer_read(self, waiting: Sequence[_Waiting], read: Read, finished: list[_Finished]) -> None:
        results = self._work.work([request for request, _ in waiting], read)
        for (request, answered), result in zip(waiting, results, strict=True):
            if isinstance(result, Exception):
                answered.set_exception(result)  # the request's own coroutine raises it
                continue
            answer, sealed = result
            if sealed is None:
                self._count(answer)
                answered.set_result(answer)
            else:
                finished.append(_Finished(request, answer, sealed, answered))

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
        requests = [each.sealed for each in finished]
        self._writer.submit(requests, partial(self._settle, finished), seconds=seconds)

    def _settle(self, finished: list[_Finished], results: Sequence[Result]) -> None:
        """Send each answer on its way, or its error, now that the results of storing are known."""
        if self._history is not None:
            self._tell(self._history, finished, results)
        for (request, answer, _, waiting), result in zip(finished, results, strict=True):
            if waiting.done():
                continue
            watch = answer.origin.watch
            if "store" not in watch.stages:  # of the first among those that were decided together
                watch.lap("store")
            if result is None:
                if request.deadline is not None:
                    self.tails.took(answer.size, watch.stages["store"])
                self._count(answer)
                waiting.set_result(answer)
            elif isinstance(result, errors.CommitInDoubt):
                waiting.set_exception(_in_doubt(answer, result.reason))
            elif isinstance(result, Exception):
                waiting.set_exception(result)
            else:
                _settle_as_before(request, result, waiting)

    def _tell(self, history: EntityHistory, finished: list[_Finished], results: Sequence[Result]) -> None:
        """Tell the history what was stored. What only the journal has is among it, and does no harm."""
        stored = [each for each, result in zip(finished, results, strict=True) if result is None]
        decided = [(each.request.deployment.contract, each.sealed) for each in stored]
        if told := [each for each in decided if each[0].history]:
            history.stored(told)

    def _count(self, answer: Answer) -> None:
        """Count an answer's decisions here, one answer right after another, for the reason that there are turns."""
        if answer.summary is not None:
            self._metrics.add(answer.summary)
        elif answer.decided is not None:
            self._metrics.count(answer.decided.decisions, answer.first, answer.last)
            self._metrics.untimely(answer.untimely())
        if answer.explanations is not None:
            self._metrics.explained(answer.explanations)


def _expire(finished: _Finished, left: float) -> None:
    """Answer when the seconds that are left have passed, whether the request is stored by then or not."""
    _, answer, _, waiting = finished
    assert isinstance(waiting, asyncio.Future), "only the application takes deadlines"

    def expire() -> None:
        if not waiting.done():
            waiting.set_exception(_in_doubt(answer, "the decision store did not confirm within the request's deadline"))

    timer = asyncio.get_running_loop().call_later(max(0.0, left), expire)
    waiting.add_done_callback(lambda _: timer.cancel())


def _in_doubt(answer: Answer, reason: str) -> errors.CommitInDoubt:
    return errors.CommitInDoubt(reason, answer.decision_ids)


def _settle_as_before(request: ScoringRequest, stored: StoredAnswer, waiting: Answered) -> None:
    """Give the stored answer: another request with this key was quicker."""
    assert request.key is not None, "only a key has an answer stored"
    try:
        waiting.set_result(given_before(replayed(request.key, stored)))
    except Exception as error:  # noqa: BLE001 the request's own coroutine raises it
        waiting.set_exception(error)
