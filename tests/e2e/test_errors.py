"""Every kind of error that callers are promised, provoked against a real server process."""

import select
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from support import calls
from support.builders import OVERDRAWN, record
from support.http import ADMIN_KEY, JSON, SCORE_KEY, Answer, assert_problem, bearer
from support.raw_http import connect, exchange, json_bytes, read_answer, request

SCORE = "/fraud_detection"
KEY = bearer(SCORE_KEY)
ADMIN = bearer(ADMIN_KEY)


def post(server, body, path=SCORE, headers=KEY, **more):
    content = body if isinstance(body, bytes) else json_bytes(body)
    return calls.post(server.url + path, content=content, headers={**JSON, **headers, **more})


def with_text(name: str, text: str) -> bytes:
    """The given request with this text, which need not be JSON, as a field's value."""
    return json_bytes([{**OVERDRAWN, name: 0}]).replace(f'"{name}": 0'.encode(), f'"{name}": {text}'.encode())


def slow(server) -> Answer:
    """A body whose end never comes."""
    return exchange(server.url, request(SCORE, b"[", content_length="50", **KEY))


def chunked(server) -> Answer:
    """A body of no stated length above the limit."""
    return exchange(server.url, request(SCORE, b"bb8\r\n" + b" " * 3000 + b"\r\n", transfer_encoding="chunked", **KEY))


def raw(*lines: str):
    """A request whose head, and what follows it, is exactly this."""
    return lambda server: exchange(server.url, "\r\n".join([*lines, "", ""]).encode())


@dataclass(frozen=True)
class Row:
    """What is sent, and the status and code that come back; `pointer` is the field that is named, if any."""

    status: int
    code: str
    send: object
    pointer: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


def get(path: str, headers=KEY):
    return lambda server: calls.get(server.url + path, headers=headers)


def posting(body, path=SCORE, headers=KEY, **more: str):
    return lambda server: post(
        server, body, path, headers, **{name.replace("_", "-"): text for name, text in more.items()}
    )


PROMOTE = "/v1/models/{}/promote"

BROKEN_RECORDS = {
    "no array": ({}, ""),
    "missing field": ([OVERDRAWN, {"customer_id": 1}], "/1/total_balance"),
    "unknown field": ([record(surplus=1)], "/0/surplus"),
    "string for a number": ([record(total_balance="1")], "/0/total_balance"),
    "boolean for a number": ([record(total_balance=True)], "/0/total_balance"),
    "null": ([record(total_balance=None)], "/0/total_balance"),
    "NaN": (with_text("total_balance", "NaN"), "/0/total_balance"),
    "Infinity": (with_text("total_balance", "-Infinity"), "/0/total_balance"),
    "float that overflows": (with_text("total_balance", "1e999"), "/0/total_balance"),
    "integer that does not fit": (with_text("customer_id", "9" * 40), "/0/customer_id"),
    "integer of 1,000 digits": (with_text("customer_id", "9" * 1000), "/0/customer_id"),
    "out of range": ([record(total_credit_limit=-1)], "/0/total_credit_limit"),
    "broken rule": ([record(number_of_open_accounts=1)], "/0/number_of_accounts_in_arrears"),
    "duplicate key": (with_text("total_balance", '1, "total_balance": 2'), "/0/total_balance"),
}

ROWS = {
    "not JSON": Row(400, "malformed_body", posting(b"{")),
    "no body": Row(400, "malformed_body", posting(b"")),
    "not UTF-8": Row(400, "malformed_body", posting(b'["\xff"]')),
    "nested too deep": Row(400, "malformed_body", posting(b"[" * 1500)),
    "promotion that is no JSON": Row(400, "malformed_body", posting(b"{", PROMOTE.format(1), ADMIN)),
    "no key": Row(401, "unauthenticated", posting([], headers={}), headers={"www-authenticate": "Bearer"}),
    "unknown key": Row(401, "unauthenticated", posting([], headers=bearer("a-key-that-nobody-has"))),
    "key in a trailer": Row(
        401,
        "unauthenticated",
        raw(
            f"POST {SCORE} HTTP/1.1",
            "host: a",
            "content-type: application/json",
            "transfer-encoding: chunked",
            "",
            "2",
            "[]",
            "0",
            f"authorization: {KEY['Authorization']}",
        ),
    ),
    "no host": Row(400, "malformed_request", raw("GET /ping HTTP/1.1"), headers={"connection": "close"}),
    "two hosts": Row(400, "malformed_request", raw("GET /ping HTTP/1.1", "host: a", "host: b")),
    "no version": Row(400, "malformed_request", raw("GET /ping")),
    "identity before chunks": Row(
        400, "malformed_request", raw("GET /ping HTTP/1.1", "host: a", "transfer-encoding: identity, chunked", "", "0")
    ),
    "long head": Row(431, "head_too_large", raw("GET /ping HTTP/1.1", "host: a", f"x: {'a' * 33_000}")),
    "many fields": Row(431, "head_too_large", raw("GET /ping HTTP/1.1", "host: a", *["x: a"] * 100)),
    "key of another role": Row(403, "forbidden", posting({}, PROMOTE.format(1))),
    "no such route": Row(404, "not_found", posting([], "/fraud")),
    "no such version": Row(404, "unknown_model", get("/v1/models/99")),
    "version of 300 digits": Row(404, "unknown_model", get(f"/v1/models/{'9' * 300}")),
    "another method": Row(405, "method_not_allowed", get(SCORE), headers={"allow": "POST"}),
    "slow body": Row(408, "body_too_slow", slow, headers={"connection": "close"}),
    "damaged bundle": Row(409, "corrupt_bundle", posting({}, PROMOTE.format(2), ADMIN)),
    "another contract": Row(409, "contract_mismatch", posting({}, PROMOTE.format(3), ADMIN)),
    "long body": Row(413, "body_too_large", posting(b" " * 2001), headers={"connection": "close"}),
    "very long body": Row(413, "body_too_large", posting(b" " * 20_000_000)),
    "long body in chunks": Row(413, "body_too_large", chunked),
    "long promotion": Row(413, "body_too_large", posting(b" " * 2001, PROMOTE.format(1), ADMIN)),
    "too many records": Row(413, "too_many_records", posting([OVERDRAWN] * 4)),
    "no type": Row(415, "unsupported_media", lambda s: calls.post(s.url + SCORE, content=b"[]", headers=KEY)),
    "form": Row(415, "unsupported_media", lambda s: calls.post(s.url + SCORE, data={"a": "1"}, headers=KEY)),
    "another charset": Row(415, "unsupported_media", posting([], Content_Type="application/json; charset=latin-1")),
    "compressed": Row(415, "unsupported_media", posting([], Content_Encoding="gzip")),
    "broken promotion": Row(422, "invalid_request", posting({"x": 1}, PROMOTE.format(1), ADMIN), "/x"),
    **{name: Row(422, "invalid_records", posting(body), at) for name, (body, at) in BROKEN_RECORDS.items()},
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_the_error_is_told(limited_server, row):
    answer = row.send(limited_server)
    problem = assert_problem(answer, row.status, row.code)
    assert {name: answer.headers[name] for name in row.headers} == row.headers
    pointers = [error["pointer"] for error in problem.get("errors", [])]
    assert row.pointer in pointers if row.pointer is not None else pointers == []


def test_a_caller_whose_bodies_fill_its_share_is_turned_away_with_a_time_to_come_back(limited_server):
    # bodies that are not complete take no place, but memory: here, half of that for four bodies of 2,000 bytes
    body = json_bytes([OVERDRAWN]).ljust(1900)
    with ExitStack() as stack:
        slow_callers = [stack.enter_context(connect(limited_server.url)) for _ in range(3)]
        for slow_caller in slow_callers:
            slow_caller.sendall(request(SCORE, body[:1000], content_length=str(len(body)), **KEY))
        [refused], _, _ = select.select(slow_callers, [], [], 20)
        answer = read_answer(refused)
        assert_problem(answer, 429, "overloaded")
        assert int(answer.headers["retry-after"]) >= 1
        assert post(limited_server, [OVERDRAWN]).status_code == 200
        slow_callers.remove(refused)
        slow_callers[0].sendall(body[1000:])
        assert read_answer(slow_callers[0]).status_code == 200


def test_every_bad_field_of_the_request_is_told_at_once(limited_server):
    answer = post(limited_server, [record(total_balance="1", surplus=2), OVERDRAWN, record(customer_id=1.5)])
    problem = assert_problem(answer, 422, "invalid_records")
    assert {error["pointer"] for error in problem["errors"]} == {"/0/total_balance", "/0/surplus", "/2/customer_id"}


def test_every_status_that_callers_are_promised_is_provoked_here():
    promised = {400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 431, 503}
    assert {row.status for row in ROWS.values()} | {429} == promised - {503}, "503 is provoked in tests/http"


def test_a_refused_request_is_logged_as_one_line_of_json(limited_server):
    post(limited_server, b"{", **{"X-Request-ID": "refused-1"})
    line = limited_server.request_event("refused-1")
    assert (line["route"], line["status"], line["records"]) == (SCORE, 400, None)
