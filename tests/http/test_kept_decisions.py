"""What is kept of the requests that are answered, and that nothing is of others."""

import json

import pytest

from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.services.deciding.recording import Recorder
from support.builders import OVERDRAWN, credit_files, every_dtype_files, record, registry_with_champion
from support.http import JSON, assert_problem

RECORDS = [record(customer_id=number, total_balance=3000 * number) for number in range(20)]
PATHS = ["/fraud_detection", "/v1/decisions"]


def ask(client, path, records, *, headers=None, **options):
    body = records if path == "/fraud_detection" else {"records": records, **options}
    return client.post(path, json=body, headers=headers)


def test_the_given_route_keeps_what_it_answers(kept):
    client = kept.client()
    probabilities = ask(client, "/fraud_detection", RECORDS, headers={"X-Request-ID": "r-1"}).json()
    rows = kept.rows()
    assert [row.fraud_probability for row in rows] == probabilities
    assert [row.record_index for row in rows] == list(range(20))
    assert {row.request_id for row in rows} == {"r-1"}
    assert [json.loads(row.record) for row in rows] == RECORDS
    assert [json.loads(row.entity) for row in rows] == list(range(20))
    assert {row.reasons for row in rows} == {None}


def test_decisions_are_kept_as_they_are_answered(kept):
    answer = ask(kept.client(), "/v1/decisions", RECORDS, explain=True).json()
    rows = kept.rows()
    for row, decision in zip(rows, answer["decisions"], strict=True):
        assert row.decision_id == decision["decision_id"]
        assert (row.fraud_probability, row.risk_score) == (decision["fraud_probability"], decision["risk_score"])
        assert (row.outcome, row.source) == (decision["outcome"], decision["decision_source"])
        assert json.loads(row.reasons) == decision["reasons"]
        assert {"version": row.model_version, "digest": row.model_digest} == decision["model"]
        assert row.policy_version == decision["policy_version"]


@pytest.mark.parametrize("path", PATHS)
def test_margins_are_kept_to_the_last_bit(kept, path):
    ask(kept.client(), path, RECORDS)
    scored = read_bundle(credit_files(), source="test").engine.assess_records(RECORDS)
    assert [row.margin.hex() for row in kept.rows()] == [margin.hex() for margin in scored.margins.tolist()]
    assert [row.fraud_probability.hex() for row in kept.rows()] == [
        each.hex() for each in scored.probabilities.tolist()
    ]


@pytest.mark.parametrize("path", PATHS)
def test_the_time_that_it_took_is_kept(kept, path):
    ask(kept.client(), path, [OVERDRAWN])
    [row] = kept.rows()
    assert 0 < row.latency_ms < 60_000


@pytest.mark.parametrize("path", PATHS)
def test_rows_are_sealed(kept, path):
    ask(kept.client(), path, RECORDS)
    assert all(Recorder().is_intact(row) for row in kept.rows())


@pytest.mark.parametrize("path", PATHS)
def test_a_request_of_many_records_is_kept_whole(kept, path):
    records = [record(customer_id=number) for number in range(3000)]
    assert ask(kept.client(), path, records).status_code == 200
    assert [json.loads(row.entity) for row in kept.rows()] == list(range(3000))


@pytest.mark.parametrize("path", PATHS)
def test_a_request_without_records_is_answered(kept, path):
    assert ask(kept.client(), path, []).status_code == 200
    assert kept.rows() == []


def test_a_dry_run_is_answered_and_not_kept(kept):
    decisions = ask(kept.client(), "/v1/decisions", RECORDS, dry_run=True).json()["decisions"]
    assert len(decisions) == 20
    assert kept.rows() == []


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_kept_of_a_request_that_is_refused(kept, path):
    client = kept.client(max_records=30)
    assert ask(client, path, [*RECORDS, record(total_balance="owed")]).status_code == 422
    assert ask(client, path, RECORDS + RECORDS).status_code == 413
    assert client.post(path, content=b"[{", headers=JSON).status_code == 400
    assert kept.rows() == []


@pytest.mark.usefixtures("time_to_commit")
def test_fallbacks_are_kept_as_such(kept):
    answer = ask(kept.client(deadline_ms=0.0001), "/v1/decisions", RECORDS[:2]).json()
    assert {decision["decision_source"] for decision in answer["decisions"]} == {"fallback"}
    assert [(row.source, row.margin, row.fraud_probability) for row in kept.rows()] == [("fallback", None, None)] * 2


def test_what_the_contract_lets_pass_is_kept_as_it_came(kept):
    client = kept.client(registry_with_champion(every_dtype_files()))
    sent = {
        "application": "Ø \U0001f680 '\"\\ \u2028 \u0001",
        "applied_at": "2026-11-22T10:00:00Z",
        "amount_eur": 0.1 + 0.2,
        "instalments": 600 - 599,
        "is_employed": None,
        "channel": "web",
        "opened_at": "2021-05-06T00:00:00Z",
    }
    answer = ask(client, "/v1/decisions", [{**sent, "instalments": 0, "amount_eur": 5}])
    assert answer.status_code == 422
    answer = ask(client, "/v1/decisions", [{**sent, "amount_eur": 1000 / 3}])
    assert answer.status_code == 200, answer.text
    [row] = kept.rows()
    assert json.loads(row.entity) == sent["application"]
    assert json.loads(row.record)["amount_eur"] == 1000 / 3
    assert Recorder().is_intact(row)


@pytest.mark.parametrize("path", PATHS)
def test_a_lone_surrogate_is_refused_and_not_kept(kept, path):
    client = kept.client(registry_with_champion(every_dtype_files()))
    example = client.get("/openapi.json").json()["paths"]["/fraud_detection"]["post"]["requestBody"]
    [sent] = example["content"]["application/json"]["example"]
    records = json.dumps([{**sent, "application": "\ud800"}])
    body = records if path == "/fraud_detection" else f'{{"records": {records}}}'
    assert client.post(path, content=body, headers=JSON).status_code in {400, 422}
    assert kept.rows() == []


@pytest.mark.parametrize("path", PATHS)
def test_the_store_has_its_part_of_the_servers_time(kept, path):
    timing = ask(kept.client(), path, RECORDS).headers["server-timing"]
    assert "store;dur=" in timing


def test_with_a_pseudonym_key_no_id_is_kept(kept):
    ask(kept.client(pseudonym_key="a key of thirty-two characters .."), "/v1/decisions", [record(customer_id=424242)])
    [row] = kept.rows()
    assert "424242" not in repr(row)


def test_two_applications_keep_side_by_side(kept):
    clients = [kept.client(), kept.client()]
    for number in range(10):
        ask(clients[number % 2], "/fraud_detection", [record(customer_id=number)])
    assert sorted(json.loads(row.entity) for row in kept.rows()) == list(range(10))


def test_without_a_store_nothing_is_asked_of_one(client):
    answer = ask(client, "/v1/decisions", RECORDS)
    assert answer.status_code == 200
    assert "store" not in answer.headers["server-timing"]


def test_a_problem_of_a_refused_request_says_nothing_of_the_store(kept):
    assert_problem(ask(kept.client(), "/v1/decisions", [record(total_balance="owed")]), 422, "invalid_records")
