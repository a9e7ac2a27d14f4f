"""Bytes that are no HTTP, or lie about themselves: the caller who sent them loses, and nobody else."""

import re
import socket
import struct
import time
from contextlib import suppress

import pytest

from support import calls
from support.builders import OVERDRAWN
from support.http import assert_problem
from support.raw_http import connect, exchange, json_bytes, read_answer, request

SCORE = "/fraud_detection"
BODY = json_bytes([OVERDRAWN])

GARBAGE = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    "no version": b"POST /fraud_detection\r\n\r\n",
    "unknown version": b"POST /fraud_detection HTTP/9.9\r\nhost: a\r\n\r\n",
    "two lengths": b"POST /fraud_detection HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 9\r\n\r\n[]",
    "length and chunks": b"POST /fraud_detection HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
    b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n[]",
    "negative length": b"POST /fraud_detection HTTP/1.1\r\nhost: a\r\ncontent-length: -2\r\n\r\n[]",
    "length of 5,000 digits": b"POST /fraud_detection HTTP/1.1\r\nhost: a\r\ncontent-length: "
    + b"9" * 5000
    + b"\r\n\r\n[]",
    "broken chunk": b"POST /fraud_detection HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
    b"transfer-encoding: chunked\r\n\r\nzz\r\n[]\r\n0\r\n\r\n",
    "endless header": b"GET /ping HTTP/1.1\r\nx: " + b"a" * 200_000,
    "NUL in a header": b"GET /ping HTTP/1.1\r\nhost: a\r\nx-request-id: a\x00b\r\n\r\n",
}


def still_serves(server) -> bool:
    return calls.post(server.url + SCORE, content=BODY, headers={"Content-Type": "application/json"}).status_code == 200


def received(connection: socket.socket, *, patience_seconds: float = 0.3) -> bytes:
    """All that comes until the server hangs up or nothing came for a while."""
    connection.settimeout(patience_seconds)
    pieces = []
    with suppress(TimeoutError, ConnectionError):
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_gets_no_success_and_hurts_nobody(open_server, garbage):
    with connect(open_server.url) as connection:
        with suppress(ConnectionError):  # it may hang up before it has it all
            connection.sendall(garbage)
        assert b"HTTP/1.1 2" not in received(connection)
    assert still_serves(open_server)


def test_what_is_no_http_gets_a_problem_and_a_line_in_the_log(open_server):
    with connect(open_server.url) as connection:
        connection.sendall(b"BREW /coffee HTTP/1.1\r\nhost: a\r\n\r\n")
        problem = assert_problem(read_answer(connection), 400, "malformed_request")
        assert received(connection) == b""
    logged = [event["request_id"] for event in open_server.events("malformed_request")]
    assert logged.count(problem["request_id"]) == 1


WISH = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2_settings": "AAEAAEAAAAIAAAAA"}


def test_a_wish_to_upgrade_is_passed_over_and_the_connection_goes_on(open_server):
    plain = exchange(open_server.url, request(SCORE, BODY))
    with connect(open_server.url) as connection:
        for wish in (WISH, {}, WISH):
            connection.sendall(request(SCORE, BODY, **wish))
            answer = read_answer(connection)
            assert (answer.status_code, answer.content) == (200, plain.content)


def test_a_wish_to_upgrade_that_comes_in_pieces_is_passed_over(open_server):
    sent = request(SCORE, BODY, **WISH)
    with connect(open_server.url) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(sent), 50):
            connection.sendall(sent[start : start + 50])
            time.sleep(0.01)
        assert read_answer(connection).status_code == 200


def test_requests_sent_ahead_are_all_answered_though_each_wishes_to_upgrade(open_server):
    bodies = [json_bytes([OVERDRAWN] * count) for count in (3, 1, 2)]
    with connect(open_server.url) as connection:
        sent = b"".join(request(SCORE, body, **WISH) for body in bodies)
        connection.sendall(sent + request("/ping", method="GET", connection="close"))
        text = received(connection, patience_seconds=20)
    assert [found.count(b",") + 1 for found in re.findall(rb"\r\n\r\n\[(.*?)\]", text)] == [3, 1, 2]


def test_a_wish_to_upgrade_does_not_keep_a_connection_that_is_to_be_closed(open_server):
    with connect(open_server.url) as connection:
        connection.sendall(request(SCORE, BODY, **{**WISH, "connection": "close, upgrade"}))
        assert read_answer(connection).status_code == 200
        assert received(connection) == b""


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_a_wish_to_upgrade_without_a_body_is_passed_over(open_server, protocol):
    with connect(open_server.url) as connection:
        for _ in range(2):
            connection.sendall(request("/ping", method="GET", connection="upgrade", upgrade=protocol))
            assert read_answer(connection).status_code == 200


def test_a_tunnel_is_refused_and_the_connection_goes_on(open_server):
    with connect(open_server.url) as connection:
        connection.sendall(b"CONNECT example.org:443 HTTP/1.1\r\nhost: example.org\r\n\r\n")
        assert read_answer(connection).status_code in (400, 404, 405)
    assert still_serves(open_server)


def test_a_body_cut_short_of_its_stated_length_is_not_scored(open_server):
    sent = request(SCORE, BODY, content_length=str(len(BODY) + 1), x_request_id="cut-short")
    with connect(open_server.url) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert b"HTTP/1.1 200" not in received(connection)
    line = open_server.request_event("cut-short")
    assert line["status"] == 400
    assert not [event for event in open_server.events("unexpected_error") if event["request_id"] == "cut-short"]


def test_a_caller_who_resets_the_connection_is_logged_as_a_refused_request(open_server):
    with connect(open_server.url) as connection:
        connection.sendall(request(SCORE, BODY[:10], content_length="100", x_request_id="reset"))
        # a linger of no time: the connection is reset, not closed
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line = open_server.request_event("reset")
    assert line["status"] == 400
    assert still_serves(open_server)


def test_requests_sent_ahead_on_one_connection_are_answered_in_order(open_server):
    bodies = [json_bytes([OVERDRAWN] * count) for count in (3, 1, 2)]
    sent = b"".join(request(SCORE, body, x_request_id=f"ahead-{index}") for index, body in enumerate(bodies))
    with connect(open_server.url) as connection:
        connection.sendall(sent + request("/ping", method="GET", connection="close"))
        text = received(connection, patience_seconds=20)
    assert text.count(b"HTTP/1.1 200") == 4
    assert [text.index(f"ahead-{index}".encode()) for index in range(3)] == sorted(
        text.index(f"ahead-{index}".encode()) for index in range(3)
    )


def test_garbage_after_a_good_request_spoils_only_itself(open_server):
    with connect(open_server.url) as connection:
        connection.sendall(request(SCORE, BODY) + b"\x00\xff GARBAGE\r\n\r\n")
        text = received(connection)
    assert text.count(b"HTTP/1.1 200") <= 1
    assert still_serves(open_server)


def test_many_idle_connections_keep_nobody_out(open_server):
    idle = [connect(open_server.url) for _ in range(100)]
    try:
        assert still_serves(open_server)
    finally:
        for connection in idle:
            connection.close()


def test_a_path_of_escapes_reaches_no_file(open_server):
    for path in (
        "/static-offline-docs/../../main.py",
        "/static-offline-docs/%2e%2e/%2e%2e/main.py",
        "/%2e%2e/etc/passwd",
    ):
        assert_problem(exchange(open_server.url, request(path, method="GET")), 404, "not_found")
