"""What the scoring routes share: from a request's bytes to the answer's, by way of the store. Plain ASGI.

A scored record costs less than what a framework does around one.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from starlette.types import Receive, Scope, Send

from fraud_detection_api.container.process import Container
from fraud_detection_api.contract.columns import Record
from fraud_detection_api.decision.decided import Decisions, Explanations
from fraud_detection_api.decision.stored import IdempotencyKey, SealedRequest, StoredAnswer
from fraud_detection_api.metrics.requests import AnswerMetrics, AnswerSummary, summarised
from fraud_detection_api.routes.body import Headers, headers_of, read_json_body, repeated_names
from fraud_detection_api.routes.idempotency import KEY_HEADER, REPLAYED, idempotency_key, packed, recall, replayed
from fraud_detection_api.schemas.parser import LARGE_BODY_BYTES
from fraud_detection_api.services.deciding.recording import RequestContext
from fraud_detection_api.services.models.champion import ServedModel
from fraud_detection_api.services.storage.decision_writer import DecisionWriter, Result
from fraud_detection_api.telemetry import Stopwatch

MODEL_VERSION, SERVER_TIMING = "X-Model-Version", "Server-Timing"

ANSWER_HEADERS = {
    MODEL_VERSION: {"description": "The version that scored.", "schema": {"type": "string"}},
    SERVER_TIMING: {"description": "Milliseconds that each stage took.", "schema": {"type": "string"}},
}
"""Of every scoring answer, in OpenAPI."""


class ScoringRequest(NamedTuple):
    """A request that may pass: the model to score with, and what was sent. `watch` has run since the request came in.

    `repeated` are the names of headers that were sent more than once; `key` is the caller's, where the route takes one.
    """

    container: Container
    model: ServedModel
    request_id: str
    headers: Headers
    repeated: frozenset[bytes]
    body: bytes
    watch: Stopwatch
    key: IdempotencyKey | None = None

    def kept(self, decisions: Decisions, records: Sequence[Record], answer: bytes) -> SealedRequest | None:
        """What is to be kept of the request before `answer` leaves; None where there is no store."""
        container, key = self.container, self.key
        if container.keeper is None:
            return None
        circumstances = RequestContext(
            self.request_id, None if key is None else key.key, self.model.bundle.contract, self.watch.elapsed_ms()
        )
        rows = container.recorder.rows(decisions, records, circumstances)
        return SealedRequest(rows, len(records), key, b"" if key is None else packed(answer))


class Answer(NamedTuple):
    """The JSON body of an answer, the decisions that it tells, and what is to be kept before it leaves.

    `explanations` is what became of their reasons, where the route gives any. Of a large answer the decisions are counted
    already: `summary` stands in their place.
    """

    body: bytes
    decisions: Decisions | None
    kept: SealedRequest | None
    explanations: Explanations | None = None
    summary: AnswerSummary | None = None
    replayed: bool = False

    @property
    def records(self) -> int:
        """How many it tells of; none, where it was given before."""
        if self.summary is not None:
            return self.summary.records
        return 0 if self.decisions is None else self.decisions.size


class ScoringRoute:
    """Answers POST requests at `path` with `answer`; errors are for the application around it.

    Where it is `idempotent`, a request whose key was answered before gets that answer.
    """

    def __init__(
        self, path: str, container: Container, answer: Callable[[ScoringRequest], Answer], *, idempotent: bool
    ) -> None:
        self.path = path
        self._container, self._answer, self._idempotent = container, answer, idempotent
        self._turn = _Turn(self._work, container.keeper, AnswerMetrics(container.metrics.tallies, path))
        # one thread: large requests wait for one another, and small ones share the interpreter with one of them at most
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="large-request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        container, settings, watch = self._container, self._container.settings, Stopwatch()
        scope["route"] = self  # as FastAPI notes its own, for the log
        scope["state"]["watch"] = watch
        headers = headers_of(scope)
        container.keys.require("score", headers.get(b"authorization", b"").decode("latin-1"))
        if container.keeper is not None:
            container.keeper.require_room()
        with container.gate:
            model = container.champion.current()
            body = await read_json_body(
                headers, receive, limit_bytes=settings.max_body_bytes, timeout_seconds=settings.body_timeout_seconds
            )
            request_id, repeated = scope["state"]["request_id"], repeated_names(scope, headers)
            request = ScoringRequest(container, model, request_id, headers, repeated, body, watch)
            answer = None
            if self._idempotent and KEY_HEADER in headers:
                request, answer = await asyncio.to_thread(_recalled, request)
            answer = answer or await self._answered(request)
        # of an answer that was given before, neither: nothing was scored, and it may be another model's
        scope["state"] |= {"records": answer.records, "model_version": None if answer.replayed else model.version}
        await send({"type": "http.response.start", "status": 200, "headers": _headers(answer, request)})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answered(self, request: ScoringRequest) -> Answer:
        if len(request.body) < LARGE_BODY_BYTES:
            return await self._turn.answer(request)
        answer = await asyncio.get_running_loop().run_in_executor(self._aside, self._work_aside, request)
        return await self._turn.kept(request, answer)

    def _work(self, request: ScoringRequest) -> Answer:
        request.watch.start()
        return self._answer(request)

    def _work_aside(self, request: ScoringRequest) -> Answer:
        """Counts the decisions here, for a cell of the metrics is one thread's: the event loop's."""
        answer = self._work(request)
        assert answer.decisions is not None, "it was just answered"
        return answer._replace(decisions=None, summary=summarised(answer.decisions))


def _recalled(request: ScoringRequest) -> tuple[ScoringRequest, Answer | None]:
    """The request with its key, and the answer that this was given before."""
    request = request._replace(key=idempotency_key(request))
    body = recall(request)
    return request, None if body is None else Answer(body, None, None, replayed=True)


_Finished = tuple[ScoringRequest, Answer, "asyncio.Future[Answer]"]


class _Turn:
    """Requests that came in one turn of the event loop, answered one after another with nothing in between, kept together.

    Reading from a socket or writing to one drives the code of scoring out of caches and branch predictors: a record that is
    scored after another takes half the time of one that is scored after a system call.
    """

    def __init__(
        self, answer: Callable[[ScoringRequest], Answer], keeper: DecisionWriter | None, metrics: AnswerMetrics
    ) -> None:
        self._answer, self._keeper, self._metrics = answer, keeper, metrics
        self._waiting: list[tuple[ScoringRequest, asyncio.Future[Answer]]] = []

    async def answer(self, request: ScoringRequest) -> Answer:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._answer_all)  # after all that is ready now
        self._waiting.append((request, answered))
        return await answered

    async def kept(self, request: ScoringRequest, answer: Answer) -> Answer:
        """The answer, once what is to be kept of it is kept."""
        if answer.kept is None:
            self._count(answer)
            return answer
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()
        self._keep([(request, answer, answered)])
        return await answered

    def _answer_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        finished = []
        for request, answered in waiting:
            if answered.cancelled():
                continue
            try:
                answer = self._answer(request)
            except Exception as error:  # noqa: BLE001 it is for the one who waits
                answered.set_exception(error)
                continue
            if answer.kept is None:
                self._count(answer)
                answered.set_result(answer)
            else:
                finished.append((request, answer, answered))
        if finished:
            self._keep(finished)

    def _keep(self, finished: list[_Finished]) -> None:
        assert self._keeper is not None, "only a store makes something to keep"
        requests: list[Any] = [answer.kept for _, answer, _ in finished]
        self._keeper.submit(requests, partial(self._settle, finished))

    def _settle(self, finished: list[_Finished], results: Sequence[Result]) -> None:
        """Let the answers go, now that it is known what became of each."""
        for (request, answer, answered), result in zip(finished, results, strict=True):
            if answered.cancelled():
                continue
            request.watch.lap("store")
            if result is None:
                self._count(answer)
                answered.set_result(answer)
            elif isinstance(result, Exception):
                answered.set_exception(result)
            else:
                _settle_as_before(request, result, answered)

    def _count(self, answer: Answer) -> None:
        """Here, where answers come one after another, and not each in its turn: for the reason that there are turns."""
        if answer.summary is not None:
            self._metrics.add(answer.summary)
        elif answer.decisions is not None:
            self._metrics.count(answer.decisions)
        if answer.explanations is not None:
            self._metrics.explained(answer.explanations)


def _settle_as_before(request: ScoringRequest, stored: StoredAnswer, answered: "asyncio.Future[Answer]") -> None:
    """Another request with this key was quicker."""
    assert request.key is not None, "only a key has an answer stored"
    try:
        answered.set_result(Answer(replayed(request.key, stored), None, None, replayed=True))
    except Exception as error:  # noqa: BLE001 it is for the one who waits
        answered.set_exception(error)


def _headers(answer: Answer, request: ScoringRequest) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"server-timing", request.watch.server_timing().encode()),
        (b"content-length", str(len(answer.body)).encode()),
        (b"content-type", b"application/json"),
    ]
    # a stored answer names the model that made it, which may be another one than serves now
    told = (
        (REPLAYED.lower().encode(), b"true")
        if answer.replayed
        else (b"x-model-version", request.model.version.encode())
    )
    return [told, *headers]
