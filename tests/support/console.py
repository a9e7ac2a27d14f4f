"""The console as a browser uses it: forms are sent with the tokens of their pages, from this server's origin."""

import re
from typing import Any

from starlette.testclient import TestClient

ORIGIN = {"Origin": "http://localhost"}
PASSWORD = "correct horse battery"


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
