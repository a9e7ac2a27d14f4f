"""A person at a browser: signs in, opens pages and sends forms, over one connection that stays open."""

import re
import time
from http.client import HTTPConnection, HTTPResponse
from typing import NamedTuple
from urllib.parse import urlencode

TIMEOUT_SECONDS = 120


class Answer(NamedTuple):
    """What came back, and how long it took."""

    status: int
    location: str
    text: str
    milliseconds: float


class Person:
    """Somebody who is signed in at the server of a port."""

    def __init__(self, port: int, name: str, password: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        self._origin, self._cookies = f"http://127.0.0.1:{port}", {}  # type: ignore[var-annotated]
        self._token = ""
        self.get("/console/sign-in")
        answer = self.post("/console/sign-in", name=name, password=password)
        if answer.status != 303:
            raise RuntimeError(f"{name} cannot sign in: {answer.status}")
        self.get("/console")

    def get(self, path: str) -> Answer:
        """Open a page, which gives the token of the next form."""
        answer = self._ask("GET", path, None, {})
        if found := re.search(r'name="form_token" value="(\w+)"', answer.text):
            self._token = found[1]
        return answer

    def post(self, path: str, **fields: str) -> Answer:
        """Send a form of the page that was opened last, and do not follow."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": self._origin}
        return self._ask("POST", path, urlencode({"form_token": self._token, **fields}), headers)

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        cookie = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        began = time.perf_counter()
        self._connection.request(method, path, body, {"Cookie": cookie, **headers})
        response = self._connection.getresponse()
        text = response.read().decode("utf-8", "replace")
        milliseconds = 1000 * (time.perf_counter() - began)
        self._remember(response)
        return Answer(response.status, response.headers.get("location", ""), text, milliseconds)

    def _remember(self, response: HTTPResponse) -> None:
        for line in response.headers.get_all("set-cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self._cookies[name] = value
