import json
import random

import pytest

from fraud_detection_api.routes.scoring import route as scoring
from fraud_detection_api.schemas.records import parser as of_records
from support.builders import OVERDRAWN, every_dtype_files, record, registry_with_champion
from support.fakes import InMemoryRegistry
from support.http import JSON, assert_problem

EVERY_DTYPE_RECORD = {
    "application": "A-1",
    "applied_at": "2026-11-22T10:00:00Z",
    "amount_eur": 1000.5,
    "instalments": 12,
    "is_employed": True,
    "channel": "web",
    "opened_at": "2021-03-04T05:06:00+01:00",
}


def varied(count: int) -> list[dict[str, object]]:
    """Credit records that differ, so that their scores do; the same ones every time."""
    draw = random.Random(7)
    return [
        record(
            customer_id=number,
            number_of_open_accounts=draw.randrange(5, 40),
            total_credit_limit=draw.randrange(0, 50_000),
            total_balance=draw.uniform(-1000, 80_000),
            number_of_accounts_in_arrears=draw.randrange(0, 5),
        )
        for number in range(count)
    ]


def errors_of(answer) -> dict[str, str]:
    problem = assert_problem(answer, 422, "invalid_records")
    return {error["pointer"]: error["detail"] for error in problem["errors"]}


def test_the_given_request_gets_a_list_of_one_probability_and_nothing_else(client):
    answer = client.post("/fraud_detection", json=[OVERDRAWN])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    (probability,) = answer.json()
    assert 0.5 < probability <= 1


def test_no_records_get_no_probabilities(client):
    answer = client.post("/fraud_detection", json=[])
    assert (answer.status_code, answer.json()) == (200, [])


def test_probabilities_come_in_the_order_of_the_records(client):
    records = varied(50)
    forwards = client.post("/fraud_detection", json=records).json()
    backwards = client.post("/fraud_detection", json=records[::-1]).json()
    assert len(set(forwards)) > 5
    assert forwards == backwards[::-1]
    assert forwards == [client.post("/fraud_detection", json=[one]).json()[0] for one in records]


def test_ten_thousand_records_are_answered(client_for):
    answer = client_for(max_body_bytes=10**7).post("/fraud_detection", json=varied(10_000))
    assert answer.status_code == 200
    assert len(answer.json()) == 10_000
    assert all(0 <= probability <= 1 for probability in answer.json())


def test_a_large_body_that_is_scored_off_the_event_loop_gets_the_same_answers(client, monkeypatch):
    records = varied(1000)
    assert scoring.is_large(json.dumps(records).encode())
    in_a_thread = client.post("/fraud_detection", json=records)
    monkeypatch.setattr(scoring, "is_large", lambda _: False)
    monkeypatch.setattr(of_records, "LARGE_BODY_BYTES", 10**9)
    assert in_a_thread.json() == client.post("/fraud_detection", json=records).json()


def test_a_large_body_is_refused_as_a_small_one_is(client):
    records = varied(1000)
    records[700]["total_balance"] = "owed"
    assert list(errors_of(client.post("/fraud_detection", json=records))) == ["/700/total_balance"]


def test_a_record_of_every_dtype_is_scored(client_for):
    client = client_for(registry_with_champion(every_dtype_files()))
    (probability,) = client.post("/fraud_detection", json=[EVERY_DTYPE_RECORD]).json()
    assert 0 <= probability <= 1


def test_nullable_fields_may_be_null_or_left_out_with_the_same_score(client_for):
    client = client_for(registry_with_champion(every_dtype_files()))
    nulls = {**EVERY_DTYPE_RECORD, "is_employed": None, "channel": None, "applied_at": None}
    absent = {name: value for name, value in nulls.items() if value is not None}
    one, other = client.post("/fraud_detection", json=[nulls, absent]).json()
    assert one == other


@pytest.mark.parametrize("body", [b"", b"{", b"[{]", b"[1,]", b"nil", b'["\xff"]', b"[" * 100_000, b"\xff\xfe[]"])
def test_a_body_that_is_not_json_is_malformed(client, body):
    problem = assert_problem(client.post("/fraud_detection", content=body, headers=JSON), 400, "malformed_body")
    assert problem["detail"].startswith("the body is not JSON")


@pytest.mark.parametrize("body", [b"{}", b"null", b'"records"', b"1", b"true"])
def test_json_that_is_no_array_breaks_the_contract(client, body):
    answer = client.post("/fraud_detection", content=body, headers=JSON)
    assert list(errors_of(answer)) == [""]


def test_every_bad_field_of_the_request_is_named_by_its_pointer(client):
    without_id = {name: value for name, value in OVERDRAWN.items() if name != "customer_id"}
    records = [
        OVERDRAWN,
        record(total_balance="12", number_of_open_accounts=-1),
        without_id,
        record(surplus=1),
        record(number_of_open_accounts=1, number_of_accounts_in_arrears=2),
        "no record",
    ]
    assert set(errors_of(client.post("/fraud_detection", json=records))) == {
        "/1/total_balance",
        "/1/number_of_open_accounts",
        "/2/customer_id",
        "/3/surplus",
        "/4/number_of_accounts_in_arrears",
        "/5",
    }


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("number_of_open_accounts", "true"),
        ("number_of_open_accounts", '"23"'),
        ("number_of_open_accounts", "2.5"),
        ("number_of_open_accounts", "10001"),
        ("number_of_open_accounts", "null"),
        ("number_of_open_accounts", "9" * 400),
        ("total_balance", "false"),
        ("total_balance", "NaN"),
        ("total_balance", "Infinity"),
        ("total_balance", "-Infinity"),
        ("total_balance", "1e999"),
        ("total_balance", "1e13"),
        ("total_credit_limit", "-0.01"),
        ("total_credit_limit", "[1]"),
        ("customer_id", "9223372036854775808"),
        ("customer_id", '"345435"'),
    ],
)
def test_a_value_that_the_contract_does_not_take_is_named_and_not_repeated(client, field, text):
    body = json.dumps([{**OVERDRAWN, field: 0}]).replace(f'"{field}": 0', f'"{field}": {text}')
    errors = errors_of(client.post("/fraud_detection", content=body, headers=JSON))
    assert list(errors) == [f"/0/{field}"]
    assert text not in errors[f"/0/{field}"]


def test_a_key_that_occurs_twice_is_refused(client):
    body = json.dumps([OVERDRAWN, OVERDRAWN])[:-2] + ', "total_balance": 1}]'
    answer = client.post("/fraud_detection", content=body, headers=JSON)
    assert list(errors_of(answer)) == ["/1/total_balance"]


def test_one_bad_record_refuses_the_whole_request(client):
    answer = client.post("/fraud_detection", json=[*varied(20), record(total_balance=None)])
    assert list(errors_of(answer)) == ["/20/total_balance"]


def test_without_a_model_nothing_is_scored_and_the_reason_is_told(client_for):
    answer = client_for(InMemoryRegistry()).post("/fraud_detection", json=[OVERDRAWN])
    problem = assert_problem(answer, 503, "model_not_ready")
    assert "no champion" in problem["detail"]


def test_the_answer_names_the_model_that_scored(client):
    assert client.post("/fraud_detection", json=[OVERDRAWN]).headers["X-Model-Version"] == "1"
