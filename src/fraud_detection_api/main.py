"""The application: the one place where routes, middleware and error → status meet."""

import asyncio
import gc
import logging
import multiprocessing
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Any

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from fraud_detection_api import __version__, errors
from fraud_detection_api.console.site import add_console, console_services
from fraud_detection_api.container.process import Container, build_container
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.errors import FieldProblem, invalid_fields
from fraud_detection_api.metrics.catalogue import SCORING_REQUESTS_IN_FLIGHT
from fraud_detection_api.metrics.requests import EventMetrics, RequestMetrics
from fraud_detection_api.metrics.sharing import numbered
from fraud_detection_api.routes import (
    contract,
    decisions,
    documentation,
    entities,
    events,
    fraud_detection,
    health,
    history,
    labels,
    metrics,
    models,
    monitoring,
    rollout,
)
from fraud_detection_api.routes.openapi import ApiDescription, describe_api
from fraud_detection_api.routes.protocol.body import Headers, RequestLimits
from fraud_detection_api.routes.protocol.browsers import BrowserGuard, Protection
from fraud_detection_api.routes.protocol.context import Application, RequestBoundary
from fraud_detection_api.routes.protocol.dependencies import provide
from fraud_detection_api.routes.protocol.parameters import field_problem_text, parameters_of
from fraud_detection_api.routes.protocol.prefix import PublicPrefix
from fraud_detection_api.routes.protocol.problems import declared_statuses, problem_code
from fraud_detection_api.routes.protocol.rate_limits import rate_limit_fields
from fraud_detection_api.routes.protocol.security_headers import OF_SCORES
from fraud_detection_api.routes.scoring.lane import LaneContext, ScoringLane
from fraud_detection_api.routes.scoring.route import ScoringRoute, ScoringServices
from fraud_detection_api.routes.wire.connection import WATCH
from fraud_detection_api.routes.wire.descriptors import door_limits
from fraud_detection_api.routes.wire.lane import LANES, Lanes
from fraud_detection_api.routes.wire.watch import Patience, Watch
from fraud_detection_api.schemas.problem import MEDIA_TYPE, first_problems, json_pointer, problem_body
from fraud_detection_api.services.admission.api_keys import ApiKeys
from fraud_detection_api.services.admission.entrance import Entrance
from fraud_detection_api.services.admission.rates import Rates
from fraud_detection_api.services.admission.shares import Shares
from fraud_detection_api.services.storage.upkeep import TIDY_SECONDS
from fraud_detection_api.settings import Settings
from fraud_detection_api.telemetry import configure_logging, log_event

OPENAPI = "/openapi.json"

ROUTERS = [
    module.router
    # the path of a model takes any version, so other paths under /v1/models come before it
    for module in (health, metrics, contract, history, labels, events, entities, monitoring, rollout, models)
]

STATUS_OF = declared_statuses(
    [
        *(route.responses for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)),
        *(scoring.OPERATION["responses"] for scoring in (fraud_detection, decisions)),
    ]
) | {errors.HostNotAllowed: 421, errors.ForeignOrigin: 403}
"""The status of each error that a request may meet, as the routes declare it, and before there is a route."""


def app_from_environment() -> FastAPI:
    """The application of a server process: settings from the environment, logging configured."""
    settings = Settings.from_environment(os.environ)
    configure_logging(settings.log_level, settings.log_format)
    return create_app(settings)


def create_app(settings: Settings, *, container: Container | None = None) -> FastAPI:
    """The application, which opens nothing before its lifespan begins. Raises InvalidSetting, InvalidContract."""
    container = container or build_container(settings)
    settings.require_safe_address(has_keys=bool(container.keys))
    prefix = PublicPrefix(settings.root_path, settings.trusted_proxies)
    app = _bare_application(prefix)
    app.state.container = container
    request_metrics = RequestMetrics(container.metrics.tallies)
    guard = BrowserGuard(settings.allowed_hosts, has_keys=bool(container.keys))
    bodies, rates = Shares(max(settings.max_buffered_bytes, 4 * settings.max_body_bytes)), Rates()
    answer_to = partial(_answer_to, container.keys)
    in_context = partial(
        RequestBoundary,
        answer_to=answer_to,
        metrics=request_metrics,
        drain=container.drain,
        tracer=container.tracer,
        protection=Protection(guard if guard.is_needed else None),
    )
    of_names: Counter[str] = Counter()
    scoring_routes = _scoring_routes(container, bodies, of_names, rates)
    protection = Protection(guard if guard.is_needed else None, OF_SCORES)
    for route in scoring_routes:
        app.add_scoring(route.path, route, in_context(route, protection=protection))
        request_metrics.expect(route.path, "POST", (200, 500, 503))
    app.state.lanes = _lanes(
        scoring_routes, LaneContext(protection, container.drain, request_metrics, answer_to), container
    )
    for router in ROUTERS:
        app.include_router(router)
    add_console(app)
    readiness = health.Readiness(container.deployment.champion, container.drain, container.writer)
    entrance = Entrance(bodies, of_names, max_in_flight=PLACES_BESIDE_SCORING, at_once=THREADS_BESIDE_SCORING - 1)
    services = [*vars(container).values(), *vars(container.deployment).values(), readiness, _limits(settings)]
    services += console_services(container, prefix, readiness)
    recording = events.EventRecording(container.events, container.entities, EventMetrics(container.metrics.tallies))
    provide(app, [*services, metrics.Expositions(container.metrics), recording, entrance, rates, guard])
    _describe(app, container, prefix)
    app.add_exception_handler(HTTPException, _answer_http_exception)
    app.add_exception_handler(RequestValidationError, _answer_validation_error)
    app.add_middleware(in_context)
    return app


def _describe(app: Application, container: Container, prefix: PublicPrefix) -> None:
    """Describe the application at OPENAPI, for the contract in service."""
    describe = partial(describe_api, app, has_keys=bool(container.keys))

    def described_for(contract: Contract) -> dict[str, Any]:
        return describe(contract, newest=container.deployment.newest_time)

    app.openapi = lambda: described_for(container.deployment.documented_contract)  # type: ignore[method-assign]
    described = ApiDescription(described_for, lambda: container.deployment.documented_contract, prefix)
    app.add_route(OPENAPI, described.answer, include_in_schema=False)


def _bare_application(prefix: PublicPrefix) -> Application:
    """The application with no routes but its documentation."""
    app = Application(
        title="fraud-detection-api",
        version=__version__,
        description="A fraud-decision service: calibrated fraud probabilities, outcomes and reasons for your records.",
        openapi_url=None,  # it would be made anew for each request
        docs_url=None,  # these pages would load their scripts from other hosts
        redoc_url=None,
        # a redirect would be made from the caller's Host header, and records would follow it there
        redirect_slashes=False,
        lifespan=_lifespan,
        # FastAPI's own telemetry would send paths, queries and error messages to collectors; ours is the tracer
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.router.routes += documentation.documentation(app.title, prefix)
    return app


def _scoring_routes(container: Container, bodies: Shares, of_names: Counter[str], rates: Rates) -> list[ScoringRoute]:
    settings, tallies = container.settings, container.metrics.tallies
    entrance = Entrance(bodies, of_names, max_in_flight=settings.max_in_flight)
    in_flight = tallies.gauge(SCORING_REQUESTS_IN_FLIGHT)
    tallies.read_with(lambda: in_flight.set(entrance.in_progress))
    services = ScoringServices(
        champion=container.deployment.champion,
        keys=container.keys,
        entrance=entrance,
        rates=rates,
        limits=_limits(settings),
        recorder=container.recorder,
        store=container.store,
        lookups=container.lookups,
        writer=container.writer,
        history=container.entities,
        tallies=tallies,
    )
    service, most, seconds = container.decisions, settings.max_records, decisions.deadlines(settings.deadline_ms)
    probabilities, decided = (
        each(service, max_records=most) for each in (fraud_detection.probabilities, decisions.decisions)
    )
    return [
        ScoringRoute(fraud_detection.PATH, services, probabilities, idempotent=False),
        ScoringRoute(decisions.PATH, services, decided, idempotent=True, deadline=seconds),
    ]


def _lanes(routes: Sequence[ScoringRoute], context: LaneContext, container: Container) -> Lanes:
    """The lanes of scoring routes. A trace, or a deadline that every request has, takes the other road."""
    with_deadline = {decisions.PATH} if container.settings.deadline_ms is not None else set()
    plain = [route for route in routes if container.tracer is None and route.path not in with_deadline]
    return {route.path: ScoringLane(route, context) for route in plain}


def _limits(settings: Settings) -> RequestLimits:
    return RequestLimits(settings.max_body_bytes, settings.body_timeout_seconds, settings.max_records)


PLACES_BESIDE_SCORING = 32
"""Requests of other routes in progress, in each process."""

THREADS_BESIDE_SCORING = 4
"""Threads that answer them. Each competes with scoring for the interpreter. One is left for labels that come one by one."""

LONGEST_TURN_SECONDS = 0.0005
"""How long a thread with a large request runs before small ones get their turn; they would wait several of Python's 5 ms."""

OBJECTS_A_COLLECTION = 20_000
"""New objects between two searches for cycles. A request's objects end with it; after every 700, as is Python's default, the
objects of requests in flight would be searched again and again."""


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    container: Container = app.state.container
    champion = container.deployment.champion
    sys.setswitchinterval(LONGEST_TURN_SECONDS)
    current_default_thread_limiter().total_tokens = THREADS_BESIDE_SCORING
    container.metrics.start(numbered("worker"))
    if container.entities is not None:
        await container.entities.start()
    await asyncio.to_thread(champion.refresh)
    if container.writer is not None:
        await container.writer.start()
    if container.tracer is not None:
        container.tracer.start()
    gc.set_threshold(OBJECTS_A_COLLECTION)
    gc.freeze()  # what exists now stays; searching it again would stop every request for a tenth of a second
    connections = _watch(container)
    watchers = [
        asyncio.create_task(champion.watch(container.settings.reload_seconds)),
        asyncio.create_task(connections.keep()),
    ]
    if container.key_reload is not None:
        watchers.append(asyncio.create_task(container.key_reload.watch(container.settings.reload_seconds)))
    if container.upkeep is not None:
        watchers.append(asyncio.create_task(container.upkeep.watch(TIDY_SECONDS)))
    _end_with_supervisor()
    log_event("started", version=__version__)
    try:
        with container.drain.on_sigterm(container.settings.linger_seconds):
            yield {WATCH: connections, LANES: app.state.lanes}
    finally:
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        if container.writer is not None:
            await container.writer.close()
        if container.entities is not None:
            await container.entities.close()
        if container.tracer is not None:
            await asyncio.to_thread(container.tracer.close)
        await asyncio.to_thread(container.metrics.close)
        log_event("stopped")


def _watch(container: Container) -> Watch:
    """What the server's connections are held to."""
    settings = container.settings
    limits = door_limits(settings.max_connections, settings.max_connections_per_address)
    patience = Patience(idle=settings.keep_alive_seconds)
    return Watch(limits, tallies=container.metrics.tallies, health_port=settings.health_port, patience=patience)


def _end_with_supervisor() -> None:
    """End as SIGTERM would once the parent process is gone: nothing else would end this one, and it holds the port."""
    supervisor, loop = multiprocessing.parent_process(), asyncio.get_running_loop()
    if supervisor is None:
        return
    sentinel = supervisor.sentinel

    def end() -> None:
        loop.remove_reader(sentinel)
        log_event("supervisor_gone", level=logging.ERROR)
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(sentinel, end)


def _answer_to(keys: ApiKeys, error: Exception, request_id: str, headers_sent: Headers) -> Response:
    if not isinstance(error, errors.FraudError):
        detail = "an unexpected error; the server's log has it under this request_id"
        return _problem(request_id, 500, "unexpected_error", detail)
    status = next((STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF), 500)
    problems = error.problems if isinstance(error, errors.InvalidFields) else ()
    headers = {}
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.Overloaded | errors.RateExceeded | errors.StoreBusy):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, errors.RateExceeded):
        headers |= {name.decode(): field.decode() for name, field in rate_limit_fields(error.quotas)}
    if isinstance(error, errors.BodyTooLarge | errors.BodyTooSlow | errors.Overloaded | errors.RateExceeded):
        headers["Connection"] = "close"  # the rest of the body is not read
    ids = error.decision_ids if isinstance(error, errors.CommitInDoubt) else ()
    code, detail = problem_code(type(error)), str(error)
    if error.neutral and not _may_know(keys, headers_sent):
        log_event("unavailable", level=logging.WARNING, request_id=request_id, code=code, reason=detail)
        detail = f"{error.neutral}; the server's log has the reason under this request_id"
    return _problem(request_id, status, code, detail, errors=problems, decision_ids=ids, headers=headers)


def _may_know(keys: ApiKeys, headers: Headers) -> bool:
    """Whether the caller may know the server's files and addresses: the roles that watch or audit; all, without keys."""
    try:
        keys.require("monitor", headers.get(b"authorization", b"").decode("latin-1"), "auditor")
    except (errors.Forbidden, errors.Unauthenticated):
        return False
    return True


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = {404: ("not_found", "no such route; GET /docs shows what there is"), 405: ("method_not_allowed", "")}
    if not request.scope["path"]:  # the connection's port has health routes alone
        known[404] = ("not_found", "no such route; this port has /ping, /livez, /readyz and /metrics")
    code, detail = known.get(error.status_code, ("http_error", HTTPStatus(error.status_code).description))
    headers = dict(error.headers or {})
    if allowed := headers.get("Allow", ""):
        methods = {name.strip() for name in allowed.split(",")}
        headers["Allow"] = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
    detail = detail or f"this route takes {headers['Allow']}"
    return _problem(request.state.request_id, error.status_code, code, detail, headers=headers)


async def _answer_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return _problem(request.state.request_id, 400, "malformed_body", "the body is not JSON")
    known = parameters_of(request.scope.get("route"))
    problems, _ = first_problems(
        FieldProblem(json_pointer(each["loc"][1:]), field_problem_text(each, known)) for each in found
    )
    return _problem(request.state.request_id, 422, "invalid_request", invalid_fields(problems), errors=tuple(problems))


def _problem(  # noqa: PLR0913 the members of a problem
    request_id: str,
    status: int,
    code: str,
    detail: str,
    *,
    errors: tuple[FieldProblem, ...] = (),
    decision_ids: tuple[str, ...] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    body = problem_body(
        status=status, code=code, detail=detail, request_id=request_id, errors=errors, decision_ids=decision_ids
    )
    return Response(to_json(body), status, headers, media_type=MEDIA_TYPE)
