"""What tests of the HTTP layer share: keys, the shape of every problem, one raw ASGI exchange, a registry that fails."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from fraud_detection_api.errors import CorruptBundle, RegistryUnavailable
from fraud_detection_api.routes.scoring.route import ScoringRoute
from fraud_detection_api.services.admission.callers import ANYBODY
from fraud_detection_api.services.admission.entrance import Entrance
from fraud_detection_api.services.models.aliases import ANYWHERE, UNEXPLAINED
from support.fakes import InMemoryRegistry

SCORE_KEY = "score-key-of-the-tests"
ADMIN_KEY = "admin-key-of-the-tests"
API_KEYS = f"score:{SCORE_KEY},admin:{ADMIN_KEY}"

PROBLEM_KEYS = {"type", "title", "status", "detail", "code", "request_id"}
JSON = {"Content-Type": "application/json"}


def entrance_of(app: FastAPI) -> Entrance:
    """The entrance that the scoring routes of an application share."""
    endpoints = [getattr(route, "endpoint", None) for route in app.routes]
    return next(each.services.entrance for each in endpoints if isinstance(each, ScoringRoute))


@contextmanager
def full(app: FastAPI) -> Iterator[None]:
    """An application all of whose places are taken while the block runs."""
    all_places = [entrance_of(app).places, app.state.services[Entrance].places]
    for places in all_places:
        places.take(ANYBODY, places.limit)
    yield
    for places in all_places:
        places.give_back(ANYBODY, places.limit)


def bearer(key: str) -> dict[str, str]:
    """The header that sends a key."""
    return {"Authorization": f"Bearer {key}"}


def assert_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """That an answer is a problem of this status and code and has exactly the documented shape; returns it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) - {"errors", "decision_ids"} == PROBLEM_KEYS
    assert problem["code"] == code, problem
    assert problem["type"] == f"urn:fraud-detection-api:problem:{code}"
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["title"]
    assert problem["detail"]
    assert "\n" not in problem["detail"]
    for field in problem.get("errors", []):
        assert set(field) == {"pointer", "detail"}
    assert problem.get("errors") != [], "an empty list of errors says nothing"
    return problem


@dataclass(frozen=True)
class Answer:
    """An answer as `assert_problem` takes it."""

    status_code: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    def json(self) -> Any:
        return json.loads(self.content)


def asgi_post(app: Callable[..., Any], path: str, messages: list[dict[str, Any]], **headers: str) -> Answer:
    """POST with the body arriving as these ASGI messages, and nothing after the last: what no test client can send."""

    async def exchange() -> Answer:
        waiting, sent = iter(messages), []

        async def receive() -> dict[str, Any]:
            message = next(waiting, None)
            if message is None:
                await asyncio.Event().wait()
            return message

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        names = {"content-type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), text.encode()) for name, text in names.items()],
        }
        await app(scope, receive, send)
        start = sent[0]
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return Answer(start["status"], {name.decode(): text.decode() for name, text in start["headers"]}, body)

    return asyncio.run(asyncio.wait_for(exchange(), 10))


def chunk(content: bytes, *, more: bool = True) -> dict[str, Any]:
    """A piece of a body."""
    return {"type": "http.request", "body": content, "more_body": more}


class UnavailableRegistry(InMemoryRegistry):
    """A registry whose folder went away after `registry` was filled."""

    available = aliases_available = True

    def versions(self) -> list[str]:
        self._fail()
        return super().versions()

    def fetch(self, version: str):
        self._fail()
        return super().fetch(version)

    def assigned(self, alias):
        self._fail(self.aliases_available)
        return super().assigned(alias)

    def previous(self, alias):
        self._fail(self.aliases_available)
        return super().previous(alias)

    def audit(self):
        self._fail(self.aliases_available)
        return super().audit()

    def _fail(self, available: bool = True) -> None:
        if not (available and self.available):
            raise RegistryUnavailable("the registry cannot be read: Permission denied")


class DamagedAlias(InMemoryRegistry):
    """A registry whose champion alias is damaged until it is assigned again."""

    damaged = True

    def assigned(self, alias):
        if self.damaged and alias == "champion":
            raise CorruptBundle("alias champion", "its file is damaged; promote a version again")
        return super().assigned(alias)

    def assign(self, alias, version: str, cause=UNEXPLAINED, *, expected=ANYWHERE) -> None:
        self.damaged = False
        super().assign(alias, version, cause, expected=expected)


def flipped(files: dict[str, bytes], name: str = "booster.ubj") -> dict[str, bytes]:
    """A bundle's files with one bit of one of them flipped."""
    content = bytearray(files[name])
    content[len(content) // 2] ^= 1
    return {**files, name: bytes(content)}
