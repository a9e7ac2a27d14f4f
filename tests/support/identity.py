"""A provider of identities within the test's own process, which checks what it is asked and signs what the test wants."""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from support.listening import listening

CLIENT_ID, CLIENT_SECRET = "console", "a secret of the client's own"


class Provider:
    """Whoever comes with a code that `authorize` gave gets a token of `claims`, which `change` may have changed.

    `key` signs, and `published` are the keys that it says it has. It counts what it was asked, by path.
    """

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
        self.published = [self.key]
        self.algorithm, self.status = "RS256", 200
        self.url, self.claims = "", {"sub": "7", "preferred_username": "mira", "roles": ["analyst"]}
        self.change: Callable[[dict[str, Any]], dict[str, Any]] = dict
        self.userinfo: dict[str, Any] = {}
        self.described: dict[str, Any] = {}
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}

    def authorize(self, url: str) -> dict[str, str]:
        """The parameters with which the browser is sent back from the address that it was sent to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        assert (asked["client_id"], "openid" in asked["scope"].split()) == (CLIENT_ID, True)
        code = f"code-{len(self._codes)}"
        self._codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.url}

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, Any]:
        """What it answers."""
        self.asked.append(path)
        if self.status != 200:
            return self.status, {}
        if path == "/.well-known/openid-configuration":
            names = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
            own = {"issuer": self.url, **{name: f"{self.url}/{name}" for name in names}}
            return 200, {**own, "token_endpoint_auth_methods_supported": ["client_secret_post"], **self.described}
        if path == "/jwks_uri":
            return 200, {"keys": [key.as_dict(private=False) for key in self.published if isinstance(key, RSAKey)]}
        if path == "/userinfo_endpoint":
            return 200, self.userinfo
        return self._token(form)

    def _token(self, form: dict[str, str]) -> tuple[int, Any]:
        asked = self._codes.pop(form["code"], None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        proven = asked is not None and proof == asked["code_challenge"] and form["client_secret"] == CLIENT_SECRET
        if not proven or asked is None or form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        about = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        header = {"alg": self.algorithm, "kid": self.key.kid}
        token = jwt.encode(header, self.change({**about, **self.claims}), self.key, algorithms=[self.algorithm])
        return 200, {"access_token": "access", "token_type": "Bearer", "id_token": token}


def secret_as_key() -> OctKey:
    """A key that is made of the client's secret."""
    return OctKey.import_key(CLIENT_SECRET, {"kid": "first"})


@contextmanager
def providing() -> Iterator[Provider]:
    """A provider on a free port, while the block runs."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer({name: values[0] for name, values in parse_qs(body).items()})

        def _answer(self, form: dict[str, str]) -> None:
            status, content = provider.answer(self.path, form)
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with listening(Handler) as port:
        provider.url = f"http://127.0.0.1:{port}"
        yield provider
