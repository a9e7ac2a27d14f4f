"""Requests that come in one turn of the event loop are answered together, and each as if it were alone."""

import asyncio
from types import SimpleNamespace

import httpx2 as httpx
import pytest

from fraud_detection_api.container.process import build_container
from fraud_detection_api.main import create_app
from fraud_detection_api.metrics.requests import AnswerMetrics
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.routes.protocol.body import is_large
from fraud_detection_api.routes.scoring import turns
from fraud_detection_api.routes.scoring.asked import Asked, Read
from fraud_detection_api.routes.scoring.turns import Answer, ScoringRequest, Turn
from fraud_detection_api.services.admission.callers import Caller
from fraud_detection_api.settings import Settings
from fraud_detection_api.telemetry import Stopwatch
from support.builders import every_dtype_contract, record, registry_with_champion
from support.http import entrance_of


@pytest.fixture
def app():
    settings = Settings(store="none")
    app = create_app(settings, container=build_container(settings, registry=registry_with_champion()))
    app.state.container.deployment.champion.refresh()
    return app


def answers(app, bodies) -> list[httpx.Response]:
    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await asyncio.gather(*(client.post("/fraud_detection", json=body) for body in bodies))

    return asyncio.run(ask())


def test_many_at_once_get_what_each_gets_alone(app):
    bodies = [[record(total_balance=1000 * number)] for number in range(60)]
    together = [answer.json() for answer in answers(app, bodies)]
    assert together == [answers(app, [body])[0].json() for body in bodies]
    assert len({probability for [probability] in together}) > 10


def test_a_long_turn_is_interrupted_for_whatever_else_waits(app, monkeypatch):
    """A health check, for example. Here a turn is over after its first request."""
    monkeypatch.setattr(turns, "LONGEST_SECONDS", -1)
    monkeypatch.setattr(turns, "RECORDS_TOGETHER", 1)
    order, first = [], asyncio.Event()

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:

            async def post(number: int) -> httpx.Response:
                answer = await client.post("/fraud_detection", json=[record(total_balance=1000 * number)])
                order.append(number)
                first.set()
                return answer

            async def other() -> None:
                await first.wait()
                order.append("other")

            found = await asyncio.gather(*map(post, range(60)), other())
            return [answer.json() for answer in found[:-1]]

    assert asyncio.run(ask()) == [
        answer.json() for answer in answers(app, [[record(total_balance=1000 * number)] for number in range(60)])
    ]
    assert order.index("other") < 10


def test_a_bad_request_among_good_ones_is_refused_alone(app):
    bodies = [[record()], [record(total_balance="owed")], [record()], "no array", [record()]]
    assert [answer.status_code for answer in answers(app, bodies)] == [200, 422, 200, 422, 200]
    assert entrance_of(app).in_progress == 0


def test_a_caller_who_is_cancelled_holds_up_no_other(app):
    async def ask() -> list[object]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            asked = [asyncio.create_task(client.post("/fraud_detection", json=[record()])) for _ in range(3)]
            await asyncio.sleep(0)
            asked[1].cancel()
            return await asyncio.gather(*asked, return_exceptions=True)

    first, cancelled, last = asyncio.run(ask())
    assert isinstance(cancelled, asyncio.CancelledError)
    assert first.json() == last.json()
    assert entrance_of(app).in_progress == 0


@pytest.mark.parametrize(
    ("body", "large"),
    [
        (b"[" + b"{}," * 60 + b"{}]", False),  # few bytes, however many records
        (b'[{"a": 1}]' + b" " * 4096, False),
        (b"[" + b'{"a": 1},' * 60 + b" " * 4096 + b"{}]", True),
        (b" " * 64 * 1024, True),
    ],
)
def test_a_body_is_large_by_its_bytes_or_its_records(body, large):
    assert is_large(body) is large


GREEDY, OTHER = (Caller(name, "score", "") for name in ("greedy", "other"))


def of(caller: Caller) -> ScoringRequest:
    return ScoringRequest(SimpleNamespace(contract=every_dtype_contract()), "", {}, (), b"", 0.0, caller)


def test_callers_take_turns():
    answered = []

    class Work:
        def read(self, requests):
            return Read([Asked([]) for _ in requests], Stopwatch())

        def work(self, requests, _read):
            answered.extend(request.caller.identity for request in requests)
            return [(Answer(b"", None, None), None) for _ in requests]

    async def ask() -> None:
        turn = Turn(Work(), None, None, AnswerMetrics(Tallies(), "/fraud_detection"))
        await asyncio.gather(*[turn.answer(of(caller)) for caller in [GREEDY] * 20 + [OTHER]])

    asyncio.run(ask())
    assert answered.index("other") == 1
    assert len(answered) == 21
