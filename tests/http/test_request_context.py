"""What surrounds every request: its id, its log line, the answer to errors that nobody expected."""

import asyncio
import json
import re

import pytest

from fraud_detection_api.metrics.requests import RequestMetrics
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.routes.protocol.context import RequestBoundary
from fraud_detection_api.services.admission.drain import Drain
from fraud_detection_api.services.models.deployment import Deployment, ServedModel
from support.builders import OVERDRAWN, record
from support.http import API_KEYS, JSON, SCORE_KEY, asgi_post, assert_problem, bearer, entrance_of

LINE_KEYS = {"time", "level", "event", "request_id", "method", "route"}
LINE_KEYS |= {"status", "duration_ms", "records", "model_version"}
MARK = "mark-of-a-secret-98765"


@pytest.mark.parametrize("request_id", ["a", "Req_1.2:3-4", "x" * 128])
def test_a_request_id_is_echoed(client, request_id):
    assert client.get("/ping", headers={"X-Request-ID": request_id}).headers["x-request-id"] == request_id


def test_a_request_without_an_id_is_given_one_of_its_own(client):
    made = [client.get("/ping").headers["x-request-id"] for _ in range(2)]
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in made)
    assert made[0] != made[1]


@pytest.mark.parametrize("request_id", ["", "x" * 129, "a b", "a;b", "<script>", "a\tb", "{}"])
def test_a_malformed_request_id_is_replaced(client, request_id):
    answered = client.get("/ping", headers={"X-Request-ID": request_id}).headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", answered)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/nowhere", 404, "not_found"), ("PUT", "/ping", 405, "method_not_allowed")],
)
def test_problems_carry_the_request_id(client, method, path, status, code):
    answer = client.request(method, path, headers={"X-Request-ID": "r-1"})
    assert assert_problem(answer, status, code)["request_id"] == "r-1"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/fraud_detection", "POST"),
        ("POST", "/ping", "GET, HEAD"),
        ("HEAD", "/fraud_detection", "POST"),
        ("DELETE", "/v1/models/1", "GET, HEAD"),
        ("GET", "/v1/models/1/promote", "POST"),
    ],
)
def test_a_method_that_a_route_does_not_take_is_refused_with_those_it_takes(client, method, path, allowed):
    answer = client.request(method, path)
    assert answer.status_code == 405
    told = answer.headers["allow"]  # in no order that is kept
    assert sorted(told.split(", ")) == allowed.split(", ")
    if method != "HEAD":
        assert told in assert_problem(answer, 405, "method_not_allowed")["detail"]


@pytest.mark.parametrize("path", ["/nowhere", "/v1", "/v1/models/1/2/3", "/fraud_detection/1", "/redoc", "/%00"])
def test_an_unknown_path_is_not_found(client, path):
    assert_problem(client.get(path), 404, "not_found")


def test_a_slash_too_many_is_no_redirect_to_the_callers_host(client_for):
    answer = client_for(allowed_hosts="*").post(
        "/fraud_detection/", json=[OVERDRAWN], headers={"Host": "evil.example"}, follow_redirects=False
    )
    assert_problem(answer, 404, "not_found")


def test_every_request_is_one_json_line(client, events):
    client.post("/fraud_detection", json=[OVERDRAWN, OVERDRAWN], headers={"X-Request-ID": "r-2"})
    (line,) = events("request")
    assert set(line) == LINE_KEYS
    assert (line["request_id"], line["method"], line["route"], line["status"], line["records"]) == (
        *("r-2", "POST", "/fraud_detection"),
        *(200, 2),
    )
    assert line["model_version"] == "1"
    assert 0 < line["duration_ms"] < 10_000
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


@pytest.mark.parametrize(
    ("method", "path", "logged"),
    [
        ("GET", "/ping", ("/ping", 200)),
        ("GET", "/v1/models/1", ("/v1/models/{version}", 200)),
        ("GET", f"/v1/models/{MARK}", ("/v1/models/{version}", 404)),
        ("POST", "/v1/models/1/promote", ("/v1/models/{version}/promote", 200)),
        ("POST", "/fraud_detection", ("/fraud_detection", 415)),
        ("GET", "/openapi.json", ("/openapi.json", 200)),
        ("GET", "/docs", ("/docs", 200)),
        ("POST", "/docs", ("/docs", 405)),
        ("GET", f"/static-offline-docs/{MARK}", ("/static-offline-docs", 404)),
        ("GET", f"/{MARK}", ("unmatched", 404)),
    ],
)
def test_the_log_line_names_the_route_by_its_template(client, events, log_text, method, path, logged):
    client.request(method, path)
    (line,) = events("request")
    assert (line["method"], (line["route"], line["status"]), line["records"]) == (method, logged, None)
    assert MARK not in log_text()


@pytest.mark.parametrize(
    "body",
    [
        json.dumps([record(customer_id=98765)]),
        json.dumps([record(total_balance=MARK)]),
        json.dumps([record(**{MARK: 1})]),
        f'[{{"customer_id": {MARK}',
        json.dumps({MARK: [OVERDRAWN]}),
    ],
    ids=["scored", "bad value", "unknown field", "not JSON", "no array"],
)
def test_nothing_of_a_body_is_logged(client_for, log_text, body):
    client = client_for(api_keys=API_KEYS)
    client.post(f"/fraud_detection?q={MARK}", content=body, headers=JSON | bearer(SCORE_KEY) | {"User-Agent": MARK})
    assert '"event":"request"' in log_text()
    assert "98765" not in log_text()
    assert SCORE_KEY not in log_text()


class BrokenContract:
    """A contract whose every use fails with a message that quotes a record; it has no history."""

    history = ()

    def __getattr__(self, name):
        raise RuntimeError(f"cannot read {MARK}")


class BrokenParser:
    """A parser whose every use fails with a message that quotes a record."""

    def parse(self, body, *, limit):
        raise RuntimeError(f"cannot parse {MARK}")


@pytest.fixture
def broken(client_for):
    client = client_for()
    champion = client.app.state.container.deployment.champion
    champion.current = Deployment("default", BrokenContract(), ServedModel("1", None), None, BrokenParser())
    return client


@pytest.mark.parametrize(("method", "path"), [("POST", "/fraud_detection"), ("GET", "/v1/contract")])
def test_an_unexpected_error_is_answered_without_its_trace_or_message(broken, method, path):
    answer = broken.request(method, path, json=[OVERDRAWN] if method == "POST" else None)
    problem = assert_problem(answer, 500, "unexpected_error")
    assert problem["request_id"] in answer.headers["x-request-id"]
    for told in (MARK, "Traceback", "RuntimeError", ".py"):
        assert told not in answer.text


def test_an_unexpected_error_is_logged_by_type_and_places_only(broken, events, log_text):
    broken.post("/fraud_detection", json=[OVERDRAWN], headers={"X-Request-ID": "r-3"})
    (line,) = events("unexpected_error")
    assert set(line) == {"time", "level", "event", "request_id", "error", "at"}
    assert (line["level"], line["error"], line["request_id"]) == ("error", "RuntimeError", "r-3")
    assert line["at"][-1].endswith(" parse")
    assert any(place.startswith("fraud_detection.py:") for place in line["at"])
    assert MARK not in log_text()
    assert [one["status"] for one in events("request")] == [500]


def test_after_an_unexpected_error_the_place_is_free_again(broken):
    broken.post("/fraud_detection", json=[OVERDRAWN])
    assert entrance_of(broken.app).in_progress == 0


def test_an_error_after_the_answer_began_is_logged_and_answered_no_second_time(events):
    async def breaks_off(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError(MARK)

    refused = lambda *_: pytest.fail("a second answer")  # noqa: E731
    wrapped = RequestBoundary(breaks_off, answer_to=refused, metrics=RequestMetrics(Tallies()), drain=Drain())
    answer = asgi_post(wrapped, "/", [])
    assert (answer.status_code, answer.content) == (200, b"")
    assert [event["error"] for event in events("unexpected_error")] == ["RuntimeError"]


def test_what_is_no_http_request_passes_unseen(events):
    seen = []

    async def lifespan(scope, receive, send):
        seen.append(scope["type"])

    context = RequestBoundary(lifespan, answer_to=None, metrics=None, drain=Drain())
    asyncio.run(context({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]
    assert not events("request")
