"""What the scoring routes share: from a request's bytes to its answer's, by way of the store. Plain ASGI.

A framework around a route costs more than scoring a record.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from starlette.types import Message, Receive, Scope, Send

from fraud_detection_api import errors
from fraud_detection_api.contract.columns import Record
from fraud_detection_api.decision.decided import Decisions, Explanations
from fraud_detection_api.decision.stored import IdempotencyKey, SealedRequest, StoredAnswer
from fraud_detection_api.metrics.requests import AnswerMetrics, AnswerSummary, summarised
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.routes.idempotency import KEY_HEADER, REPLAYED, idempotency_key, packed, recall, replayed
from fraud_detection_api.routes.protocol.body import Headers, RequestLimits, hung_up, read_json_body, records_in
from fraud_detection_api.routes.protocol.pieces import send_in_pieces
from fraud_detection_api.routes.protocol.problems import BODY, FORBIDDEN, KEYED, OVERLOADED, Responses, problem
from fraud_detection_api.routes.protocol.rate_limits import rate_limit_fields
from fraud_detection_api.schemas.parser import LARGE_BODY_BYTES, RecordParser
from fraud_detection_api.services.admission.api_keys import ApiKeys
from fraud_detection_api.services.admission.callers import ANYBODY, Caller
from fraud_detection_api.services.admission.entrance import Entrance
from fraud_detection_api.services.admission.rates import Rates
from fraud_detection_api.services.deciding.recording import Recorder, RequestContext
from fraud_detection_api.services.models.deployment import Deployment
from fraud_detection_api.services.models.follower import AliasFollower
from fraud_detection_api.services.storage.decision_store import DecisionStore
from fraud_detection_api.services.storage.decision_writer import DecisionWriter, Result
from fraud_detection_api.telemetry import Stopwatch

MODEL_VERSION, SERVER_TIMING = "X-Model-Version", "Server-Timing"

ANSWER_HEADERS = {
    MODEL_VERSION: {"description": "The version of the model that scored.", "schema": {"type": "string"}},
    SERVER_TIMING: {"description": "The duration of each stage, in milliseconds.", "schema": {"type": "string"}},
}
"""The headers of every scoring answer, in OpenAPI."""

BAD_FIELD = errors.FieldProblem("/0/total_balance", "must be a number")
"""A bad field, for an example."""

PROBLEMS: Responses = {
    **BODY,
    **KEYED,
    **FORBIDDEN,
    **problem(413, "The body or the number of records is above the limit.", errors.TooManyRecords, errors.BodyTooLarge),
    **problem(
        422, "Records break the contract; `errors` lists the invalid fields.", errors.InvalidRecords, field=BAD_FIELD
    ),
    **OVERLOADED,
    **problem(
        503,
        "No verified model is loaded (`model_not_ready`), the decision store cannot be written to (`store_unavailable`), or "
        "too many decisions wait to be stored (`store_busy`; `Retry-After` says when to try again).",
        errors.ModelNotReady,
        errors.StoreBusy,
        errors.StoreUnavailable,
    ),
}
"""The problems of every scoring route, in OpenAPI."""


@dataclass(frozen=True)
class ScoringServices:
    """What the scoring routes work with. Without a `writer` and a `store`, no decisions are stored."""

    champion: AliasFollower[Deployment[RecordParser]]
    keys: ApiKeys
    entrance: Entrance
    rates: Rates
    limits: RequestLimits
    recorder: Recorder
    store: DecisionStore | None
    writer: DecisionWriter | None
    tallies: Tallies


class ScoringRequest(NamedTuple):
    """An admitted request, and the deployment that answers it. `watch` has run since the request came in.

    `sent` are the headers as they came; `key` is the `caller`'s Idempotency-Key, where the route takes one.
    """

    deployment: Deployment[RecordParser]
    request_id: str
    headers: Headers
    sent: Sequence[tuple[bytes, bytes]]
    body: bytes
    watch: Stopwatch
    caller: Caller = ANYBODY
    key: IdempotencyKey | None = None


class Answer(NamedTuple):
    """The JSON body of an answer, and its decisions. `records` are stored with them; None for a dry run.

    `explanations` says whether reasons were given, where the route gives any. In a large answer, `summary` replaces the
    decisions.
    """

    body: bytes
    decisions: Decisions | None
    records: Sequence[Record] | None
    explanations: Explanations | None = None
    summary: AnswerSummary | None = None
    is_replayed: bool = False

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


class ScoringRoute:
    """Answers POST requests at `path` with `answer`; the application around it answers errors.

    On an `idempotent` route, a request whose key was answered before gets that answer.
    """

    def __init__(
        self, path: str, services: ScoringServices, answer: Callable[[ScoringRequest], Answer], *, idempotent: bool
    ) -> None:
        self.path = path
        self._services, self._answer, self._idempotent = services, answer, idempotent
        self._turn = _Turn(self._work, services.writer, AnswerMetrics(services.tallies, path))
        # one thread: large requests wait for one another, and small ones share the interpreter with one of them at most
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="large-request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        services, state, watch = self._services, scope["state"], Stopwatch()
        scope["route"] = self  # as FastAPI does, for the log
        state["watch"] = watch
        headers, caller = state["headers"], ANYBODY
        if services.keys.callers:  # where there are keys
            caller = services.keys.require("score", headers.get(b"authorization", b"").decode("latin-1"))
            services.rates.spend(caller, requests=1)
        if services.writer is not None:
            services.writer.require_room()
        deployment = services.champion.current or services.champion.require()
        body, held = await read_json_body(headers, receive, services.limits, services.entrance.bodies, caller)
        try:
            request = ScoringRequest(deployment, state["request_id"], headers, scope["headers"], body, watch, caller)
            if caller is not ANYBODY and caller.limits.has_rates:
                services.rates.spend(caller, records=records_in(body))
            answering = self._answer_small if len(body) < LARGE_BODY_BYTES else self._answer_large
            await answering(request, scope, receive, send)
        finally:
            if held:
                services.entrance.bodies.give_back(caller, held)

    async def _answer_small(self, request: ScoringRequest, scope: Scope, _receive: Receive, send: Send) -> None:
        places, caller, answer = self._services.entrance.places, request.caller, None
        places.take(caller, at_most=caller.limits.in_flight)
        try:
            if self._idempotent and KEY_HEADER in request.headers:
                request, answer = await asyncio.to_thread(self._recalled, request)
            answer = answer or await self._turn.answer(request)
        finally:
            places.give_back(caller)
        await send(self._start(request, answer, scope))
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer_large(self, request: ScoringRequest, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer once the caller's turn has come. Nobody would get the answer of a caller who hung up and sent no key."""
        entrance, has_key = self._services.entrance, self._idempotent and KEY_HEADER in request.headers
        hang_up, answer = None if has_key else partial(hung_up, receive), None
        async with entrance.turn(request.caller, records_in(request.body), hang_up) as turn:
            if has_key:
                request, answer = await asyncio.to_thread(self._recalled, request)
            if answer is None:
                running = asyncio.get_running_loop().run_in_executor(self._aside, self._work_aside, request)
                worked, sealed = await running
                entrance.turns.worked(turn)
                answer = await self._turn.stored(request, worked, sealed)
            else:
                entrance.turns.worked(turn)
            await send(self._start(request, answer, scope))
            await send_in_pieces(answer.body, send)

    def _start(self, request: ScoringRequest, answer: Answer, scope: Scope) -> Message:
        """The start of an answer."""
        version = request.deployment.champion.version
        # nothing was scored for a repeated answer, and another model may have made it
        scope["state"] |= {"records": answer.size, "model_version": None if answer.is_replayed else version}
        headers = _headers(answer, version, request.watch)
        if request.caller is not ANYBODY and request.caller.limits.has_rates:
            headers += rate_limit_fields(self._services.rates.quotas(request.caller))
        return {"type": "http.response.start", "status": 200, "headers": headers}

    def _recalled(self, request: ScoringRequest) -> tuple[ScoringRequest, Answer | None]:
        """The request with its key, and the answer that the key was given before."""
        caller = request.caller
        key = idempotency_key(request.sent, request.body, caller=caller.identity)
        body = recall(self._services.store, key)
        if body is None and caller.is_named:  # answers from before the key had a name
            body = recall(self._services.store, key._replace(caller=caller.digest))
        return request._replace(key=key), None if body is None else Answer(body, None, None, is_replayed=True)

    def _work(self, request: ScoringRequest) -> tuple[Answer, SealedRequest | None]:
        """The answer, and what is to be stored before it leaves; None where nothing is."""
        request.watch.start()
        answer = self._answer(request)
        return answer, None if self._services.writer is None else self._sealed(request, answer)

    def _work_aside(self, request: ScoringRequest) -> tuple[Answer, SealedRequest | None]:
        """Summarise the decisions here: only the event loop's thread may write to a metric's cell."""
        answer, sealed = self._work(request)
        assert answer.decisions is not None, "it was just answered"
        return answer._replace(decisions=None, records=None, summary=summarised(answer.decisions)), sealed

    def _sealed(self, request: ScoringRequest, answer: Answer) -> SealedRequest | None:
        decisions, records, key = answer.decisions, answer.records, request.key
        if decisions is None or records is None:
            return None
        context = RequestContext(
            request.request_id,
            None if key is None else key.key,
            request.deployment.contract,
            request.watch.elapsed_ms(),
        )
        rows = self._services.recorder.rows(decisions, records, context)
        return SealedRequest(rows, len(records), key, b"" if key is None else packed(answer.body))


class _Turn:
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
        self._waiting: list[tuple[ScoringRequest, asyncio.Future[Answer]]] = []

    async def answer(self, request: ScoringRequest) -> Answer:
        """The answer to a small request, once it is stored."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._answer_all)  # after all that is ready now
        self._waiting.append((request, answered))
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
        waiting, self._waiting = self._waiting, []
        finished = []
        for request, answered in waiting:
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
        if finished:
            self._store(finished)

    def _store(self, finished: list[_Finished]) -> None:
        assert self._writer is not None, "nothing is sealed without a writer"
        requests: list[Any] = [each.sealed for each in finished]
        self._writer.submit(requests, partial(self._settle, finished))

    def _settle(self, finished: list[_Finished], results: Sequence[Result]) -> None:
        """Send each answer on its way, or its error, now that the results of storing are known."""
        for (request, answer, _, waiting), result in zip(finished, results, strict=True):
            if waiting.cancelled():
                continue
            request.watch.lap("store")
            if result is None:
                self._count(answer)
                waiting.set_result(answer)
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


def _settle_as_before(request: ScoringRequest, stored: StoredAnswer, waiting: "asyncio.Future[Answer]") -> None:
    """Give the stored answer: another request with this key was quicker."""
    assert request.key is not None, "only a key has an answer stored"
    try:
        waiting.set_result(Answer(replayed(request.key, stored), None, None, is_replayed=True))
    except Exception as error:  # noqa: BLE001 the request's own coroutine raises it
        waiting.set_exception(error)


def _headers(answer: Answer, version: str, watch: Stopwatch) -> list[tuple[bytes, bytes]]:
    # a stored answer may be another model's than the one that serves now
    origin = (REPLAYED.lower().encode(), b"true") if answer.is_replayed else (b"x-model-version", version.encode())
    return [
        origin,
        (b"server-timing", watch.server_timing().encode()),
        (b"content-length", str(len(answer.body)).encode()),
        (b"content-type", b"application/json"),
    ]
