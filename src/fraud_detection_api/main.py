"""The application: the one place where routes, middleware and error → status meet."""

import asyncio
import gc
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from fraud_detection_api import __version__, errors
from fraud_detection_api.container.process import Container, build_container
from fraud_detection_api.errors import FieldProblem, FraudError
from fraud_detection_api.metrics.requests import RequestMetrics
from fraud_detection_api.metrics.sharing import numbered
from fraud_detection_api.routes import (
    contract,
    decisions,
    fraud_detection,
    health,
    history,
    labels,
    metrics,
    models,
    monitoring,
    rollout,
)
from fraud_detection_api.routes.context import RequestBoundary
from fraud_detection_api.routes.openapi import describe_api
from fraud_detection_api.routes.scoring import ScoringRoute
from fraud_detection_api.schemas.parser import record_parser
from fraud_detection_api.schemas.problem import MEDIA_TYPE, json_pointer, problem_body
from fraud_detection_api.services.storage.upkeep import TIDY_SECONDS
from fraud_detection_api.settings import Settings
from fraud_detection_api.telemetry import configure_logging, log_event

STATUS_OF: dict[type[FraudError], int] = {
    errors.InvalidHeader: 400,
    errors.MalformedBody: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NoChampion: 404,
    errors.NoStore: 404,
    errors.UnknownDecision: 404,
    errors.UnknownModel: 404,
    errors.BodyTooSlow: 408,
    errors.AliasMoved: 409,
    errors.ContractMismatch: 409,
    errors.CorruptBundle: 409,
    errors.GateRefused: 409,
    errors.InvalidChallenger: 409,
    errors.BodyTooLarge: 413,
    errors.TooManyLabels: 413,
    errors.TooManyRecords: 413,
    errors.UnsupportedMedia: 415,
    errors.IdempotencyKeyReused: 422,
    errors.InvalidCursor: 422,
    errors.InvalidLabels: 422,
    errors.InvalidRecords: 422,
    errors.Overloaded: 429,
    errors.Draining: 503,
    errors.ModelNotReady: 503,
    errors.RegistryUnavailable: 503,
    errors.StoreBusy: 503,
    errors.StoreUnavailable: 503,
}


def app_from_environment() -> FastAPI:
    """The application as a server process runs it: settings from the environment, logging configured."""
    settings = Settings.from_environment(os.environ)
    configure_logging(settings.log_level, settings.log_format)
    return create_app(settings)


def create_app(settings: Settings, *, container: Container | None = None) -> FastAPI:
    """The application. It opens nothing until its lifespan begins; `container` stands in for the configured one (tests).

    Raises InvalidSetting, InvalidContract.
    """
    container = container or build_container(settings)
    settings.require_safe_address(has_keys=bool(container.keys))
    app = Application(
        title="fraud-detection-api",
        version=__version__,
        description="Calibrated fraud probabilities for tabular customer records.",
        docs_url=None,  # these pages would load their scripts from other hosts
        redoc_url=None,
        # a redirect would be made from the caller's Host header, and records would follow it there
        redirect_slashes=False,
        lifespan=_lifespan,
        # its own would tell collectors of paths, queries and the messages of errors; ours is the tracer
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    pages = FastAPIOffline(title=app.title, redoc_url=None)
    app.router.routes += [page for page in pages.routes if getattr(page, "path", None) != pages.openapi_url]
    app.state.container = container
    container.champion.prepare_with(lambda bundle: record_parser(bundle.contract))
    app.add_scoring(ScoringRoute(fraud_detection.PATH, container, fraud_detection.answer, idempotent=False))
    app.add_scoring(ScoringRoute(decisions.PATH, container, decisions.answer, idempotent=True))
    # models has a path of any version, so what has one of its own under /v1/models comes before
    for routes in (health, metrics, contract, history, labels, monitoring, rollout, models):
        app.include_router(routes.router)
    app.openapi = lambda: describe_api(app)  # type: ignore[method-assign]
    app.add_exception_handler(HTTPException, _answer_http_exception)
    app.add_exception_handler(RequestValidationError, _answer_validation_error)
    app.add_middleware(app.in_context)
    return app


class Application(FastAPI):
    """FastAPI; but requests to score go past all that it has around a route, which takes longer than scoring."""

    def add_scoring(self, route: ScoringRoute) -> None:
        """Answer POST requests at the route's path with it; FastAPI answers other methods there, with 405."""
        self.router.routes.append(Route(route.path, route, methods=["POST"]))
        self.request_metrics.expect(route.path, "POST", (200, 500, 503))
        self._scoring[route.path] = self.in_context(route)

    def in_context(self, app: ASGIApp) -> RequestBoundary:
        """What answers requests, with what surrounds each of them."""
        container: Container = self.state.container
        return RequestBoundary(app, _answer_to, self.request_metrics, container.drain, container.tracer)

    @cached_property
    def request_metrics(self) -> RequestMetrics:
        """Counts the requests of this application."""
        container: Container = self.state.container
        return RequestMetrics(container.metrics.tallies)

    @cached_property
    def _scoring(self) -> dict[str, ASGIApp]:
        return {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and (short := self._scoring.get(scope["path"])):
            await short(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


LONGEST_TURN_SECONDS = 0.0005
"""A thread with a large request gives way to small ones after so long; Python's own 5 ms pass several times for each."""

OBJECTS_A_COLLECTION = 20_000
"""So many more objects than before are looked through for cycles. What a request makes ends with it, and Python's own 700
look through what requests under way are made of, again and again."""


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    container: Container = app.state.container
    sys.setswitchinterval(LONGEST_TURN_SECONDS)
    container.metrics.start(numbered("worker"))
    await asyncio.to_thread(container.champion.refresh)
    if container.keeper is not None:
        await container.keeper.start()
    if container.tracer is not None:
        container.tracer.start()
    gc.set_threshold(OBJECTS_A_COLLECTION)
    gc.freeze()  # what is there now stays; looking through it again would stop every request for a tenth of a second
    watchers = [asyncio.create_task(container.champion.watch(container.settings.reload_seconds))]
    if container.upkeep is not None:
        watchers.append(asyncio.create_task(container.upkeep.watch(TIDY_SECONDS)))
    _end_with_supervisor()
    log_event("started", version=__version__)
    try:
        with container.drain.on_sigterm(container.settings.linger_seconds):
            yield
    finally:
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        if container.keeper is not None:
            await container.keeper.close()
        if container.tracer is not None:
            await asyncio.to_thread(container.tracer.close)
        await asyncio.to_thread(container.metrics.close)
        log_event("stopped")


def _end_with_supervisor() -> None:
    """End as by SIGTERM once the process is gone that started this one: nobody would end it, and it holds the port."""
    supervisor, loop = multiprocessing.parent_process(), asyncio.get_running_loop()
    if supervisor is None:
        return
    sentinel = supervisor.sentinel

    def end() -> None:
        loop.remove_reader(sentinel)
        log_event("supervisor_gone", level=logging.ERROR)
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(sentinel, end)


def _answer_to(error: Exception, request_id: str) -> Response:
    if not isinstance(error, FraudError):
        detail = "an unexpected error; the server's log has it under this request_id"
        return _problem(request_id, 500, "unexpected_error", detail)
    status = next((STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF), 500)
    problems = error.problems if isinstance(error, errors.InvalidLabels | errors.InvalidRecords) else ()
    headers = {}
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.Overloaded | errors.StoreBusy):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, errors.BodyTooLarge | errors.BodyTooSlow | errors.Overloaded):
        headers["Connection"] = "close"  # the rest of the body is not read
    return _problem(request_id, status, problem_code(type(error)), str(error), errors=problems, headers=headers)


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = {404: ("not_found", "no such route; GET /docs shows what there is"), 405: ("method_not_allowed", "")}
    code, detail = known.get(error.status_code, ("http_error", HTTPStatus(error.status_code).description))
    allowed = (error.headers or {}).get("Allow", "")
    detail = detail or f"this route takes {allowed}"
    return _problem(request.state.request_id, error.status_code, code, detail, headers=dict(error.headers or {}))


async def _answer_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return _problem(request.state.request_id, 400, "malformed_body", "the body is not JSON")
    problems = tuple(FieldProblem(json_pointer(fault["loc"][1:]), _lower_first(fault["msg"])) for fault in faults)
    return _problem(request.state.request_id, 422, "invalid_request", "fields did not pass", errors=problems)


def _problem(
    request_id: str,
    status: int,
    code: str,
    detail: str,
    *,
    errors: tuple[FieldProblem, ...] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    body = problem_body(status=status, code=code, detail=detail, request_id=request_id, errors=errors)
    return Response(to_json(body), status, headers, media_type=MEDIA_TYPE)


def problem_code(kind: type[FraudError]) -> str:
    """An error's name on the wire.

    >>> problem_code(errors.UnknownModel)
    'unknown_model'
    """
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind.__name__).removeprefix("_")


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
