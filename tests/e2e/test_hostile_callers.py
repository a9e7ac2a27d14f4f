"""Bytes that are no HTTP, or lie about themselves: the caller who sent them loses, and nobody else."""

import socket
import struct
from contextlib import suppress

import pytest

from support import calls
from support.builders import OVERDRAWN
from support.http import assert_problem
from support.raw_http import connect, exchange, json_bytes, request

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
