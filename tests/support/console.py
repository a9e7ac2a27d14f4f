"""The console as a browser uses it: forms are sent with the tokens of their pages, from this server's origin."""

import dataclasses
import re
from http.cookies import SimpleCookie
from typing import Any

from starlette.testclient import TestClient

from fraud_detection_api.adapters.sql.accounts import SqlAccountStore
from fraud_detection_api.container.accounts import People
from fraud_detection_api.container.process import build_container
from fraud_detection_api.container.storage import build_database
from fraud_detection_api.main import create_app
from fraud_detection_api.services.accounts.passwords import Passwords
from fraud_detection_api.services.accounts.sessions import Sessions
from fraud_detection_api.services.accounts.signing_in import LocalAccounts, Throttle
from fraud_detection_api.services.accounts.trail import Trail
from fraud_detection_api.services.models.registry import ModelRegistry
from fraud_detection_api.settings import Settings
from support.fakes import InMemoryRegistry

ORIGIN = {"Origin": "http://localhost"}
QUICK = Passwords(memory_kib=64, passes=1)
PASSWORD = "correct horse battery"
HTML = "text/html; charset=utf-8"


class Served:
    """A console on a store of its own, on a clock that is stepped; `browser` makes another browser."""

    def __init__(self, location: str, registry: ModelRegistry | None = None, **settings: object) -> None:
        self.now = [1_800_000_000.0]
        configured = Settings(store=location, **settings)
        container = build_container(configured, registry=registry or InMemoryRegistry())
        database = build_database(configured)
        if database is not None:
            container.store.migrate()
            store = SqlAccountStore(database)
            self.accounts = LocalAccounts(store, Throttle(of_name=3), lambda: self.now[0], passwords=QUICK)
            clock, provider = lambda: self.now[0], container.people.provider
            people = People(self.accounts, Sessions(store, wall_clock=clock), Trail(store, clock), provider)
            container = dataclasses.replace(container, people=people)
        self.app = create_app(configured, container=container)

    def close(self) -> None:
        """Release connections."""
        if (store := self.app.state.container.store) is not None:
            self.accounts.close()
            store.close()

    def add(self, name: str, role="analyst") -> None:
        self.accounts.add(name, PASSWORD, role, is_lead=False, by="root")

    def browser(self, base_url="http://localhost") -> TestClient:
        return TestClient(self.app, base_url=base_url)


def token_of(page: Any) -> str:
    """The token of the page's first form."""
    return re.search(r'name="form_token" value="(\w+)"', page.text)[1]


def send(client: TestClient, path: str, token: str, headers: dict[str, str] = ORIGIN, **fields: str) -> Any:
    """Send a form, and do not follow where it leads."""
    data = {"form_token": token, **fields}
    return client.post(path, data=data, headers=headers, follow_redirects=False)


def sign_in(client: TestClient, name: str, password: str = PASSWORD, **fields: str) -> Any:
    """Fill in the form of the page, and send it."""
    token = token_of(client.get("/console/sign-in"))
    return send(client, "/console/sign-in", token, name=name, password=password, **fields)


def cookie_of(answer: Any, name: str) -> Any:
    """A cookie that an answer sets, with its attributes."""
    jar = SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        jar.load(header)
    return jar[name]
