"""What the scoring routes share: from a request's bytes to its answer's, by way of the store. Plain ASGI.

A framework around a route costs more than scoring a record.
"""

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from starlette.types import Receive, Scope, Send

from fraud_detection_api import errors
from fraud_detection_api.decision.stored import SealedRequest
from fraud_detection_api.metrics.requests import AnswerMetrics, summarised
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.routes.idempotency import KEY_HEADER, REPLAYED, idempotency_key, packed, recall
from fraud_detection_api.routes.protocol.body import Headers, RequestLimits, headers_of, read_json_body
from fraud_detection_api.routes.protocol.deadlines import Deadline
from fraud_detection_api.routes.protocol.problems import BODY, FORBIDDEN, KEYED, Responses, problem
from fraud_detection_api.routes.turns import MOST_DECISION_IDS, Answer, ScoringRequest, SentHeaders, Turn
from fraud_detection_api.schemas.parser import LARGE_BODY_BYTES, RecordParser
from fraud_detection_api.services.admission.api_keys import ApiKeys
from fraud_detection_api.services.deciding.recording import Recorder, RequestContext
from fraud_detection_api.services.models.deployment import Deployment
from fraud_detection_api.services.models.follower import AliasFollower
from fraud_detection_api.services.storage.decision_store import DecisionStore
from fraud_detection_api.services.storage.decision_writer import DecisionWriter
from fraud_detection_api.services.storage.patience import PatientThreads
from fraud_detection_api.telemetry import Stopwatch

MODEL_VERSION, SERVER_TIMING = "X-Model-Version", "Server-Timing"
RETRY_AFTER_SECONDS = 1

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
    **problem(429, "Too many requests are in flight; `Retry-After` says when to try again.", errors.Overloaded),
    **problem(
        503,
        "No verified model is loaded (`model_not_ready`), the decision store cannot be written to (`store_unavailable`), or "
        "too many decisions wait to be stored (`store_busy`; `Retry-After` says when to try again). `commit_in_doubt`: the "
        "store did not confirm in time that the decisions are stored; all of them are, or none, so look up one of "
        "`decision_ids`, or repeat the request with its Idempotency-Key. `deadline_passed`: nothing was decided.",
        errors.ModelNotReady,
        errors.CommitInDoubt,
        errors.DeadlinePassed,
        errors.StoreBusy,
        errors.StoreUnavailable,
    ),
}
"""The problems of every scoring route, in OpenAPI."""


class AdmissionGate:
    """Admits at most `limit` scoring requests at a time, and refuses more: a queue would only hide the overload.

    A context manager: a request is in flight while the block runs. Entering raises Overloaded. For one event loop.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.in_flight = 0

    def __enter__(self) -> None:
        if self.in_flight >= self._limit:
            raise errors.Overloaded(RETRY_AFTER_SECONDS)
        self.in_flight += 1

    def __exit__(self, *_error: object) -> None:
        self.in_flight -= 1


@dataclass(frozen=True)
class ScoringServices:
    """What the scoring routes work with. Without a `writer` and a `store`, no decisions are stored."""

    champion: AliasFollower[Deployment[RecordParser]]
    keys: ApiKeys
    gate: AdmissionGate
    limits: RequestLimits
    recorder: Recorder
    store: DecisionStore | None
    lookups: PatientThreads
    writer: DecisionWriter | None
    tallies: Tallies


class ScoringRoute:
    """Answers POST requests at `path` with `answer`; the application around it answers errors.

    On an `idempotent` route, a request whose key was answered before gets that answer. Where there is a `deadline`, it says
    how many seconds a request has.
    """

    def __init__(
        self,
        path: str,
        services: ScoringServices,
        answer: Callable[[ScoringRequest], Answer],
        *,
        idempotent: bool,
        deadline: Callable[[Headers, SentHeaders], float | None] | None = None,
    ) -> None:
        self.path = path
        self._services, self._answer, self._idempotent, self._seconds = services, answer, idempotent, deadline
        self._turn = Turn(self._work, services.writer, AnswerMetrics(services.tallies, path))
        # one thread: large requests wait for one another, and small ones share the interpreter with one of them at most
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="large-request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        services, state, watch = self._services, scope["state"], Stopwatch()
        scope["route"] = self  # as FastAPI does, for the log
        state["watch"] = watch
        headers = headers_of(scope)
        if services.keys.roles:  # where there are keys
            services.keys.require("score", headers.get(b"authorization", b"").decode("latin-1"))
        if services.writer is not None:
            services.writer.require_room()
        with services.gate:
            deployment = services.champion.current or services.champion.require()
            seconds = None if self._seconds is None else self._seconds(headers, scope["headers"])
            deadline = None if seconds is None else Deadline(watch.began, seconds, self._turn.tails)
            limits = services.limits if deadline is None else deadline.shortened(services.limits)
            body = await read_json_body(headers, receive, limits)
            request = ScoringRequest(
                deployment, state["request_id"], headers, scope["headers"], body, watch, None, deadline
            )
            answer = None
            if self._idempotent and KEY_HEADER in headers:
                recalling = partial(self._recalled, request)
                request, answer = await services.lookups.result(recalling, seconds=_left(deadline))
            answer = answer or await self._answered(request)
        version = deployment.champion.version
        # nothing was scored for a repeated answer, and another model may have made it
        state |= {"records": answer.size, "model_version": None if answer.is_replayed else version}
        await send({"type": "http.response.start", "status": 200, "headers": _headers(answer, version, watch)})
        await send({"type": "http.response.body", "body": answer.body})

    def _recalled(self, request: ScoringRequest) -> tuple[ScoringRequest, Answer | None]:
        """The request with its key, and the answer that the key was given before."""
        caller = self._services.keys.caller(request.headers.get(b"authorization", b"").decode("latin-1"))
        key = idempotency_key(request.sent, request.body, caller=caller)
        body = recall(self._services.store, key)
        return request._replace(key=key), None if body is None else Answer(body, None, None, is_replayed=True)

    async def _answered(self, request: ScoringRequest) -> Answer:
        if len(request.body) < LARGE_BODY_BYTES:
            return await self._turn.answer(request)
        working = asyncio.get_running_loop().run_in_executor(self._aside, self._work_aside, request)
        deadline = request.deadline
        if deadline is not None and not (await asyncio.wait([working], timeout=deadline.left()))[0]:
            working.cancel()
            raise errors.DeadlinePassed
        answer, sealed = await working
        return await self._turn.stored(request, answer, sealed)

    def _work(self, request: ScoringRequest) -> tuple[Answer, SealedRequest | None]:
        """The answer, and what is to be stored before it leaves; None where nothing is. Raises DeadlinePassed."""
        request.watch.start()
        if request.deadline is not None:
            request.deadline.require()
        answer = self._answer(request)
        return answer, None if self._services.writer is None else self._sealed(request, answer)

    def _work_aside(self, request: ScoringRequest) -> tuple[Answer, SealedRequest | None]:
        """Summarise the decisions here: only the event loop's thread may write to a metric's cell."""
        answer, sealed = self._work(request)
        assert answer.decisions is not None, "it was just answered"
        if request.deadline is not None and request.deadline.left() < 0:  # nobody gets this answer; the next is earlier
            self._turn.tails.took(answer.size, time.perf_counter() - request.watch.lapped)
        first_ids = answer.decisions.ids[:MOST_DECISION_IDS]
        summary = summarised(answer.decisions)
        return answer._replace(decisions=None, records=None, summary=summary, first_ids=first_ids), sealed

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


def _left(deadline: Deadline | None) -> float:
    return math.inf if deadline is None else deadline.left()


def _headers(answer: Answer, version: str, watch: Stopwatch) -> list[tuple[bytes, bytes]]:
    # a stored answer may be another model's than the one that serves now
    origin = (REPLAYED.lower().encode(), b"true") if answer.is_replayed else (b"x-model-version", version.encode())
    return [
        origin,
        (b"server-timing", watch.server_timing().encode()),
        (b"content-length", str(len(answer.body)).encode()),
        (b"content-type", b"application/json"),
    ]
