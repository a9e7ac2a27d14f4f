"""Applications in this process, and what they log."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import StringIO

import pytest
from starlette.testclient import TestClient

from fraud_detection_api.container import build_container
from fraud_detection_api.main import create_app
from fraud_detection_api.settings import Settings
from fraud_detection_api.telemetry import LOGGER_NAME, LineHandler, json_line
from support.builders import registry_with_champion


@pytest.fixture
def client_for() -> Iterator[Callable[..., TestClient]]:
    """Starts an application with these settings, on `registry` or one with a small credit model."""
    with ExitStack() as started:

        def start(registry=None, **settings: object) -> TestClient:
            configured = Settings(**{"store": "none", **settings})
            container = build_container(configured, registry=registry_with_champion() if registry is None else registry)
            return started.enter_context(TestClient(create_app(configured, container=container)))

        yield start


@pytest.fixture
def client(client_for) -> TestClient:
    """A client of an application with default settings and a small credit model."""
    return client_for()


@pytest.fixture
def log_text() -> Iterator[Callable[[], str]]:
    """Everything logged so far, as a server would write it."""
    stream = StringIO()
    handler, logger = LineHandler(stream, json_line), logging.getLogger(LOGGER_NAME)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield stream.getvalue
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture
def events(log_text) -> Callable[[str], list[dict[str, object]]]:
    """The logged events of a name, each parsed from its line."""

    def named(name: str) -> list[dict[str, object]]:
        return [event for line in log_text().splitlines() if (event := json.loads(line))["event"] == name]

    return named
