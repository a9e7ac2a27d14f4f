"""What the scoring routes share: from a request's bytes to the answer's. Plain ASGI.

A scored record costs less than what a framework does around one.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from starlette.types import Receive, Scope, Send

from fraud_detection_api.container import Container
from fraud_detection_api.routes.body import Headers, headers_of, read_json_body
from fraud_detection_api.schemas.records import LARGE_BODY_BYTES
from fraud_detection_api.services.champion import ServedModel
from fraud_detection_api.telemetry import Stopwatch

MODEL_VERSION, SERVER_TIMING = "X-Model-Version", "Server-Timing"

ANSWER_HEADERS = {
    MODEL_VERSION: {"description": "The version that scored.", "schema": {"type": "string"}},
    SERVER_TIMING: {"description": "Milliseconds that each stage took.", "schema": {"type": "string"}},
}
"""Of every scoring answer, in OpenAPI."""


class ScoringRequest(NamedTuple):
    """A request that may pass: the model to score with, and what was sent. `watch` has run since the request came in."""

    container: Container
    model: ServedModel
    headers: Headers
    body: bytes
    watch: Stopwatch


class Answer(NamedTuple):
    """The JSON body of an answer, and of how many records it tells."""

    body: bytes
    records: int


class ScoringRoute:
    """Answers POST requests at `path` with `answer`; errors are for the application around it."""

    def __init__(self, path: str, container: Container, answer: Callable[[ScoringRequest], Answer]) -> None:
        self.path = path
        self._container, self._answer = container, answer
        self._turn = _Turn(self._work)
        # one thread: large requests wait for one another, and small ones share the interpreter with one of them at most
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="large-request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        container, settings, watch = self._container, self._container.settings, Stopwatch()
        scope["route"] = self  # as FastAPI notes its own, for the log
        headers = headers_of(scope)
        container.keys.require("score", headers.get(b"authorization", b"").decode("latin-1"))
        with container.gate:
            model = container.champion.current()
            body = await read_json_body(
                headers, receive, limit_bytes=settings.max_body_bytes, timeout_seconds=settings.body_timeout_seconds
            )
            request = ScoringRequest(container, model, headers, body, watch)
            if len(body) < LARGE_BODY_BYTES:
                answer = await self._turn.answer(request)
            else:
                answer = await asyncio.get_running_loop().run_in_executor(self._aside, self._work, request)
        scope["state"] |= {"records": answer.records, "model_version": model.version}
        await send({"type": "http.response.start", "status": 200, "headers": _headers(answer, request)})
        await send({"type": "http.response.body", "body": answer.body})

    def _work(self, request: ScoringRequest) -> Answer:
        request.watch.start()
        return self._answer(request)


class _Turn:
    """Requests that came in one turn of the event loop, answered one after another with nothing in between.

    Reading from a socket or writing to one drives the code of scoring out of caches and branch predictors: a record that is
    scored after another takes half the time of one that is scored after a system call.
    """

    def __init__(self, answer: Callable[[ScoringRequest], Answer]) -> None:
        self._answer = answer
        self._waiting: list[tuple[ScoringRequest, asyncio.Future[Answer]]] = []

    async def answer(self, request: ScoringRequest) -> Answer:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._answer_all)  # after all that is ready now
        self._waiting.append((request, answered))
        return await answered

    def _answer_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for request, answered in waiting:
            if answered.cancelled():
                continue
            try:
                answered.set_result(self._answer(request))
            except Exception as error:  # noqa: BLE001 it is for the one who waits
                answered.set_exception(error)


def _headers(answer: Answer, request: ScoringRequest) -> list[tuple[bytes, bytes]]:
    return [
        (b"x-model-version", request.model.version.encode()),
        (b"server-timing", request.watch.server_timing().encode()),
        (b"content-length", str(len(answer.body)).encode()),
        (b"content-type", b"application/json"),
    ]
