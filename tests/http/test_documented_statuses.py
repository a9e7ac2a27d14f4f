"""Every status that a route documents is provoked here, and every status provoked here is documented."""

from tempfile import TemporaryDirectory

import pytest

from fraud_detection_api.main import STATUS_OF
from support.builders import OVERDRAWN, credit_files, every_dtype_files, registry_with_champion
from support.fakes import InMemoryRegistry
from support.http import API_KEYS, JSON, SCORE_KEY, UnavailableRegistry, asgi_post, bearer, chunk

SCORE, DECIDE = ("post", "/fraud_detection"), ("post", "/v1/decisions")
CONTRACT, MODELS = ("get", "/v1/contract"), ("get", "/v1/models")
MODEL, PROMOTE = ("get", "/v1/models/{version}"), ("post", "/v1/models/{version}/promote")
LABEL = ("post", "/v1/labels")
HEALTH = [("get", "/ping"), ("get", "/livez"), ("get", "/readyz")]
KEYED = [SCORE, DECIDE, CONTRACT, MODELS, MODEL, PROMOTE, LABEL]
WITH_BODY = [SCORE, DECIDE, PROMOTE, LABEL]
BODIES = {SCORE: [OVERDRAWN], DECIDE: {"records": [OVERDRAWN]}, LABEL: {"labels": []}}


def call(client, operation, *, version="1", **given):
    method, path = operation
    if operation in BODIES and "content" not in given:
        given.setdefault("json", BODIES[operation])
    return client.request(method.upper(), path.format(version=version), **given)


def unavailable() -> UnavailableRegistry:
    registry = UnavailableRegistry()
    registry.register(credit_files())
    registry.available = False
    return registry


def too_slow(start, operation):
    client = start(body_timeout_seconds=0.01)
    return asgi_post(client.app, operation[1].format(version="1"), [chunk(b"{")], transfer_encoding="chunked")


def full(start, operation):
    client = start(max_in_flight=1)
    with client.app.state.container.gate:
        return call(client, operation)


def other_contract(start, operation):
    registry = registry_with_champion()
    return call(start(registry), operation, version=registry.register(every_dtype_files()))


def keeping(start, operation):
    with TemporaryDirectory() as folder:
        return call(start(store=f"sqlite:///{folder}/decisions.db"), operation)


PROVOKED = {
    **{(operation, 200): lambda start, operation: call(start(), operation) for operation in [*HEALTH, *KEYED]},
    (LABEL, 200): keeping,
    (LABEL, 403): lambda start, operation: call(start(api_keys=API_KEYS), operation, headers=bearer(SCORE_KEY)),
    (LABEL, 404): lambda start, operation: call(start(), operation),
    (LABEL, 503): lambda start, operation: call(start(store="sqlite:////no/such/folder/decisions.db"), operation),
    **{(operation, 401): lambda start, operation: call(start(api_keys=API_KEYS), operation) for operation in KEYED},
    (PROMOTE, 403): lambda start, operation: call(start(api_keys=API_KEYS), operation, headers=bearer(SCORE_KEY)),
    **{
        (operation, 400): lambda start, operation: call(start(), operation, content=b"{", headers=JSON)
        for operation in WITH_BODY
    },
    **{(operation, 408): too_slow for operation in WITH_BODY},
    **{
        (operation, 413): lambda start, operation: call(
            start(max_body_bytes=2), operation, content=b"[ ]", headers=JSON
        )
        for operation in WITH_BODY
    },
    **{(operation, 415): lambda start, operation: call(start(), operation, content=b"{}") for operation in WITH_BODY},
    **{(operation, 422): lambda start, operation: call(start(), operation, json=[1]) for operation in WITH_BODY},
    **{
        (operation, 404): lambda start, operation: call(start(), operation, version="9")
        for operation in [MODEL, PROMOTE]
    },
    (PROMOTE, 409): other_contract,
    (SCORE, 429): full,
    (DECIDE, 429): full,
    **{
        (operation, 503): lambda start, operation: call(start(InMemoryRegistry()), operation)
        for operation in [HEALTH[-1], SCORE, DECIDE, CONTRACT]
    },
    **{
        (operation, 503): lambda start, operation: call(start(unavailable()), operation)
        for operation in [MODELS, MODEL, PROMOTE]
    },
}


@pytest.mark.parametrize(("operation", "status"), PROVOKED, ids=str)
def test_the_status_is_given(client_for, operation, status):
    assert PROVOKED[operation, status](client_for, operation).status_code == status


def test_what_is_documented_is_what_is_given(client):
    documented = {
        ((method, path), int(status))
        for path, item in client.get("/openapi.json").json()["paths"].items()
        for method, operation in item.items()
        for status in operation["responses"]
    }
    assert documented == set(PROVOKED)


def test_every_status_that_an_error_maps_to_is_documented_somewhere():
    assert set(STATUS_OF.values()) == {status for _, status in PROVOKED} - {200}
