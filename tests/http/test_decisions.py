"""POST /v1/decisions: what is asked, what is answered, what is refused."""

import json
import re

import pytest

from fraud_detection_api.routes.scoring import route as scoring
from fraud_detection_api.schemas.records import parser as of_records
from support.builders import OVERDRAWN, every_dtype_files, record, registry_with_champion
from support.http import JSON, assert_problem

KEYS = [
    "decision_id",
    "customer_id",
    "fraud_probability",
    "risk_score",
    "outcome",
    "reasons",
    "model",
    "policy_version",
    "decided_at",
    "decision_source",
]


def ask(client, records, *, headers=None, **options):
    return client.post("/v1/decisions", json={"records": records, **options}, headers=headers)


def errors_of(answer, code="invalid_records") -> dict[str, str]:
    return {error["pointer"]: error["detail"] for error in assert_problem(answer, 422, code)["errors"]}


def test_a_decision_has_the_documented_fields_in_order(client):
    answer = ask(client, [OVERDRAWN], explain=True)
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["decisions", "explanations"]
    (decision,) = body["decisions"]
    assert list(decision) == KEYS
    assert decision["customer_id"] == OVERDRAWN["customer_id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", decision["decided_at"])
    assert decision["model"]["version"] == answer.headers["x-model-version"]
    assert decision["decision_source"] == "model"


def test_the_probability_is_the_scoring_routes(client):
    (decision,) = ask(client, [OVERDRAWN]).json()["decisions"]
    assert [decision["fraud_probability"]] == client.post("/fraud_detection", json=[OVERDRAWN]).json()


def test_a_reason_has_the_documented_fields_in_order(client):
    (decision,) = ask(client, [OVERDRAWN], explain=True).json()["decisions"]
    assert 1 <= len(decision["reasons"]) <= 4
    for rank, reason in enumerate(decision["reasons"], 1):
        documented = ["rank", "code", "feature", "value", "direction", "contribution_log_odds", "description"]
        assert list(reason) == documented
        assert reason["rank"] == rank
    assert decision["reasons"][0]["description"]


def test_without_explain_there_are_no_reasons_and_the_answer_says_so(client):
    body = ask(client, [OVERDRAWN]).json()
    assert (body["explanations"], body["decisions"][0]["reasons"]) == ("not_asked", None)


def test_decisions_are_in_the_records_order(client):
    numbers = list(range(600))
    decisions = ask(client, [record(customer_id=number) for number in numbers], explain=True).json()["decisions"]
    assert [decision["customer_id"] for decision in decisions] == numbers


def test_no_records_have_no_decisions(client):
    assert ask(client, [], explain=True).json() == {"decisions": [], "explanations": "given"}


def test_the_id_has_the_contracts_name(client_for):
    client = client_for(registry_with_champion(every_dtype_files()))
    example = client.get("/openapi.json").json()["paths"]["/v1/decisions"]["post"]["requestBody"]
    body = example["content"]["application/json"]["example"]
    (decision,) = client.post("/v1/decisions", json=body).json()["decisions"]
    assert decision["application"] == body["records"][0]["application"]


def test_server_timing_splits_both_scoring_routes(client):
    stages = {
        "/fraud_detection": ["parse", "encode", "score"],
        "/v1/decisions": ["parse", "encode", "score", "explain"],
    }
    for path, expected in stages.items():
        body = [OVERDRAWN] if path == "/fraud_detection" else {"records": [OVERDRAWN], "explain": True}
        timing = client.post(path, json=body).headers["server-timing"]
        assert re.findall(r"(\w+);dur=\d+\.\d{3}(?:, |$)", timing) == expected


@pytest.mark.usefixtures("time_to_commit")
def test_a_deadline_that_cannot_be_met_gives_the_fallback(client_for):
    client = client_for(deadline_ms=1e-6, fallback_outcome="decline")
    body = ask(client, [OVERDRAWN], explain=True).json()
    (decision,) = body["decisions"]
    assert body["explanations"] == "dropped"
    assert (decision["decision_source"], decision["outcome"]) == ("fallback", "decline")
    fallen = [decision[key] for key in ("fraud_probability", "risk_score", "reasons", "model", "policy_version")]
    assert fallen == [None] * 5
    assert decision["customer_id"] == OVERDRAWN["customer_id"]


def test_the_callers_deadline_goes_before_the_setting(client_for):
    client = client_for(deadline_ms=1e-6)
    (decision,) = ask(client, [OVERDRAWN], headers={"X-Deadline-Ms": "60000"}).json()["decisions"]
    assert decision["decision_source"] == "model"


@pytest.mark.parametrize("stated", ["0", "-5", "1.5", "soon", "3600001", "9" * 400, ""])
def test_a_deadline_that_is_no_number_of_milliseconds_is_refused(client, stated):
    answer = ask(client, [OVERDRAWN], headers={"X-Deadline-Ms": stated.encode()})
    problem = assert_problem(answer, 400, "invalid_header")
    assert "X-Deadline-Ms" in problem["detail"]
    assert "whole number of milliseconds" in problem["detail"]


@pytest.mark.parametrize("second", [b"60000", b"50", b""])
def test_a_deadline_that_is_stated_twice_is_refused(client, second):
    answer = ask(client, [OVERDRAWN], headers=[(b"X-Deadline-Ms", b"60000"), (b"x-deadline-ms", second)])
    problem = assert_problem(answer, 400, "invalid_header")
    assert problem["detail"] == "the header X-Deadline-Ms occurs more than once; send one"


def test_another_header_may_occur_more_than_once(client):
    sent = [(b"X-Deadline-Ms", b"60000"), (b"Accept", b"text/plain"), (b"Accept", b"application/json")]
    assert ask(client, [OVERDRAWN], headers=sent).status_code == 200


def test_every_bad_field_is_named_by_its_place_in_the_request(client):
    bad = [record(), record(total_balance="owed", number_of_accounts_in_arrears=99)]
    assert set(errors_of(ask(client, bad, explian=True))) == {
        "/records/1/total_balance",
        "/records/1/number_of_accounts_in_arrears",
        "/explian",
    }


def test_a_constraint_that_is_broken_beside_valid_fields_is_reported_too(client):
    errors = errors_of(ask(client, [record(number_of_accounts_in_arrears=99)]))
    assert list(errors) == ["/records/0/number_of_accounts_in_arrears"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([OVERDRAWN], ""),
        ({}, "/records"),
        ({"records": OVERDRAWN}, "/records"),
        ({"records": [], "explain": "yes"}, "/explain"),
        ({"records": [1]}, "/records/0"),
    ],
)
def test_a_body_of_another_shape_is_refused_with_a_pointer(client, body, pointer):
    assert list(errors_of(client.post("/v1/decisions", json=body))) == [pointer]


def test_keys_that_occur_twice_are_refused_in_the_request_and_in_records(client):
    text = json.dumps([OVERDRAWN])
    double = text.replace('"customer_id": 345435', '"customer_id": 345435, "customer_id": 345435')
    answer = client.post(
        "/v1/decisions", content=f'{{"records": {double}, "explain": true, "explain": false}}', headers=JSON
    )
    assert set(errors_of(answer)) == {"/explain", "/records/0/customer_id"}


def test_too_many_records_are_refused(client_for):
    assert_problem(ask(client_for(max_records=2), [OVERDRAWN] * 3), 413, "too_many_records")


def test_what_is_no_json_is_refused(client):
    assert_problem(client.post("/v1/decisions", content=b'{"records": [', headers=JSON), 400, "malformed_body")


def test_a_large_body_that_is_decided_off_the_event_loop_gets_the_same_answers(client, monkeypatch):
    records = [record(customer_id=number, total_balance=number * 100) for number in range(1000)]
    assert scoring.is_large(json.dumps(records).encode())
    in_a_thread = ask(client, records, explain=True).json()["decisions"]
    monkeypatch.setattr(scoring, "is_large", lambda _: False)
    monkeypatch.setattr(of_records, "LARGE_BODY_BYTES", 10**9)
    on_the_loop = ask(client, records, explain=True).json()["decisions"]
    same = ["customer_id", "fraud_probability", "risk_score", "outcome", "reasons"]
    assert [[one[key] for key in same] for one in in_a_thread] == [[one[key] for key in same] for one in on_the_loop]


def test_the_log_tells_records_and_model_and_nothing_of_them(client, events, log_text):
    ask(client, [OVERDRAWN] * 3, explain=True)
    (line,) = events("request")
    assert (line["route"], line["records"], line["status"]) == ("/v1/decisions", 3, 200)
    assert "345435" not in log_text()


def test_another_method_is_refused(client):
    assert_problem(client.put("/v1/decisions", json={}), 405, "method_not_allowed")
