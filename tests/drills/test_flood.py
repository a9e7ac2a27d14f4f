"""Anybody may knock: floods of every open route, heads and answers that never end, more connections than there may be."""

import re
import resource
import socket
import statistics
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.routing import Mount

from fraud_detection_api.container.process import build_container
from fraud_detection_api.main import create_app
from fraud_detection_api.routes.protocol.pages import Assets
from fraud_detection_api.settings import Settings
from support.builders import OVERDRAWN
from support.flooding import flooding
from support.http import API_KEYS, SCORE_KEY, assert_problem
from support.polling import eventually
from support.raw_http import connect, exchange, json_bytes, read_answer, request
from support.servers import running_server

SCORE = "/fraud_detection"
SCORING = request(SCORE, json_bytes([OVERDRAWN]), authorization=f"Bearer {SCORE_KEY}")
CHEAPEST = "GET /ping"

CONNECTIONS, REQUESTS_A_SECOND = 8, 200
ROUND_SECONDS, ROUNDS, MORE_ROUNDS = 0.2, 3, 9
MOST_TIMES_SLOWER = 2


def batched(names: list[str], size: int) -> list[list[str]]:
    return [names[start : start + size] for start in range(0, len(names), size)]


def flat(routes) -> list:
    """The routes, and those of included routers."""
    return [
        inner
        for route in routes
        for inner in (flat(route.original_router.routes) if hasattr(route, "original_router") else [route])
    ]


def open_requests() -> dict[str, bytes]:
    """A request without a key to every route that the application has, by each of its methods and some that it lacks."""
    app = create_app(settings := Settings(api_keys=API_KEYS, store="none"), container=build_container(settings))
    found = {"GET": {"/nothing"}, "HEAD": {"/openapi.json"}, "OPTIONS": {SCORE, "/ping"}, "DELETE": {"/ping"}}
    for route in flat(app.routes):
        if isinstance(route, Mount):
            assert isinstance(route.app, Assets)
            found["GET"] |= {f"{route.path}/{name}" for name in route.app.names} | {f"{route.path}/nothing"}
        for method in getattr(route, "methods", None) or ():
            if method != "HEAD":
                found.setdefault(method, set()).add(re.sub(r"{.*?}", "1", route.path))
    return {
        f"{method} {path}": request(path, method=method) for method, paths in found.items() for path in sorted(paths)
    }


@pytest.fixture(scope="module")
def server(file_registry_path, tmp_path_factory):
    log = tmp_path_factory.mktemp("flood") / "server.log"
    with running_server(file_registry_path, log, FRAUD_API_KEYS=API_KEYS, FRAUD_LOG_LEVEL="warning") as started:
        yield started


def scoring_p99(connection: socket.socket, seconds: float) -> float:
    """Milliseconds within which 99 of 100 scores are answered, one request after another."""
    took, ends = [], time.perf_counter() + seconds
    while (began := time.perf_counter()) < ends:
        connection.sendall(SCORING)
        assert read_answer(connection).status_code == 200
        took.append((time.perf_counter() - began) * 1000)
    return statistics.quantiles(took, n=100)[-1] if len(took) > 1 else took[0]


def test_a_flood_of_any_open_route_leaves_scoring_twice_as_slow_at_most(server, promise):
    requests = open_requests()
    assert len(requests) > 30
    answered = {}
    with (
        connect(server.url) as scorer,
        flooding(server.url, connections=CONNECTIONS, requests_a_second=REQUESTS_A_SECOND) as flood,
    ):

        def measured(name: str) -> float:
            flood.start(requests[name])
            p99 = scoring_p99(scorer, ROUND_SECONDS)
            answered[name] = answered.get(name, 0) + flood.stop()
            return p99

        def slower(names: list[str], rounds: int) -> dict[str, float]:
            """The middle ratio of rounds for each route, each beside one of the cheapest route in the same second."""
            found = {name: [] for name in names}
            for _ in range(rounds):
                for few in batched(names, 4):
                    cheapest = measured(CHEAPEST)
                    for name in few:
                        found[name].append(measured(name) / cheapest)
            return {name: statistics.median(of_route) for name, of_route in found.items()}

        measured(CHEAPEST)
        ratios = slower(list(requests), ROUNDS)
        # a machine that others keep busy has bad seconds: what seems slow is measured again, for longer
        ratios |= slower([name for name, ratio in ratios.items() if ratio > MOST_TIMES_SLOWER], MORE_ROUNDS)
    assert [name for name, count in answered.items() if not count] == []
    promise("routes that need no key, and are flooded", measured=len(ratios), bound=30, at_least=True)
    promise(
        "scoring's p99 beside a flood of any of them, as a multiple of that beside a flood of /ping",
        measured=max(ratios.values()),
        bound=MOST_TIMES_SLOWER,
        faults=[f"{name}: {ratio:.2f}" for name, ratio in ratios.items() if ratio > MOST_TIMES_SLOWER],
    )


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def closed(connection: socket.socket) -> bytes:
    """What comes until the server closes; nothing may be left open for longer than the connection's timeout."""
    pieces = []
    try:
        while piece := connection.recv(65536):
            pieces.append(piece)
    except ConnectionError:
        pass
    return b"".join(pieces)


def test_a_head_of_64_mb_is_refused_at_32_kb_and_kept_nowhere(server, promise):
    before = resident_mb(server.process.pid)
    with connect(server.url) as connection:
        connection.sendall(b"GET /ping HTTP/1.1\r\nhost: a\r\nx: ")
        try:
            for _ in range(64):
                connection.sendall(b"a" * 1_000_000)
        except ConnectionError:
            pass
        assert closed(connection).startswith(b"HTTP/1.1 431 ")
    grown = resident_mb(server.process.pid) - before
    promise("memory that a head of 64 MB takes", measured=grown, bound=16, unit="MB")


LIMITS = {"FRAUD_MAX_CONNECTIONS": "40", "FRAUD_MAX_CONNECTIONS_PER_ADDRESS": "30", "FRAUD_API_KEYS": API_KEYS}


def test_half_sent_heads_and_unread_answers_end_and_until_then_health_is_answered(
    file_registry_path, tmp_path, promise
):
    with (
        running_server(file_registry_path, tmp_path / "server.log", **LIMITS) as server,
        ExitStack() as held,
    ):
        halves = [held.enter_context(connect(server.url)) for _ in range(20)]
        unread = [held.enter_context(connect(server.url)) for _ in range(10)]
        for connection in halves:
            connection.sendall(b"GET /ping HTTP/1.1\r\nho")
        for connection in unread:
            connection.sendall(request("/static-offline-docs/swagger-ui-bundle.js", method="GET") * 20)
        began = time.monotonic()
        refused = exchange(server.url, SCORING)
        assert_problem(refused, 503, "too_many_connections")
        assert refused.headers["retry-after"] == "1"
        assert exchange(server.url, request("/livez", method="GET")).status_code == 200
        for connection in halves:
            assert closed(connection).startswith(b"HTTP/1.1 408 ")
        promise("a half-sent head holds its connection", measured=time.monotonic() - began, bound=13, unit="s")
        eventually(lambda: exchange(server.url, SCORING).status_code == 200, "their places are free", within_seconds=5)

        def open_now() -> int:
            return int(re.search(rb"fraud_connections{.*} (\d+)", exchange(server.url, metrics).content)[1])

        metrics = request("/metrics", method="GET", authorization=f"Bearer {ADMIN}")
        eventually(lambda: open_now() == 1, "nobody holds a connection but who asks", within_seconds=60)
        promise(
            "an answer that nobody reads holds its connection", measured=time.monotonic() - began, bound=40, unit="s"
        )
        assert len(server.events("connections_refused")) <= 2  # one, and one more after ten quiet seconds


ADMIN = API_KEYS.rpartition(":")[2]


def test_more_connections_than_descriptors_are_shed_and_the_server_recovers(file_registry_path, tmp_path):
    with running_server(file_registry_path, tmp_path / "server.log", FRAUD_API_KEYS=API_KEYS) as server:
        pid = server.process.pid
        with connect(server.url) as health, ExitStack() as held:
            health.sendall(request("/livez", method="GET"))
            assert read_answer(health).status_code == 200
            before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            in_use = len(list(Path(f"/proc/{pid}/fd").iterdir()))
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (in_use + 5, before[1]))
            knocking = [held.enter_context(connect(server.url)) for _ in range(50)]
            eventually(lambda: server.events("descriptors_exhausted"), "the server says that it has no more")
            for _ in range(10):
                health.sendall(request("/livez", method="GET"))
                assert read_answer(health).status_code == 200
            assert sum(not closed(each) for each in knocking[10:]) == 40
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
            eventually(lambda: server.events("descriptors_available"), "the server says that it has some again")
        assert exchange(server.url, SCORING).status_code == 200
        assert len(server.events("descriptors_exhausted")) == 1
