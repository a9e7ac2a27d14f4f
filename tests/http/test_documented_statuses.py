"""Every status that a route documents is provoked here, and every status provoked here is documented."""

from functools import partial

import pytest

from fraud_detection_api.decision.identifiers import first_uuid7
from support.builders import OVERDRAWN, credit_files, every_dtype_files, other_credit_files, registry_with_champion
from support.fakes import InMemoryRegistry
from support.http import API_KEYS, JSON, SCORE_KEY, UnavailableRegistry, asgi_post, bearer, chunk, flipped, full
from support.payments import A_PAYMENT, payments_files

SCORE, DECIDE = ("post", "/fraud_detection"), ("post", "/v1/decisions")
CONTRACT, MODELS = ("get", "/v1/contract"), ("get", "/v1/models")
MODEL, PROMOTE = ("get", "/v1/models/{version}"), ("post", "/v1/models/{version}/promote")
ROLLBACK, HISTORY = ("post", "/v1/models/rollback"), ("get", "/v1/models/history")
CHALLENGE, END = ("post", "/v1/models/{version}/challenge"), ("delete", "/v1/models/{version}/challenge")
LIST, DECISION = ("get", "/v1/decisions"), ("get", "/v1/decisions/{decision_id}")
REPLAY = ("post", "/v1/decisions/{decision_id}/replay")
LABELS = ("get", "/v1/decisions/{decision_id}/labels")
LABEL = ("post", "/v1/labels")
EVENT, ENTITY = ("post", "/v1/events"), ("get", "/v1/entities/{entity_id}/history")
HEALTH = [("get", "/ping"), ("get", "/livez"), ("get", "/readyz")]
READING = [LIST, DECISION, LABELS, REPLAY]
METRICS = ("get", "/metrics")
MONITORING, COMPARE = ("get", "/v1/monitoring"), ("get", "/v1/models/compare")
WATCHING = [MONITORING, COMPARE]
CHANGING = [PROMOTE, ROLLBACK, CHALLENGE, END]
KEYED = [METRICS, SCORE, DECIDE, CONTRACT, MODELS, MODEL, HISTORY, LABEL, EVENT, ENTITY, *CHANGING, *READING, *WATCHING]
WITH_BODY = [SCORE, DECIDE, PROMOTE, ROLLBACK, CHALLENGE, LABEL, EVENT]
BODIES = {SCORE: [OVERDRAWN], DECIDE: {"records": [OVERDRAWN]}, LABEL: {"labels": []}, EVENT: {"events": []}}


def call(client, operation, *, version="1", decision_id="0199", **given):
    method, path = operation
    if operation in BODIES and "content" not in given:
        given.setdefault("json", BODIES[operation])
    return client.request(method.upper(), path.format(version=version, decision_id=decision_id, entity_id="7"), **given)


def unavailable() -> UnavailableRegistry:
    registry = UnavailableRegistry()
    registry.register(credit_files())
    registry.available = False
    return registry


def no_aliases() -> UnavailableRegistry:
    registry = UnavailableRegistry()
    registry.register(credit_files())
    registry.assign("champion", "1")
    registry.assign("challenger", "1")
    registry.aliases_available = False
    return registry


def too_slow(start, operation):
    client = start(body_timeout_seconds=0.01)
    return asgi_post(client.app, operation[1].format(version="1"), [chunk(b"{")], transfer_encoding="chunked")


def crowded(start, operation):
    client = start()
    with full(client.app):
        return call(client, operation, **({} if operation in BODIES else {"json": {}}))


def too_often(start, operation):
    key = "monitor-key-of-the-tests"
    keys = f'[[keys]]\nname = "prometheus"\nrole = "monitor"\nkey = "{key}"\n'
    client = start(api_keys=f"{keys}[limits.prometheus]\nrequests_per_second = 0.001")
    call(client, operation, headers=bearer(key))
    return call(client, operation, headers=bearer(key))


def unprompted(start, operation):
    client = start()
    del client.headers["X-Requested-With"]
    return call(client, operation)


def other_contract(start, operation):
    registry = registry_with_champion()
    return call(start(registry), operation, version=registry.register(every_dtype_files()))


def rolled_back(start, operation, *, before=credit_files):
    registry = InMemoryRegistry()
    registry.assign("champion", registry.register(before()))
    registry.assign("champion", registry.register(credit_files()))
    return call(start(registry), operation)


def challenged(start, operation):
    registry = registry_with_champion()
    registry.register(other_credit_files())
    registry.assign("challenger", "2")
    return call(start(registry), operation, version="2")


def keeping(start, operation):
    return call(start(keeps=True), operation)


def paying(start, operation, **given):
    return call(start(registry_with_champion(payments_files()), keeps=True), operation, **given)


def paying_nowhere(start, operation):
    client = start(registry_with_champion(payments_files()), keeps=True)
    with client.app.state.container.store._database.writing() as session:
        session.change("ALTER TABLE events RENAME TO moved")
    body = {"json": {"events": [{"event_id": "a", "record": A_PAYMENT}]}} if operation == EVENT else {}
    return call(client, operation, **body)


def kept(start, operation):
    client = start(keeps=True)
    (decided,) = client.post("/v1/decisions", json=BODIES[DECIDE]).json()["decisions"]
    return call(client, operation, decision_id=decided["decision_id"])


def no_tables(start, operation):
    client = start(keeps=True)
    with client.app.state.container.store._database.writing() as session:
        session.change("ALTER TABLE decisions RENAME TO moved")
    return call(client, operation, decision_id=first_uuid7(0))


def shadowed(start, operation):
    registry = registry_with_champion()
    registry.assign("challenger", registry.register(credit_files()))
    return call(start(registry, keeps=True), operation)


def damaged_challenger(start, operation):
    registry = registry_with_champion()
    registry.assign("challenger", registry.register(flipped(credit_files())))
    return call(start(registry, keeps=True), operation)


PROVOKED = {
    **{(operation, 200): lambda start, operation: call(start(), operation) for operation in [*HEALTH, *KEYED]},
    (LABEL, 200): keeping,
    **{(operation, 200): paying for operation in (EVENT, ENTITY)},
    **{(operation, 404): lambda start, operation: call(start(), operation) for operation in (EVENT, ENTITY)},
    **{(operation, 409): keeping for operation in (EVENT, ENTITY)},
    **{(operation, 503): paying_nowhere for operation in (EVENT, ENTITY)},
    (ENTITY, 422): partial(paying, params={"limit": 0}),
    (EVENT, 403): lambda start, operation: call(
        start(api_keys="monitor:monitor-key-of-the-tests"), operation, headers=bearer("monitor-key-of-the-tests")
    ),
    (ROLLBACK, 200): rolled_back,
    (ROLLBACK, 404): lambda start, operation: call(start(), operation),
    (ROLLBACK, 409): partial(rolled_back, before=lambda: flipped(credit_files())),
    (CHALLENGE, 200): challenged,
    (CHALLENGE, 409): lambda start, operation: call(start(), operation),
    (END, 200): challenged,
    (HISTORY, 422): lambda start, operation: call(start(), operation, params={"limit": 0}),
    (LABEL, 403): lambda start, operation: call(start(api_keys=API_KEYS), operation, headers=bearer(SCORE_KEY)),
    (LABEL, 404): lambda start, operation: call(start(), operation),
    (LABEL, 503): lambda start, operation: call(start(store="sqlite:////no/such/folder/decisions.db"), operation),
    **{(operation, 200): kept for operation in READING},
    **{(operation, 200): shadowed for operation in WATCHING},
    **{(operation, 404): lambda start, operation: call(start(), operation) for operation in WATCHING},
    (MONITORING, 503): no_tables,
    (COMPARE, 503): lambda start, operation: call(start(unavailable(), keeps=True), operation),
    (COMPARE, 409): damaged_challenger,
    **{
        (operation, 422): lambda start, operation: call(start(), operation, params={"window": "day"})
        for operation in [CONTRACT, MODELS, MODEL, END, DECISION, LABELS, REPLAY, MONITORING]
    },
    (COMPARE, 422): lambda start, operation: call(start(), operation, params={"challenger": "1" * 101}),
    **{(operation, 401): lambda start, operation: call(start(api_keys=API_KEYS), operation) for operation in KEYED},
    **{
        (operation, 403): lambda start, operation: call(start(api_keys=API_KEYS), operation, headers=bearer(SCORE_KEY))
        for operation in [METRICS, *CHANGING, HISTORY, ENTITY, *READING, *WATCHING]
    },
    **{
        (operation, 403): lambda start, operation: call(
            start(api_keys="monitor:monitor-key-of-the-tests"), operation, headers=bearer("monitor-key-of-the-tests")
        )
        for operation in [SCORE, DECIDE, CONTRACT, MODELS, MODEL]
    },
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
    (LIST, 422): lambda start, operation: call(start(), operation, params={"limit": 0}),
    **{
        (operation, 404): lambda start, operation: call(start(), operation, version="9")
        for operation in [MODEL, PROMOTE, CHALLENGE, END, *READING]
    },
    (PROMOTE, 409): other_contract,
    **{(operation, 429): crowded for operation in KEYED if operation != METRICS},
    (METRICS, 429): too_often,
    (REPLAY, 415): unprompted,
    **{
        (operation, 503): lambda start, operation: call(start(InMemoryRegistry()), operation)
        for operation in [HEALTH[-1], SCORE, DECIDE, CONTRACT]
    },
    **{
        (operation, 503): lambda start, operation: call(start(unavailable()), operation)
        for operation in [MODELS, MODEL, PROMOTE, CHALLENGE]
    },
    **{
        (operation, 503): lambda start, operation: call(start(no_aliases()), operation)
        for operation in [ROLLBACK, END, HISTORY]
    },
    **{(operation, 503): no_tables for operation in READING},
}


@pytest.fixture
def start(client_for, tmp_path):
    """Starts an application as `client_for` does; where it `keeps`, with a store."""

    def started(registry=None, *, keeps=False, **settings):
        kept_in = {"store": f"sqlite:///{tmp_path / 'decisions.db'}"} if keeps else {}
        return client_for(registry, **kept_in, **settings)

    return started


@pytest.mark.parametrize(("operation", "status"), PROVOKED, ids=str)
def test_the_status_is_given(start, operation, status):
    assert PROVOKED[operation, status](start, operation).status_code == status


def test_what_is_documented_is_what_is_given(client):
    documented = {
        ((method, path), int(status))
        for path, item in client.get("/openapi.json").json()["paths"].items()
        for method, operation in item.items()
        for status in operation["responses"]
    }
    assert documented == set(PROVOKED)
