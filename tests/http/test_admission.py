"""One caller cannot starve another: places, memory, turns and rates belong to the names of keys."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2 as httpx
import pytest

from fraud_detection_api.container.process import build_container
from fraud_detection_api.main import THREADS_BESIDE_SCORING, create_app
from fraud_detection_api.services.admission.api_keys import digest_of
from fraud_detection_api.services.admission.callers import ANYBODY
from fraud_detection_api.services.admission.entrance import Entrance
from fraud_detection_api.settings import Settings
from support.builders import OVERDRAWN, record, registry_with_champion
from support.fakes import InMemoryDecisionStore
from support.http import ADMIN_KEY, API_KEYS, JSON, SCORE_KEY, assert_problem, bearer, entrance_of
from support.polling import eventually

OTHER_KEY = "other-key-of-the-tests"
TWO_TEAMS = f"{API_KEYS},score:{OTHER_KEY}"
BATCH = json.dumps([record(customer_id=number) for number in range(2000)]).encode()


def started(**settings):
    configured = Settings(**{"store": "none", "api_keys": TWO_TEAMS, **settings})
    app = create_app(configured, container=build_container(configured, registry=registry_with_champion()))
    app.state.container.deployment.champion.refresh()
    return app


class Unfinished:
    """Requests whose bodies never end: `begin` sends a piece, `hang_up` closes all connections."""

    def __init__(self, app, path: str, key: str) -> None:
        self._app, self._path, self._key = app, path, key
        self._hung_up = asyncio.Event()
        self.statuses: list[int] = []

    async def begin(self, piece: bytes, *, more: bool = True, **headers: str) -> asyncio.Task[None]:
        waiting = [{"type": "http.request", "body": piece, "more_body": more}]

        async def receive():
            if waiting:
                return waiting.pop()
            await self._hung_up.wait()
            return {"type": "http.disconnect"}

        async def send(message) -> None:
            if message["type"] == "http.response.start":
                self.statuses.append(message["status"])

        sent = {
            "content-type": "application/json",
            "transfer-encoding": "chunked",
            "authorization": f"Bearer {self._key}",
            **headers,
        }
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "path": self._path,
            "raw_path": self._path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), text.encode()) for name, text in sent.items()],
        }
        asked = asyncio.create_task(self._app(scope, receive, send))
        await asyncio.sleep(0)
        return asked

    def hang_up(self) -> None:
        self._hung_up.set()


def caller(app, key: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=bearer(key))


def test_bodies_that_never_end_take_no_place_from_another_team():
    app = started()

    async def ask() -> list[int]:
        greedy = Unfinished(app, "/fraud_detection", SCORE_KEY)
        asked = [await greedy.begin(b"[" + b" " * 1000) for _ in range(270)]
        async with caller(app, OTHER_KEY) as other:
            answers = [await other.post("/fraud_detection", json=[OVERDRAWN]) for _ in range(20)]
        greedy.hang_up()
        await asyncio.gather(*asked)
        return [answer.status_code for answer in answers]

    assert asyncio.run(ask()) == [200] * 20
    assert entrance_of(app).bodies.in_use == entrance_of(app).in_progress == 0


@pytest.mark.parametrize(
    "path", ["/fraud_detection", "/v1/decisions", "/v1/labels", "/v1/events", "/v1/models/1/promote"]
)
def test_bodies_share_the_memory_and_leave_some_to_others(path):
    app = started(max_body_bytes=100_000, max_buffered_bytes=400_000)

    async def ask() -> tuple[list[int], bool]:
        greedy, other = Unfinished(app, path, ADMIN_KEY), Unfinished(app, "/fraud_detection", OTHER_KEY)
        piece = b"[" + b" " * (15_000 if "promote" in path else 90_000)
        asked = [await greedy.begin(piece) for _ in range(40)]
        small = await other.begin(b"[" + b" " * 30_000)
        await asyncio.sleep(0.05)
        refused, is_read = list(greedy.statuses), not small.done()
        assert entrance_of(app).bodies.in_use <= 400_000
        greedy.hang_up()
        other.hang_up()
        await asyncio.gather(*asked, small)
        return refused, is_read

    refused, is_read = asyncio.run(ask())
    assert set(refused) == {429}
    assert len(refused) > 20
    assert is_read


def test_batches_whose_caller_hung_up_are_not_scored():
    app = started(api_keys="")
    turns = entrance_of(app).turns

    async def ask() -> list[int]:
        at_work = turns.join(ANYBODY, 1)  # it ends only when all have hung up, however slow this process is
        abandoned = Unfinished(app, "/v1/decisions", "")
        body = b'{"records": ' + BATCH + b"}"
        asked = [await abandoned.begin(body, more=False) for _ in range(20)]
        abandoned.hang_up()
        await asyncio.gather(*asked)
        turns.finished(at_work)
        return abandoned.statuses

    assert asyncio.run(ask()) == [400] * 20
    assert entrance_of(app).in_progress == 0


def test_batches_with_an_idempotency_key_are_scored_though_their_caller_hung_up():
    app = started(api_keys="")

    async def ask() -> list[int]:
        abandoned = Unfinished(app, "/v1/decisions", "")
        body = b'{"records": ' + BATCH + b"}"
        asked = [await abandoned.begin(body, more=False, **{"idempotency-key": f"key-{number}"}) for number in range(4)]
        abandoned.hang_up()
        await asyncio.gather(*asked)
        return abandoned.statuses

    assert asyncio.run(ask()) == [200] * 4


def test_batches_of_two_teams_take_turns():
    app = started()
    finished = []

    async def ask() -> None:
        async def batch(client: httpx.AsyncClient, team: str) -> None:
            answer = await client.post("/fraud_detection", content=BATCH, headers=JSON)
            finished.append((team, answer.status_code))

        async with caller(app, SCORE_KEY) as greedy, caller(app, OTHER_KEY) as other:
            many = [asyncio.create_task(batch(greedy, "greedy")) for _ in range(6)]
            await asyncio.sleep(0)
            await asyncio.gather(batch(other, "other"), *many)

    asyncio.run(ask())
    assert {status for _, status in finished} == {200}
    assert [team for team, _ in finished].index("other") <= 2


def test_large_bodies_without_records_are_no_cheaper_than_batches():
    app, numbers, finished = started(), b"[" + b"1," * len(BATCH) + b"1]", []

    async def ask() -> None:
        async def post(client: httpx.AsyncClient, team: str, body: bytes) -> None:
            await client.post("/fraud_detection", content=body, headers=JSON)
            finished.append(team)

        async with caller(app, SCORE_KEY) as greedy, caller(app, OTHER_KEY) as other:
            many = [asyncio.create_task(post(greedy, "greedy", numbers)) for _ in range(8)]
            await asyncio.sleep(0)
            await asyncio.gather(*(post(other, "other", BATCH) for _ in range(2)), *many)

    asyncio.run(ask())
    assert finished[:4].count("other") == 2


def keys_file(tmp_path, *keys: str, limits: str = ""):
    path = tmp_path / "keys.toml"
    entries = [f'[[keys]]\nname = "team"\nrole = "admin"\nsha256 = "{digest_of(key)}"\n' for key in keys]
    path.write_text("\n".join([*entries, f"[limits.team]\n{limits}\n"]))
    return path


def test_a_rate_that_is_reached_is_answered_429_with_what_is_left(client_for, tmp_path):
    path = keys_file(tmp_path, SCORE_KEY, limits="requests_per_second = 0.001\nrecords_per_second = 0.5")
    client = client_for(api_keys_file=path)
    first = client.post("/fraud_detection", json=[OVERDRAWN] * 3, headers=bearer(SCORE_KEY))
    assert first.headers["ratelimit-policy"] == '"requests";q=1;w=1000, "records";q=1;w=2'
    assert first.headers["ratelimit"] == '"requests";r=0;t=1000, "records";r=0;t=6'
    for answer in (
        client.post("/fraud_detection", json=[OVERDRAWN], headers=bearer(SCORE_KEY)),
        client.get("/v1/models", headers=bearer(SCORE_KEY)),
    ):
        assert_problem(answer, 429, "rate_exceeded")
        assert int(answer.headers["retry-after"]) > 900
        assert answer.headers["ratelimit"].startswith('"requests";r=0;')


def test_a_callers_own_limit_of_requests_in_progress_holds(client_for, tmp_path):
    client = client_for(api_keys_file=keys_file(tmp_path, SCORE_KEY, limits="in_flight = 1"))
    holder = client.app.state.container.keys.caller(f"Bearer {SCORE_KEY}")
    batch = [OVERDRAWN] * 1000
    for entrance in (entrance_of(client.app), client.app.state.services[Entrance]):
        entrance.places.take(holder)
        for path, body in (
            ("/fraud_detection", [OVERDRAWN]),
            ("/fraud_detection", batch),
            ("/v1/labels", {"labels": []}),
            ("/v1/events", {"events": []}),
        ):
            assert_problem(client.post(path, json=body, headers=bearer(SCORE_KEY)), 429, "overloaded")
        entrance.places.give_back(holder)
    assert client.post("/fraud_detection", json=batch, headers=bearer(SCORE_KEY)).status_code == 200
    assert client.post("/fraud_detection", json=[OVERDRAWN], headers=bearer(SCORE_KEY)).status_code == 200


def test_a_rotated_key_of_the_same_name_gets_the_same_answer(kept, tmp_path):
    client = kept.client(api_keys_file=keys_file(tmp_path, SCORE_KEY, OTHER_KEY))
    headers = [{"Idempotency-Key": "a", **bearer(key)} for key in (SCORE_KEY, OTHER_KEY)]
    first, second = (client.post("/v1/decisions", json={"records": [OVERDRAWN]}, headers=each) for each in headers)
    assert first.content == second.content
    assert second.headers["idempotency-replayed"] == "true"
    assert len(kept.rows()) == 1


def test_answers_from_before_a_key_had_a_name_are_found(kept, tmp_path):
    headers = {"Idempotency-Key": "a", **bearer(ADMIN_KEY)}
    first = kept.client(api_keys=API_KEYS).post("/v1/decisions", json={"records": [OVERDRAWN]}, headers=headers)
    named = kept.client(api_keys_file=keys_file(tmp_path, ADMIN_KEY))
    assert named.post("/v1/decisions", json={"records": [OVERDRAWN]}, headers=headers).content == first.content
    assert len(kept.rows()) == 1


def test_a_changed_file_of_keys_is_read_without_a_restart(client_for, tmp_path, events):
    path = keys_file(tmp_path, SCORE_KEY)
    client = client_for(api_keys_file=path, reload_seconds=0.01)

    def status(key: str) -> int:
        return client.get("/v1/models", headers=bearer(key)).status_code

    assert (status(SCORE_KEY), status(OTHER_KEY)) == (200, 401)
    # as Kubernetes does it: another file takes the place
    (tmp_path / "new").write_text(f"score:{OTHER_KEY}\n")
    (tmp_path / "new").replace(path)
    eventually(lambda: status(OTHER_KEY) == 200, "the new key is known")
    assert status(SCORE_KEY) == 401


@pytest.mark.parametrize("content", ["", "root:s3cret-s3cret-s3cret", "[[keys]]\nkey = s3cret-s3cret-s3cret"])
def test_a_bad_file_of_keys_changes_nothing_and_is_told_once(client_for, tmp_path, events, content, log_text):
    path = keys_file(tmp_path, SCORE_KEY)
    client = client_for(api_keys_file=path, reload_seconds=0.01)
    path.write_text(content)
    [event] = eventually(lambda: events("keys_refused"), "the refusal is logged")
    assert event["level"] == "error"
    assert "s3cret" not in log_text()
    assert client.get("/v1/models", headers=bearer(SCORE_KEY)).status_code == 200
    assert_problem(client.get("/v1/models"), 401, "unauthenticated")


AT_ONCE = THREADS_BESIDE_SCORING - 1


def test_few_requests_are_answered_in_threads_at_a_time(client_for):
    store, leave, inside = InMemoryDecisionStore(), threading.Event(), []
    store.page = lambda *_, **__: inside.append(1) or (leave.wait(20) and [])
    client = client_for(kept_in=store)
    with ThreadPoolExecutor(AT_ONCE + 4) as callers:
        asked = [callers.submit(client.get, "/v1/decisions") for _ in range(AT_ONCE + 4)]
        eventually(lambda: len(inside) == AT_ONCE, "as many as may are at work")
        assert client.get("/readyz").status_code == 200
        assert len(inside) == AT_ONCE
        leave.set()
        statuses = [each.result().status_code for each in asked]
    assert statuses.count(200) >= AT_ONCE
    assert set(statuses) <= {200, 429}  # whoever waited for more than a second


def test_large_labels_wait_for_their_turn():
    app = started(api_keys="")
    turns = app.state.services[Entrance].turns
    joined, join = [], turns.join
    turns.join = lambda *given: joined.append(join(*given)) or joined[-1]

    async def ask() -> list[int]:
        body = json.dumps({"labels": [{"decision_id": "0199", "is_fraud": True, "source": "customer"}] * 2000})
        async with caller(app, "") as client:
            answers = [client.post("/v1/labels", content=body.encode(), headers=JSON) for _ in range(6)]
            return [answer.status_code for answer in await asyncio.gather(*answers)]

    assert asyncio.run(ask()) == [422] * 6
    assert [turn.called.done() for turn in joined] == [True] * 6
    assert app.state.services[Entrance].in_progress == entrance_of(app).bodies.in_use == 0
