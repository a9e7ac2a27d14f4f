"""Type, size, time and number: what a request may be before its records are looked at."""

import gc
import json

import pytest

from fraud_detection_api.errors import FraudError
from fraud_detection_api.schemas.records.parser import LARGE_BODY_BYTES
from support.builders import OVERDRAWN, record
from support.http import JSON, asgi_post, assert_problem, chunk, entrance_of, full

BODY = json.dumps([OVERDRAWN]).encode()
ROUTES_WITH_A_BODY = ["/fraud_detection", "/v1/models/1/promote"]


@pytest.mark.parametrize("path", ROUTES_WITH_A_BODY)
def test_a_body_above_the_limit_is_refused_by_its_stated_length(client_for, path):
    client = client_for(max_body_bytes=100)
    # nothing of the body is read: no message follows
    answer = asgi_post(client.app, path, [], content_length="101")
    problem = assert_problem(answer, 413, "body_too_large")
    assert "100 bytes" in problem["detail"]
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("path", ROUTES_WITH_A_BODY)
@pytest.mark.parametrize(
    "headers", [{"transfer_encoding": "chunked"}, {"content_length": "5"}], ids=["chunked", "lying"]
)
def test_a_body_that_grows_above_the_limit_is_refused(client_for, path, headers):
    client = client_for(max_body_bytes=100)
    answer = asgi_post(client.app, path, [chunk(b" " * 60), chunk(b" " * 60)], **headers)
    assert_problem(answer, 413, "body_too_large")


@pytest.mark.parametrize("path", ["/fraud_detection", "/v1/decisions", "/v1/labels", "/v1/events"])
@pytest.mark.parametrize("size", [10, 100_000])
def test_nothing_of_a_refused_request_waits_for_the_collector(client, path, size):
    gc.collect()
    gc.disable()
    try:
        for body in (b'["' + b"a" * size + b'"]', b"[" + b"a" * size):
            assert client.post(path, content=body, headers=JSON).status_code in (400, 422)
        assert [each for each in gc.get_objects() if isinstance(each, FraudError)] == []
    finally:
        gc.enable()


@pytest.mark.parametrize("rest", ["", ', "explain": 3', ', "unknown": 3'], ids=["decided", "bad flag", "unknown field"])
def test_nothing_of_a_large_request_waits_for_the_collector(client, rest):
    body = f'{{"records": {json.dumps([record(customer_id=each) for each in range(500)])}{rest}}}'
    gc.collect()
    gc.disable()
    try:
        assert len(body) > LARGE_BODY_BYTES
        assert client.post("/v1/decisions", content=body, headers=JSON).status_code == (422 if rest else 200)
        assert [each for each in gc.get_objects() if type(each).__name__ == "ValidatorIterator"] == []
    finally:
        gc.enable()


def test_a_body_as_large_as_the_limit_is_read(client_for):
    client = client_for(max_body_bytes=len(BODY))
    assert client.post("/fraud_detection", content=BODY, headers=JSON).status_code == 200
    assert_problem(client.post("/fraud_detection", content=BODY + b" ", headers=JSON), 413, "body_too_large")


def test_a_body_in_pieces_is_put_together(client):
    answer = asgi_post(client.app, "/fraud_detection", [chunk(BODY[:50]), chunk(b""), chunk(BODY[50:], more=False)])
    assert answer.status_code == 200
    assert len(answer.json()) == 1


@pytest.mark.parametrize("path", ROUTES_WITH_A_BODY)
def test_a_body_that_does_not_arrive_in_time_is_given_up(client_for, path):
    client = client_for(body_timeout_seconds=0.05)
    answer = asgi_post(client.app, path, [chunk(b"[")], transfer_encoding="chunked")
    problem = assert_problem(answer, 408, "body_too_slow")
    assert "0.05 seconds" in problem["detail"]
    assert answer.headers["connection"] == "close"


def test_a_body_that_does_not_arrive_within_the_deadline_is_given_up(client):
    answer = asgi_post(
        client.app,
        "/v1/decisions",
        [chunk(b"[")],
        transfer_encoding="chunked",
        content_type="application/json",
        x_deadline_ms="50",
    )
    assert_problem(answer, 408, "body_too_slow")


@pytest.mark.parametrize("path", ROUTES_WITH_A_BODY)
def test_a_caller_who_hangs_up_is_no_unexpected_error(client, events, path):
    answer = asgi_post(client.app, path, [chunk(b"["), {"type": "http.disconnect"}], content_length="50")
    assert_problem(answer, 400, "malformed_body")
    assert not events("unexpected_error")


@pytest.mark.parametrize("path", ROUTES_WITH_A_BODY)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/problem+json"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
    ids=["no type", "text", "another JSON", "another charset", "compressed"],
)
def test_anything_but_plain_utf8_json_is_an_unsupported_type(client, path, headers):
    answer = client.post(path, content=b'{"allow_contract_change": true}', headers=headers)
    assert_problem(answer, 415, "unsupported_media")


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", 'application/json; charset="UTF-8"', "application/json;charset=utf8"],
)
def test_json_is_told_by_its_type_in_any_spelling(client, content_type):
    headers = {"Content-Type": content_type, "Content-Encoding": "identity"}
    assert client.post("/fraud_detection", content=BODY, headers=headers).status_code == 200


def test_as_many_records_as_the_limit_are_scored_and_one_more_is_refused(client_for):
    client = client_for(max_records=3)
    assert client.post("/fraud_detection", json=[OVERDRAWN] * 3).status_code == 200
    problem = assert_problem(client.post("/fraud_detection", json=[OVERDRAWN] * 4), 413, "too_many_records")
    assert "more than 3 records" in problem["detail"]


def test_too_many_records_are_too_many_even_where_some_are_bad(client_for):
    answer = client_for(max_records=3).post("/fraud_detection", json=[record(total_balance=None)] * 4)
    assert_problem(answer, 413, "too_many_records")


def test_a_process_that_is_full_turns_requests_away_at_once(client_for):
    client = client_for(max_in_flight=1)
    with full(client.app):
        answer = client.post("/fraud_detection", json=[OVERDRAWN])
    assert_problem(answer, 429, "overloaded")
    assert answer.headers["retry-after"] == "1"
    assert client.post("/fraud_detection", json=[OVERDRAWN]).status_code == 200


def test_a_refused_request_gives_its_place_back(client_for):
    client = client_for(max_in_flight=1)
    for body in (b"{", b"[1]"):
        client.post("/fraud_detection", content=body, headers=JSON)
    assert entrance_of(client.app).in_progress == 0


def test_a_full_process_still_answers_its_health_checks(client_for):
    client = client_for(max_in_flight=1)
    with full(client.app):
        assert client.get("/readyz").status_code == 200
