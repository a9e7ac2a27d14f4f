"""What an entity did before is in the decision on its next record, and nothing else is."""

import asyncio
import json
import re

import httpx2 as httpx
import pytest

from fraud_detection_api.container.process import build_container
from fraud_detection_api.container.storage import build_store
from fraud_detection_api.main import create_app
from fraud_detection_api.routes.protocol.body import is_large
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from fraud_detection_api.settings import Settings
from support.builders import registry_with_champion
from support.http import assert_problem
from support.payments import PAYMENTS, payment, payments_files

HISTORY = re.findall(r"\[history\.(\w+)\]", PAYMENTS)


@pytest.fixture
def location(tmp_path):
    return f"sqlite:///{tmp_path / 'decisions.db'}"


@pytest.fixture
def client(client_for, location):
    return client_for(registry_with_champion(payments_files()), store=location)


def stored(location):
    """The stored decisions, oldest first."""
    store = build_store(Settings(store=location))
    rows = store.following(DecisionFilter(), limit=100_000)
    store.close()
    return sorted(rows, key=lambda row: (row.decided_at, row.request_id, row.record_index))


def seen(location, name="payments_1d"):
    """A history feature of each stored decision."""
    return [json.loads(row.record)[name] for row in stored(location)]


def decide(client, *records, headers=None, **asked):
    answer = client.post("/v1/decisions", json={"records": list(records), **asked}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_records_of_a_request_see_each_other_in_order_and_all_that_was_stored_before(client, location):
    decide(client, payment(), payment(), payment(card="C-2"), payment())
    decide(client, payment(), payment(paid_at="2026-11-22T09:00:00Z"))
    assert seen(location) == [0, 1, 0, 2, 3, 0]
    assert [row.history for row in stored(location)] == [0, 0, 0, 0, 4, 4]


def test_the_values_that_were_used_are_sealed(client, location):
    decide(client, payment(), payment(amount=60.0, terminal=8, paid_at="2026-11-22T12:00:00Z"))
    first, second = (json.loads(row.record) for row in stored(location))
    assert {name: first[name] for name in HISTORY} == {
        "payments_1d": 0.0,
        "mean_amount_7d": None,
        "terminals_7d": 1.0,
        "terminal_fraud_28d": 0.0,
        "since_web_payment": None,
    }
    assert {name: second[name] for name in HISTORY} == {
        "payments_1d": 1.0,
        "mean_amount_7d": 40.0,
        "terminals_7d": 2.0,
        "terminal_fraud_28d": 0.0,
        "since_web_payment": 7200.0,
    }


def test_a_record_that_is_too_late_for_history_says_so(client, location):
    decide(client, payment(paid_at="2026-11-22T10:00:00Z"))
    answered = decide(client, payment(paid_at="2026-11-15T10:00:00Z"), payment(paid_at="2026-11-15T09:59:59Z"))
    assert [decision["history"] for decision in answered["decisions"]] == ["available", "too_late"]
    assert seen(location) == [0, 0, None]


def test_a_label_counts_from_the_next_decision_on(client, location):
    [decision] = decide(client, payment(paid_at="2026-11-12T10:00:00Z"))["decisions"]
    decide(client, payment())
    label = {"decision_id": decision["decision_id"], "is_fraud": True, "source": "chargeback"}
    answer = client.post("/v1/labels", json={"labels": [label]})
    assert answer.status_code < 300, answer.text
    decide(client, payment())
    assert seen(location, "terminal_fraud_28d") == [0.0, 0.0, 1.0]


def test_a_dry_run_and_a_refused_request_leave_no_trace(client, location):
    decide(client, payment(), payment(), dry_run=True)
    assert client.post("/v1/decisions", json={"records": [payment(), payment(amount="x")]}).status_code == 422
    decide(client, payment())
    assert seen(location) == [0]


def test_a_repeated_request_counts_once(client, location):
    first = decide(client, payment(), headers={"Idempotency-Key": "k-1"})
    assert decide(client, payment(), headers={"Idempotency-Key": "k-1"}) == first
    decide(client, payment())
    assert seen(location) == [0, 1]


def test_the_given_route_has_history_too(client, location):
    assert client.post("/fraud_detection", json=[payment(), payment()]).status_code == 200
    decide(client, payment())
    assert seen(location) == [0, 1, 2]


def test_a_record_without_its_time_or_with_a_history_feature_is_refused(client):
    untimed = {name: value for name, value in payment().items() if name != "paid_at"}
    for record, pointer in ((untimed, "/records/0/paid_at"), (payment(payments_1d=3), "/records/0/payments_1d")):
        answer = client.post("/v1/decisions", json={"records": [record]})
        assert_problem(answer, 422, "invalid_records")
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_records_of_a_large_request_see_each_other_in_order(client, location):
    records = [payment(card=f"C-{number % 2}") for number in range(700)]
    assert is_large(json.dumps({"records": records}).encode())
    decide(client, *records)
    assert seen(location) == [number // 2 for number in range(700)]


def test_requests_of_one_turn_do_not_see_each_other(location):
    settings = Settings(store=location)
    container = build_container(settings, registry=registry_with_champion(payments_files()))
    app = create_app(settings, container=container)

    async def ask():
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                bodies = [{"records": [payment(), payment()]} for _ in range(3)]
                return await asyncio.gather(*(client.post("/v1/decisions", json=body) for body in bodies))

    assert {answer.status_code for answer in asyncio.run(ask())} == {200}
    assert sorted(seen(location)) == [0, 0, 0, 1, 1, 1]


def test_without_history_its_features_are_missing_and_decisions_are_made(client_for):
    client = client_for(registry_with_champion(payments_files()), store="none")
    assert len(decide(client, payment(), payment(), explain=True)["decisions"]) == 2
