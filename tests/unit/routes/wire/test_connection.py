"""A connection as its transport, its server and its application see it: phases, limits of time, flow both ways."""

import asyncio

import pytest

from fraud_detection_api.routes.wire.connection import READ_AHEAD_BYTES, Phase
from fraud_detection_api.routes.wire.doors import DoorLimits
from support.wire import HEALTH_PORT, Bench, in_loop

GET = b"GET /ping HTTP/1.1\r\nhost: a\r\n\r\n"


async def answer(send, *, status=200, body=b"ok", **headers) -> None:
    fields = {"content-length": str(len(body)), **headers}
    fields = [(name.replace("_", "-").encode(), text.encode()) for name, text in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def says_ok(_scope, _receive, send):
    await answer(send)


async def echoes(_scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message["body"], message["more_body"]
    await answer(send, body=body)


class Held:
    """An application that answers when it is told to."""

    def __init__(self):
        self.may = asyncio.Event()
        self.last = None

    async def __call__(self, scope, receive, send):
        await self.may.wait()
        await answer(send, body=scope["path"].encode())
        self.last = await receive()


@in_loop
async def test_requests_sent_ahead_are_answered_one_after_another_and_the_connection_stays():
    bench = Bench(echoes)
    connection, transport = bench.connect()
    post = b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n"
    connection.data_received(post + b"one" + post + b"two" + GET)
    await bench.settle()
    assert transport.statuses() == [200, 200, 200]
    assert transport.written.index(b"one") < transport.written.index(b"two")
    assert (connection.phase, transport.closed) == (Phase.IDLE, False)
    assert bench.state.total_requests == 3
    assert not bench.state.tasks


@in_loop
async def test_an_application_sees_the_request_and_the_servers_own_state():
    bench = Bench(says_ok)
    connection, _ = bench.connect()
    connection.data_received(b"GET /a%20b?c=d HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n")
    await bench.settle()
    [scope] = bench.scopes
    assert (scope["method"], scope["path"], scope["raw_path"], scope["query_string"]) == (
        "GET",
        "/a b",
        b"/a%20b",
        b"c=d",
    )
    assert scope["headers"] == [(b"host", b"a"), (b"x", b"y")]
    assert (scope["client"], scope["state"]) == (("192.0.2.1", 50000), {"own": 1})


@in_loop
async def test_an_idle_connection_is_closed_without_a_word():
    bench = Bench(says_ok)
    connection, transport = bench.connect()
    connection.data_received(GET)
    await bench.settle()
    bench.wait(74.9)
    assert not transport.closed
    bench.wait(0.2)
    assert transport.closed
    assert transport.statuses() == [200]


@pytest.mark.parametrize(
    "limits", [DoorLimits(total=4, per_address=9), DoorLimits(total=9, per_address=4)], ids=["all", "one address"]
)
@in_loop
async def test_idle_connections_make_room_once_few_more_are_admitted(limits):
    bench = Bench(says_ok, limits)
    idle, fresh, new = (bench.connect() for _ in range(3))
    idle[0].data_received(GET)
    await bench.settle()
    bench.wait(4.9)
    assert not idle[1].closed
    bench.wait(0.2)
    assert [transport.closed for _, transport in (idle, fresh, new)] == [True, False, False]


@in_loop
async def test_an_idle_connection_takes_its_time_while_there_is_room():
    bench = Bench(says_ok, DoorLimits(total=4, per_address=4))
    connections = [bench.connect(client=f"192.0.2.{number}") for number in range(2)]
    connections[0][0].data_received(GET)
    await bench.settle()
    bench.wait(9)
    assert not connections[0][1].closed


@in_loop
async def test_a_head_that_comes_slowly_after_an_answer_has_no_more_time_than_a_first_one():
    bench = Bench(says_ok)
    connection, transport = bench.connect()
    connection.data_received(GET)
    await bench.settle()
    bench.wait(60)
    for byte in GET[:11]:
        connection.data_received(bytes([byte]))
        bench.wait(0.99)
    assert transport.statuses() == [200, 408]


@in_loop
async def test_a_connection_that_sends_nothing_is_closed():
    bench = Bench(says_ok)
    _, transport = bench.connect()
    bench.wait(9.9)
    assert not transport.closed
    bench.wait(0.2)
    assert transport.closed
    assert transport.written == b""


@in_loop
async def test_a_head_has_ten_seconds_from_its_first_byte_whatever_comes_meanwhile():
    bench = Bench(says_ok)
    connection, transport = bench.connect()
    for byte in GET[:11]:
        connection.data_received(bytes([byte]))
        bench.wait(0.99)
    assert transport.statuses() == [408]
    assert transport.problem() == "head_too_slow"
    bench.wait(2.1)
    assert transport.aborted


@in_loop
async def test_a_head_that_is_too_large_is_refused_and_what_follows_is_dropped():
    bench = Bench(says_ok)
    connection, transport = bench.connect()
    connection.data_received(b"GET / HTTP/1.1\r\nx: " + b"a" * 40_000)
    assert transport.problem() == "head_too_large"
    for _ in range(100):
        connection.data_received(b"a" * 40_000)
    assert connection.reader.waiting_bytes < 50_000
    assert transport.statuses() == [431]


@in_loop
async def test_a_refused_caller_can_read_the_answer_before_the_connection_goes():
    bench = Bench(says_ok)
    connection, transport = bench.connect()
    connection.data_received(b"BREW / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert transport.problem() == "malformed_request"
    assert transport.ended
    assert not transport.closed
    bench.wait(2.1)
    assert transport.closed


@in_loop
async def test_what_is_sent_behind_a_request_waits_in_the_socket_beyond_a_bound():
    bench = Bench(held := Held())
    connection, transport = bench.connect()
    connection.data_received(GET)
    await bench.settle()
    connection.data_received(GET * (READ_AHEAD_BYTES // len(GET) + 1))
    assert not transport.reading
    held.may.set()
    await bench.settle()
    assert transport.reading


async def waits_for_a_hang_up(_scope, receive, _send):
    while (await receive())["type"] != "http.disconnect":
        pass


@in_loop
async def test_requests_sent_ahead_wait_in_the_socket_while_the_application_waits_for_a_hang_up():
    bench = Bench(waits_for_a_hang_up)
    connection, transport = bench.connect()
    connection.data_received(GET)
    await bench.settle()
    connection.data_received(GET * (READ_AHEAD_BYTES // len(GET) + 1))
    await bench.settle()
    assert not transport.reading


@in_loop
async def test_a_body_is_read_no_faster_than_the_application_takes_it():
    bench = Bench(held := Held())
    connection, transport = bench.connect()
    connection.data_received(b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n")
    await bench.settle()
    connection.data_received(b"a" * (READ_AHEAD_BYTES + 1))
    assert not transport.reading
    held.may.set()
    await bench.settle()
    assert transport.statuses() == [200]
    assert b"connection: close" in transport.written, "so much of a body is not read for nothing"


@in_loop
async def test_a_short_body_that_nobody_read_is_dropped_and_the_connection_goes_on():
    bench = Bench(says_ok)
    connection, transport = bench.connect()
    connection.data_received(b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc")
    await bench.settle()
    assert connection.phase is Phase.BODY
    connection.data_received(b"defghij" + GET)
    await bench.settle()
    assert transport.statuses() == [200, 200]


@in_loop
async def test_the_rest_of_a_body_that_nobody_reads_has_its_time_too():
    bench = Bench(says_ok)
    connection, transport = bench.connect()
    connection.data_received(b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc")
    await bench.settle()
    bench.wait(5.1)
    assert transport.closed


@in_loop
async def test_a_caller_is_told_to_continue_once_the_body_is_wanted():
    bench = Bench(echoes)
    connection, transport = bench.connect()
    connection.data_received(b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n")
    await bench.settle()
    assert transport.written == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.data_received(b"[]")
    await bench.settle()
    assert transport.statuses() == [100, 200]
    assert connection.phase is Phase.IDLE


@in_loop
async def test_a_caller_who_was_not_told_to_continue_gets_the_answer_and_a_close():
    bench = Bench(says_ok)
    connection, transport = bench.connect()
    connection.data_received(b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n")
    await bench.settle()
    assert transport.statuses() == [200]
    assert b"connection: close" in transport.written
    assert connection.phase is Phase.LEAVING


@in_loop
async def test_a_broken_chunk_is_refused_and_the_application_learns_that_nobody_waits():
    bench = Bench(echoes)
    connection, transport = bench.connect()
    connection.data_received(b"POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\nzz\r\n")
    await bench.settle()
    assert transport.problem() == "malformed_request"
    assert transport.statuses() == [400]
    assert not bench.state.tasks


@in_loop
async def test_an_application_learns_that_its_caller_has_gone():
    bench = Bench(echoes)
    connection, _ = bench.connect()
    connection.data_received(b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n[")
    await bench.settle()
    connection.connection_lost(None)
    await bench.settle()
    assert not bench.state.tasks
    assert not bench.state.connections


@in_loop
async def test_an_application_that_listens_after_its_answer_is_told_to_end():
    bench = Bench(held := Held())
    connection, _ = bench.connect()
    connection.data_received(GET)
    held.may.set()
    await bench.settle()
    assert held.last == {"type": "http.disconnect"}


@in_loop
async def test_an_answer_that_is_not_read_holds_the_application_and_then_ends_the_connection():
    async def streams(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not gone.is_set():
            await send({"type": "http.response.body", "body": b"a" * 1000, "more_body": True})
            parts.append(1)

    parts, gone = [], asyncio.Event()
    bench = Bench(streams)
    connection, transport = bench.connect()
    write, transport.unsent = transport.write, 1_000_000
    transport.write = lambda data: (write(data), connection.pause_writing())
    connection.data_received(GET)
    await bench.settle()
    assert len(parts) == 1
    bench.wait(19.9)
    assert not transport.closed
    transport.unsent -= 100_000  # some of it is taken
    bench.wait(0.2)
    assert not transport.closed
    transport.unsent -= 1_000
    bench.wait(20.1)
    assert transport.aborted
    gone.set()
    connection.connection_lost(None)
    await bench.settle()
    assert not bench.state.tasks


@in_loop
async def test_a_small_answer_that_is_never_read_does_not_keep_the_connection():
    bench = Bench(says_ok)
    connection, transport = bench.connect()
    transport.unsent = 100
    connection.data_received(GET)
    await bench.settle()
    bench.wait(75.1)
    assert transport.closed
    assert not transport.aborted
    bench.wait(20.1)
    assert transport.aborted


@pytest.mark.parametrize(
    ("method", "status", "headers", "written"),
    [
        (b"GET", 200, {}, b"\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        (b"HEAD", 200, {"content-length": "2"}, b"content-length: 2\r\n\r\n"),
        (b"GET", 304, {}, b"HTTP/1.1 304 Not Modified\r\n\r\n"),
        (b"GET", 200, {"content-length": "2"}, b"content-length: 2\r\n\r\nok"),
    ],
)
@in_loop
async def test_an_answers_body_is_framed_by_its_method_status_and_length(method, status, headers, written):
    async def app(_scope, _receive, send):
        fields = [(name.encode(), text.encode()) for name, text in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": b"ok"})

    bench = Bench(app)
    connection, transport = bench.connect()
    connection.data_received(GET.replace(b"GET", method))
    await bench.settle()
    assert transport.written.endswith(written)
    assert not transport.closed


FAILURES = {
    "raises": ({}, [500]),
    "a header of two lines": ({"x": "a\r\nset-cookie: b"}, [500]),
    "more than its length": ({"content-length": "1"}, []),
}


@pytest.mark.parametrize(("headers", "statuses"), FAILURES.values(), ids=FAILURES)
@in_loop
async def test_an_application_that_fails_is_answered_for_or_cut_where_it_has_begun(headers, statuses):
    async def app(_scope, _receive, send):
        if not headers:
            raise ValueError
        fields = [(name.encode(), text.encode()) for name, text in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": b"ok"})

    bench = Bench(app)
    connection, transport = bench.connect()
    connection.data_received(GET)
    await bench.settle()
    assert transport.statuses() == statuses
    assert transport.aborted or transport.problem() == "unexpected_error"
    assert b"set-cookie" not in transport.written


@in_loop
async def test_a_server_that_ends_closes_what_waits_and_finishes_what_is_in_hand():
    bench = Bench(held := Held())
    idle, _ = bench.connect()
    busy, transport = bench.connect()
    busy.data_received(GET)
    await bench.settle()
    for connection in (idle, busy):
        connection.shutdown()
    assert idle.transport.closed
    assert not transport.closed
    held.may.set()
    await bench.settle()
    assert transport.statuses() == [200]
    assert b"connection: close" in transport.written
    assert transport.closed


@in_loop
async def test_beyond_the_limit_there_is_room_for_health_routes_alone():
    bench = Bench(says_ok, DoorLimits(total=1, per_address=1, reserve=2))
    bench.connect()
    health, scoring = bench.connect(client="192.0.2.2"), bench.connect(client="192.0.2.3")
    _, refused = bench.connect(client="192.0.2.4")
    assert refused.problem() == "too_many_connections"
    assert b"retry-after: 1\r\n" in refused.written
    assert refused.closed
    for (connection, _), path in ((health, b"/livez"), (scoring, b"/fraud_detection")):
        connection.data_received(GET.replace(b"/ping", path))
    await bench.settle()
    assert health[1].statuses() == [200]
    assert scoring[1].problem() == "too_many_connections"
    health[0].connection_lost(None)
    assert not bench.connect(client="192.0.2.5")[1].written


@in_loop
async def test_a_refused_connection_stays_until_its_caller_has_the_answer():
    """Closing while the caller's bytes are unread would reset the connection."""
    bench = Bench(says_ok, DoorLimits(total=0, per_address=0, lingering=2))
    connection, transport = bench.connect()
    assert (transport.problem(), transport.ended, transport.closed) == ("too_many_connections", True, False)
    connection.data_received(GET)
    await bench.settle()
    assert transport.statuses() == [503]
    bench.wait(2.1)
    assert transport.closed


@in_loop
async def test_refused_connections_do_not_pile_up():
    bench = Bench(says_ok, DoorLimits(total=0, per_address=0, lingering=2))
    (first, _), _, (_, third) = (bench.connect() for _ in range(3))
    assert (third.problem(), third.closed) == ("too_many_connections", True)
    first.connection_lost(None)
    assert not bench.connect()[1].closed
    assert bench.connect()[1].closed


@in_loop
async def test_a_connection_that_cannot_be_ended_keeps_no_other():
    bench = Bench(says_ok)
    stuck, other = bench.connect()[1], bench.connect()[1]
    stuck.close = None
    bench.wait(10.1)
    bench.wait(10.1)
    assert other.closed


@in_loop
async def test_one_address_has_a_share_of_the_connections():
    bench = Bench(says_ok, DoorLimits(total=9, per_address=2))
    transports = [bench.connect()[1] for _ in range(3)]
    assert [bool(each.written) for each in transports] == [False, False, True]
    assert not bench.connect(client="192.0.2.2")[1].written


@in_loop
async def test_the_health_port_has_the_health_routes_and_connections_of_its_own():
    bench = Bench(says_ok, DoorLimits(total=1, per_address=1))
    bench.connect()
    for path in (b"/livez", b"/fraud_detection"):
        connection, _ = bench.connect(port=HEALTH_PORT)
        connection.data_received(GET.replace(b"/ping", path))
    await bench.settle()
    assert [scope["path"] for scope in bench.scopes] == ["/livez", ""]
