"""A request gets the same answer in a scoring route's lane and from the application, and is logged and counted alike."""

import asyncio
import json
import re
from collections.abc import Callable

import pytest

from fraud_detection_api import errors
from fraud_detection_api.container.process import build_container
from fraud_detection_api.main import create_app
from fraud_detection_api.settings import Settings
from support.builders import OVERDRAWN, record, registry_with_champion
from support.http import ADMIN_KEY, API_KEYS, SCORE_KEY, entrance_of, full
from support.raw_http import json_bytes, request
from support.wire import Bench

SCORE, DECIDE = "/fraud_detection", "/v1/decisions"
GOOD = json_bytes([OVERDRAWN])
EXPLAINED = json_bytes({"records": [OVERDRAWN, record(total_balance=10.0)], "explain": True})
MANY = json_bytes([record(customer_id=number) for number in range(60)])
KEY = f"Bearer {SCORE_KEY}"

TAKEN = {
    "a record": request(SCORE, GOOD),
    "no record": request(SCORE, b"[]"),
    "an id of the caller's": request(SCORE, GOOD, x_request_id="mine-1"),
    "an id that is not accepted": request(SCORE, GOOD, x_request_id="not mine"),
    "decisions": request(DECIDE, EXPLAINED),
    "a dry run": request(DECIDE, json_bytes({"records": [OVERDRAWN], "dry_run": True})),
    "a bad field": request(SCORE, json_bytes([record(total_balance="owed")])),
    "an unknown field": request(DECIDE, json_bytes({"records": [OVERDRAWN], "explain": 1})),
    "no JSON": request(SCORE, b"[{"),
    "a mark of UTF-16": request(SCORE, GOOD.decode().encode("utf-16")),
    "nothing": request(SCORE, b""),
    "an address for a host": request(SCORE, GOOD).replace(b"host: localhost", b"host: 127.0.0.1:8000"),
    "its own origin": request(SCORE, GOOD, origin="http://localhost"),
}
PASSED = {
    "too many records for a turn": request(SCORE, MANY),
    "chunks": request(SCORE, b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD), transfer_encoding="chunked"),
    "an expectation": request(SCORE, GOOD, expect="100-continue"),
    "HTTP/1.0": request(SCORE, GOOD).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "the last request": request(SCORE, GOOD, connection="close"),
    "another method": request(SCORE, b"", method="GET"),
    "another media type": request(SCORE, GOOD).replace(b"application/json", b"text/plain"),
    "another charset": request(SCORE, GOOD).replace(b"application/json", b"application/json; charset=latin-1"),
    "a compressed body": request(SCORE, GOOD, content_encoding="gzip"),
    "a deadline": request(DECIDE, EXPLAINED, x_deadline_ms="10000"),
    "a key": request(DECIDE, EXPLAINED, idempotency_key="a"),
    "a mark that it is UTF-8": request(SCORE, b"\xef\xbb\xbf \n" + GOOD),
    "a trace": request(SCORE, GOOD, traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    "another host": request(SCORE, GOOD).replace(b"host: localhost", b"host: evil.example"),
    "a foreign origin": request(SCORE, GOOD, origin="http://evil.example"),
    "another path": request("/v1/nothing", GOOD),
    "a query": request(f"{SCORE}?a=b", GOOD),
    "a query that is refused": request(f"{DECIDE}?dry_run=true", EXPLAINED),
}


def answers(written: bytes) -> list[tuple[int, dict[str, str], bytes]]:
    """The answers on a connection: status, headers by name, body."""
    found = []
    while written:
        head, _, written = written.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        assert len(headers) == len(lines), "no header twice"
        size = int(headers.get("content-length", 0))
        found.append((int(status.split()[1]), headers, written[:size]))
        written = written[size:]
    return found


CHANGING = re.compile(rb'"decision_ids":\[[^]]*\]|"(decision_id|decided_at|request_id)":"[^"]*"')


def lasting(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, dict[str, str], bytes]:
    """An answer without what is another each time."""
    status, headers, body = answer
    ids = "an id" if re.fullmatch("[0-9a-f]{32}", headers["x-request-id"]) else headers["x-request-id"]
    stages = re.sub(r"dur=[\d.]+", "", headers.get("server-timing", ""))
    changed = {"x-request-id": ids, "server-timing": stages, "content-length": ""}
    return status, {**headers, **changed}, CHANGING.sub(b"", body)


def nothing(_app) -> None:
    pass


def ask(settings: Settings, *sent: bytes, prepare: Callable = nothing, by_lane: bool = True):
    """The answers to what is `sent` on one connection, and the scopes of the requests that the application answered."""

    async def talk():
        app = create_app(settings, container=build_container(settings, registry=registry_with_champion()))
        async with app.router.lifespan_context(app):
            prepare(app)
            bench = Bench(app, lanes=app.state.lanes if by_lane else {})
            connection, transport = bench.connect()
            wanted = 0
            for piece in sent:
                connection.data_received(piece)
                wanted += piece.count(b"HTTP/1.")
                for _ in range(500):
                    if len(transport.statuses()) >= wanted and (transport.closed or connection._exchange is None):
                        break
                    await asyncio.sleep(0.01)
            return answers(transport.written.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")), bench.scopes

    return asyncio.run(talk())


def both(settings: Settings, *sent: bytes, prepare: Callable = nothing):
    """The lane's answers, which are those of the application, and whether the lane gave them."""
    (mine, scopes), (theirs, _) = (ask(settings, *sent, prepare=prepare, by_lane=lane) for lane in (True, False))
    assert list(map(lasting, mine)) == list(map(lasting, theirs))
    return mine, not scopes


OPEN = Settings(store="none")


@pytest.mark.parametrize("name", TAKEN)
def test_a_plain_request_is_answered_in_the_lane_as_by_the_application(name):
    _, in_lane = both(OPEN, TAKEN[name])
    assert in_lane


@pytest.mark.parametrize("name", PASSED)
def test_whatever_is_unusual_is_answered_by_the_application(name):
    _, in_lane = both(OPEN, PASSED[name])
    assert not in_lane


def of_length(body: bytes, length: int) -> bytes:
    return b" " * (length - len(body)) + body


TALKS = {
    "the same again": [request(SCORE, GOOD)] * 3,
    "another body of the same length": [request(SCORE, body) for body in (GOOD, of_length(b"[]", len(GOOD)), GOOD)],
    "two at once": [request(SCORE, GOOD), request(SCORE, GOOD) * 2, request(SCORE, GOOD)],
    "another route": [request(SCORE, GOOD), request(DECIDE, EXPLAINED), request(SCORE, GOOD)],
    "a bad body": [request(SCORE, body) for body in (GOOD, of_length(b"[{", len(GOOD)), GOOD)],
}


@pytest.mark.parametrize("name", TALKS)
def test_a_head_that_comes_again_changes_no_answer(name):
    _, in_lane = both(OPEN, *TALKS[name])
    assert in_lane


def test_decisions_are_stored_by_the_lane_too(tmp_path):
    settings = Settings(store=f"sqlite:///{tmp_path / 'decisions.db'}")
    [(status, _, body)], in_lane = both(settings, request(DECIDE, EXPLAINED))
    assert (status, in_lane) == (200, True)
    ids = [decision["decision_id"] for decision in json.loads(body)["decisions"]]
    container = build_container(settings, registry=registry_with_champion())
    assert [container.store.find(each).decision_id for each in ids] == ids


@pytest.mark.parametrize(
    ("authorization", "status", "in_lane"),
    [
        (KEY, 200, True),
        (f"Bearer {ADMIN_KEY}", 200, True),
        ("", 401, False),
        ("Bearer unknown-key-of-nobody", 401, False),
    ],
)
def test_keys_are_checked_in_the_lane(authorization, status, in_lane):
    given = {"authorization": authorization} if authorization else {}
    [(found, _, _)], was_in_lane = both(Settings(store="none", api_keys=API_KEYS), request(SCORE, GOOD, **given))
    assert (found, was_in_lane) == (status, in_lane)


def test_a_body_above_the_limit_is_refused_however_small():
    [(status, _, body)], in_lane = both(Settings(store="none", max_body_bytes=len(GOOD) - 1), request(SCORE, GOOD))
    assert (status, json.loads(body)["code"], in_lane) == (413, "body_too_large", False)


def test_a_full_server_refuses_on_both_roads():
    def fill(app):
        full(app).__enter__()

    [(status, headers, _)], in_lane = both(OPEN, request(SCORE, GOOD), prepare=fill)
    assert (status, headers["retry-after"], in_lane) == (429, "1", False)


def test_a_server_that_is_about_to_end_closes_connections():
    [(status, headers, _)], in_lane = both(
        OPEN, request(SCORE, GOOD), prepare=lambda app: app.state.container.drain.begin()
    )
    assert (status, headers["connection"], in_lane) == (200, "close", False)


def test_an_unexpected_error_is_answered_and_logged_on_both_roads(events):
    def break_down(app):
        def broken(_task, _records):
            raise ZeroDivisionError

        app.state.container.decisions.decide = broken

    [(status, _, body)], in_lane = both(OPEN, request(SCORE, GOOD), prepare=break_down)
    assert (status, json.loads(body)["code"], in_lane) == (500, "unexpected_error", True)
    assert len(events("unexpected_error")) == 2


def test_a_store_that_fails_after_scoring_is_not_tried_again(tmp_path):
    def refuse(app):
        app.state.container.writer.submit = lambda requests, done, *, seconds=None: done(
            [errors.CommitInDoubt("the disk")] * len(requests)
        )

    settings = Settings(store=f"sqlite:///{tmp_path / 'decisions.db'}")
    [(status, _, body)], in_lane = both(settings, request(DECIDE, EXPLAINED), prepare=refuse)
    assert (status, json.loads(body)["code"], in_lane) == (503, "commit_in_doubt", True)
    assert len(json.loads(body)["decision_ids"]) == 2


@pytest.mark.parametrize("key", [SCORE_KEY, ADMIN_KEY])
@pytest.mark.parametrize("kind", [errors.StoreUnavailable, errors.CommitInDoubt])
def test_the_reason_of_an_outage_is_for_monitors_on_both_roads(tmp_path, key, kind):
    def refuse(app):
        app.state.container.writer.submit = lambda requests, done, *, seconds=None: done([kind("the disk at /data")])

    settings = Settings(store=f"sqlite:///{tmp_path / 'decisions.db'}", api_keys=API_KEYS)
    sent = request(DECIDE, EXPLAINED, authorization=f"Bearer {key}")
    [(status, _, body)], in_lane = both(settings, sent, prepare=refuse)
    assert (status, in_lane, b"/data" in body) == (503, True, key == ADMIN_KEY)


def test_requests_sent_ahead_are_answered_in_order():
    sent = [request(SCORE, json_bytes([record(total_balance=1000.0 * number)])) for number in range(5)]
    found, in_lane = both(OPEN, b"".join([*sent[:3], request(SCORE, b"{"), request("/ping", method="GET"), *sent[3:]]))
    assert [status for status, _, _ in found] == [200, 200, 200, 400, 200, 200, 200]
    assert not in_lane


COUNTED = re.compile(rb"^fraud_(?:http_requests|records_scored|decisions|explanations)_total.*$", re.MULTILINE)


def test_lanes_log_and_count_as_the_application_does(events):
    sent, seen = request(SCORE, GOOD) + request(DECIDE, EXPLAINED) + request(SCORE, b"["), []
    for by_lane in (True, False):
        *_, (_, _, metrics) = ask(OPEN, sent + request("/metrics", method="GET"), by_lane=by_lane)[0]
        lines = [{**event, "request_id": "", "duration_ms": 0, "time": ""} for event in events("request")[-4:]]
        seen.append((lines, COUNTED.findall(metrics)))
    assert seen[0] == seen[1]
    assert b'fraud_http_requests_total{route="/fraud_detection",method="POST",status="200"} 1.0' in seen[0][1]


def test_a_caller_who_hangs_up_leaves_no_place_taken():
    async def talk() -> int:
        app = create_app(OPEN, container=build_container(OPEN, registry=registry_with_champion()))
        async with app.router.lifespan_context(app):
            bench = Bench(app, lanes=app.state.lanes)
            connection, transport = bench.connect()
            connection.data_received(request(SCORE, GOOD))
            transport.closed = True
            connection.connection_lost(None)
            await bench.settle()
            assert transport.written == b""
            return entrance_of(app).in_progress

    assert asyncio.run(talk()) == 0
