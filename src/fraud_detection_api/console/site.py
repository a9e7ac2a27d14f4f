"""The console as the application adds it: its routes, and what they need."""

from fastapi import FastAPI

from fraud_detection_api.console import assets, service, signing_in
from fraud_detection_api.console.audit import pages as audit
from fraud_detection_api.console.audit.view import TrailReader
from fraud_detection_api.console.decisions import pages as decisions
from fraud_detection_api.console.decisions.export import Exporter
from fraud_detection_api.console.decisions.search import SearchReader
from fraud_detection_api.console.decisions.view import DecisionReader
from fraud_detection_api.console.figures.measuring import Measurements
from fraud_detection_api.console.models import actions as model_actions
from fraud_detection_api.console.models import pages as model_pages
from fraud_detection_api.console.models.changing import Changes
from fraud_detection_api.console.models.compared_view import ComparisonReader
from fraud_detection_api.console.models.model_view import ModelReader
from fraud_detection_api.console.models.registry_view import RegistryReader
from fraud_detection_api.console.monitoring import pages as monitoring_pages
from fraud_detection_api.console.monitoring.queue import QueueHealthReader
from fraud_detection_api.console.monitoring.view import MonitoringReader
from fraud_detection_api.console.policy import pages as policy_pages
from fraud_detection_api.console.policy.view import PolicyReader
from fraud_detection_api.console.quality import pages as quality_pages
from fraud_detection_api.console.quality.view import QualityReader
from fraud_detection_api.console.reviews import case, queue
from fraud_detection_api.console.reviews.case_view import CaseReader
from fraud_detection_api.console.reviews.queue_view import QueueReader
from fraud_detection_api.console.views.service import ServiceReader
from fraud_detection_api.console.visitors import Console
from fraud_detection_api.container.process import Container
from fraud_detection_api.routes.health import Readiness
from fraud_detection_api.routes.protocol.prefix import PublicPrefix

ROUTERS = (
    signing_in.router,
    service.router,
    queue.router,
    case.router,
    quality_pages.router,
    decisions.router,
    audit.router,
    model_pages.router,
    model_actions.router,
    policy_pages.router,
    monitoring_pages.router,
    service.unknown,
)
"""The last is of addresses that no page has."""


def add_console(app: FastAPI) -> None:
    """Add the console's routes."""
    app.router.routes.append(assets.ROUTE)
    for router in ROUTERS:
        app.include_router(router)


def console_services(container: Container, prefix: PublicPrefix, readiness: Readiness) -> list[object]:
    """What the console's routes need beside the services that other routes have.

    All is open while nobody has an account, if nobody needs a key and only this machine reaches the server.
    """
    is_open = not container.keys and container.settings.is_on_loopback
    deployment, people = container.deployment, container.people
    decision_reader = DecisionReader(
        container.history,
        container.labels,
        container.surroundings,
        container.shown_models,
        container.replays,
        deployment.champion,
    )
    return [
        Console(people, prefix, is_open),
        QueueReader(container.reviews),
        CaseReader(container.reviews, decision_reader, container.quality),
        QualityReader(container.quality),
        ServiceReader(readiness, deployment.models, deployment.rollout, container.traffic, people),
        decision_reader,
        SearchReader(container.history, deployment.champion),
        Exporter(container.history),
        TrailReader(people),
        *_model_services(container),
    ]


def _model_services(container: Container) -> list[object]:
    """What the pages of models, the policy and monitoring need. They share one thread for what takes long."""
    deployment, measurements = container.deployment, Measurements()
    registry = RegistryReader(deployment.models, deployment.rollout, container.metrics)
    comparisons = ComparisonReader(
        deployment.champion, deployment.models, deployment.rollout, deployment.comparisons, measurements
    )
    trail = None if container.people is None else container.people.trail
    return [
        registry,
        ModelReader(registry),
        comparisons,
        Changes(registry, comparisons, deployment.rollout, trail),
        PolicyReader(deployment.champion, deployment.models, container.backtests, measurements),
        MonitoringReader(
            deployment.champion,
            deployment.monitoring,
            QueueHealthReader(container.reviews, container.quality),
            measurements,
        ),
    ]
