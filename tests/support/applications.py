"""The application in the tests' own process, with its life: followers run, decisions are stored, no socket is opened."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.testclient import TestClient

from fraud_detection_api.container.process import build_container
from fraud_detection_api.main import create_app
from fraud_detection_api.settings import Settings
from support.builders import registry_with_champion


@contextmanager
def application(registry=None, stored_in=None, **settings: object) -> Iterator[TestClient]:
    """A client of an application with these settings, on `registry` or one with a small credit model.

    It stores decisions where the settings say (nowhere, if they say nothing), or in the store `stored_in`.
    """
    configured = Settings(**{"store": "none", **settings})
    registry = registry_with_champion() if registry is None else registry
    container = build_container(configured, registry=registry, store=stored_in)
    app = create_app(configured, container=container)
    # so that requests without a body may be sent without a header of their own; test_browsers.py is about that
    with TestClient(app, base_url="http://localhost", headers={"X-Requested-With": "tests"}) as client:
        yield client
