"""A scoring route: from a request's bytes to its answer's, by way of the store. Plain ASGI.

A framework around a route costs more than scoring a record.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from starlette.types import Message, Receive, Scope, Send

from fraud_detection_api import errors
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.metrics.requests import AnswerMetrics
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.routes.protocol.body import (
    Headers,
    RequestLimits,
    cost_of,
    hung_up,
    is_large,
    read_json_body,
    records_in,
)
from fraud_detection_api.routes.protocol.deadlines import Deadline
from fraud_detection_api.routes.protocol.parameters import problems_of_query
from fraud_detection_api.routes.protocol.pieces import send_in_pieces
from fraud_detection_api.routes.protocol.problems import BODY, KEYED, Responses, problem
from fraud_detection_api.routes.protocol.rate_limits import rate_limit_fields
from fraud_detection_api.routes.scoring.answer import MODEL_VERSION, SERVER_TIMING, Answer, given_before
from fraud_detection_api.routes.scoring.asked import Read
from fraud_detection_api.routes.scoring.idempotency import KEY_HEADER, idempotency_key, recall
from fraud_detection_api.routes.scoring.together import Answers, sealed_requests
from fraud_detection_api.routes.scoring.turns import ScoringRequest, SentHeaders, Turn, Worked
from fraud_detection_api.schemas.records.parser import RecordParser
from fraud_detection_api.services.admission.api_keys import ApiKeys
from fraud_detection_api.services.admission.callers import ANYBODY
from fraud_detection_api.services.admission.entrance import Entrance
from fraud_detection_api.services.admission.rates import Rates
from fraud_detection_api.services.admission.turns import Turn as LargeTurn
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.entities.asking import EntityHistory
from fraud_detection_api.services.models.deployment import Deployment
from fraud_detection_api.services.models.follower import AliasFollower
from fraud_detection_api.services.storage.decision_store import DecisionStore
from fraud_detection_api.services.storage.decision_writer import DecisionWriter
from fraud_detection_api.services.storage.patience import PatientThreads
from fraud_detection_api.telemetry import Stopwatch

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
    **problem(413, "The body or the number of records is above the limit.", errors.TooManyRecords, errors.BodyTooLarge),
    **problem(
        422, "Records break the contract; `errors` lists the invalid fields.", errors.InvalidRecords, field=BAD_FIELD
    ),
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
    lookups: PatientThreads
    writer: DecisionWriter | None
    history: EntityHistory | None
    tallies: Tallies


class ScoringRoute:
    """Answers POST requests at `path` with `answers`; the application around it answers errors.

    On an `idempotent` route, a request whose key was answered before gets that answer. Where there is a `deadline`, it says
    how many seconds a request has.
    """

    def __init__(
        self,
        path: str,
        services: ScoringServices,
        answers: Answers,
        *,
        idempotent: bool,
        deadline: Callable[[Headers, SentHeaders], float | None] | None = None,
    ) -> None:
        self.path = path
        self.services, self._answers, self._idempotent, self._seconds = services, answers, idempotent, deadline
        self._recorder = None if services.writer is None else services.recorder
        self.turn = Turn(self, services.writer, services.history, AnswerMetrics(services.tallies, path))
        # one thread: large requests wait for one another, and small ones share the interpreter with one of them at most
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="large-request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        services, state, began = self.services, scope["state"], time.perf_counter()
        scope["route"] = self  # as FastAPI does, for the log
        headers, caller = state["headers"], ANYBODY
        if services.keys.callers:  # where there are keys
            caller = services.keys.require("score", headers.get(b"authorization", b"").decode("latin-1"))
            services.rates.spend(caller, requests=1)
        if self._idempotent and scope["query_string"]:  # callers of `/fraud_detection` may always have sent some
            raise errors.InvalidRecords(problems_of_query(scope["query_string"]))
        if services.writer is not None:
            services.writer.require_room()
        deployment = services.champion.current or services.champion.require()
        seconds = None if self._seconds is None else self._seconds(headers, scope["headers"])
        deadline = None if seconds is None else Deadline(began, seconds, self.turn.tails)
        limits = services.limits if deadline is None else deadline.shortened(services.limits)
        body, held = await read_json_body(headers, receive, limits, services.entrance.bodies, caller)
        try:
            request = ScoringRequest(
                deployment, state["request_id"], headers, scope["headers"], body, began, caller, None, deadline
            )
            if caller is not ANYBODY and caller.limits.has_rates:
                services.rates.spend(caller, records=records_in(body))
            answering = self._answer_large if is_large(body) else self._answer_small
            await answering(request, scope, receive, send)
        finally:
            if held:
                services.entrance.bodies.give_back(caller, held)

    async def _answer_small(self, request: ScoringRequest, scope: Scope, _receive: Receive, send: Send) -> None:
        places, caller, answer = self.services.entrance.places, request.caller, None
        places.take(caller)
        try:
            if self._idempotent and KEY_HEADER in request.headers:
                request, answer = await self._looked_up(request)
            answer = answer or await self.turn.answer(request)
        finally:
            places.give_back(caller)
        await send(self._start(request, answer, scope))
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer_large(self, request: ScoringRequest, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer once the caller's turn has come. Nobody would get the answer of a caller who hung up and sent no key."""
        entrance, has_key = self.services.entrance, self._idempotent and KEY_HEADER in request.headers
        hang_up, answer = None if has_key else partial(hung_up, receive), None
        cost, left = cost_of(request.body), None if request.deadline is None else request.deadline.left()
        async with entrance.turn(request.caller, cost, hang_up, seconds=left) as turn:
            if has_key:
                request, answer = await self._looked_up(request)
            if answer is None:
                answer = await self._answered_aside(request, turn)
            entrance.turns.worked(turn)
            await send(self._start(request, answer, scope))
            await send_in_pieces(answer.body, send)

    async def _answered_aside(self, request: ScoringRequest, turn: LargeTurn) -> Answer:
        read = await self._aside_read(request)
        running = asyncio.get_running_loop().run_in_executor(self._aside, self._work_aside, request, read)
        running.add_done_callback(lambda _: self.services.entrance.turns.worked(turn))
        deadline = request.deadline
        if deadline is not None and not (await asyncio.wait([running], timeout=deadline.left()))[0]:
            running.cancel()
            raise errors.DeadlinePassed
        answer, sealed = await running
        return await self.turn.stored(request, answer, sealed)

    async def _looked_up(self, request: ScoringRequest) -> tuple[ScoringRequest, Answer | None]:
        left = math.inf if request.deadline is None else request.deadline.left()
        return await self.services.lookups.result(partial(self._recalled, request), seconds=left)

    def _start(self, request: ScoringRequest, answer: Answer, scope: Scope) -> Message:
        """The start of an answer."""
        origin = answer.origin
        scope["state"] |= {"records": answer.size, "model_version": origin.version, "watch": origin.watch}
        length = (b"content-length", str(len(answer.body)).encode())
        headers = [*origin.fields, length]
        if request.caller is not ANYBODY and request.caller.limits.has_rates:
            headers += rate_limit_fields(self.services.rates.quotas(request.caller))
        return {"type": "http.response.start", "status": 200, "headers": headers}

    def _recalled(self, request: ScoringRequest) -> tuple[ScoringRequest, Answer | None]:
        """The request with its key, and the answer that the key was given before."""
        caller = request.caller
        key = idempotency_key(request.sent, request.body, caller=caller.identity)
        body = recall(self.services.store, key)
        if body is None and caller.is_named:  # answers from before the key had a name
            body = recall(self.services.store, key._replace(caller=caller.digest))
        return request._replace(key=key), None if body is None else given_before(body)

    def read(self, requests: Sequence[ScoringRequest]) -> Read:
        """What requests ask for, or why they cannot be answered."""
        try:
            return self._answers.read(requests)
        except Exception as error:  # noqa: BLE001 the request's own coroutine raises it
            if len(requests) == 1:
                return Read([error], Stopwatch())
        each = [self.read([request]) for request in requests]  # one must not fail the others
        return Read([asked for one in each for asked in one.asked], each[0].watch)

    def work(self, requests: Sequence[ScoringRequest], read: Read) -> list[Worked]:
        """What becomes of requests that were read and are answered together."""
        try:
            answers = self._answers.answer(requests, read)
            sealed = sealed_requests(self._recorder, requests, answers)
            return [
                answer if isinstance(answer, Exception) else (answer, rows)
                for answer, rows in zip(answers, sealed, strict=True)
            ]
        except Exception as error:  # noqa: BLE001 the request's own coroutine raises it
            if len(requests) == 1:
                return [error]
        alone = zip(requests, read.asked, strict=True)
        return [worked for request, asked in alone for worked in self.work([request], Read([asked], read.watch))]

    async def _aside_read(self, request: ScoringRequest) -> Read | None:
        """A request of a contract with history, read and with its history; None for others, which one step answers."""
        if not request.deployment.contract.history:
            return None
        read = await asyncio.get_running_loop().run_in_executor(self._aside, self.read, [request])
        return await self.turn.with_history([request], read)

    def _work_aside(self, request: ScoringRequest, read: Read | None) -> tuple[Answer, StoredRequest | None]:
        """Summarise the decisions here: only the event loop's thread may write to a metric's cell."""
        [worked] = self.work([request], self.read([request]) if read is None else read)
        if isinstance(worked, Exception):
            raise worked
        answer, sealed = worked
        if request.deadline is not None and request.deadline.left() < 0:  # nobody gets this answer; the next is earlier
            self.turn.tails.took(answer.size, time.perf_counter() - answer.origin.watch.lapped)
        return answer.summarised(), sealed
