"""Asks a provider of identities who somebody is, by OpenID Connect; the only module that imports Authlib."""

import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from fraud_detection_api.addresses import is_loopback
from fraud_detection_api.errors import MissingExtra
from fraud_detection_api.services.accounts.provider import Attempt
from fraud_detection_api.services.accounts.refusals import ProviderRefused, ProviderUnavailable

EXTRA, PURPOSE = "sso", "FRAUD_OIDC_ISSUER"
SCOPE = "openid profile email"

TIMEOUT_SECONDS = 5.0
FRESH_SECONDS = 3600.0
"""How long what the provider says of itself is used again."""

NEW_KEYS_SECONDS = 60.0
"""A token signed with an unknown key has the keys read again, at most so often."""

LEEWAY_SECONDS = 120
"""By how much the provider's clock may differ."""

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""Of signatures. None of them can be made with what this server knows, so the client's secret makes no token."""


class OidcClient(NamedTuple):
    """How the provider knows this server. Its answers lead the browser to `redirect_url`."""

    issuer: str
    client_id: str
    client_secret: str
    redirect_url: str


class OidcProvider:
    """A provider with discovery; the code flow with PKCE. Any thread may use it.

    Sources: OpenID Connect Core 1.0, section 3.1; OpenID Connect Discovery 1.0; RFC 7636; RFC 9207. Raises MissingExtra.
    """

    def __init__(self, client: OidcClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        try:
            import httpx2  # noqa: PLC0415 an optional library, as the others
            from authlib.integrations.base_client import OAuthError  # noqa: PLC0415
            from authlib.integrations.httpx_client import OAuth2Client  # noqa: PLC0415
            from authlib.oidc.core import CodeIDToken  # noqa: PLC0415
            from joserfc import errors, jwk, jws, jwt  # noqa: PLC0415
        except ImportError as error:
            raise MissingExtra(EXTRA, PURPOSE) from error
        self._client, self._clock = client, clock
        self._http, self._oauth_client, self._id_token = httpx2, OAuth2Client, CodeIDToken
        self._jwk: Any = jwk
        self._jws, self._jwt = jws, jwt
        self._unknown_key, self._untrusted = errors.InvalidKeyIdError, (OAuthError, errors.JoseError)
        self._lock = Lock()
        self._metadata: Mapping[str, Any] = {}
        self._keys: Any = None
        self._metadata_at, self._keys_at = -FRESH_SECONDS, -FRESH_SECONDS

    @property
    def name(self) -> str:
        """The provider's host."""
        return urlsplit(self._client.issuer).hostname or self._client.issuer

    @property
    def issuer(self) -> str:
        """The provider, as its tokens name it."""
        return self._client.issuer

    def authorization_url(self, attempt: Attempt) -> str:
        """Raises ProviderUnavailable."""
        endpoint = self._described()["authorization_endpoint"]
        with self._session() as session:
            url, _ = session.create_authorization_url(
                endpoint, state=attempt.state, nonce=attempt.nonce, code_verifier=attempt.verifier
            )
        return str(url)

    def claims(self, code: str, attempt: Attempt) -> Mapping[str, object]:
        """Raises ProviderUnavailable, ProviderRefused."""
        described = self._described()
        try:
            with self._session() as session:
                token = session.fetch_token(described["token_endpoint"], code=code, code_verifier=attempt.verifier)
                claims = self._verified(token, attempt.nonce)
                if (endpoint := described.get("userinfo_endpoint")) and (told := self._told(session, endpoint, claims)):
                    return {**told, **claims}
                return claims
        except self._untrusted as error:
            raise ProviderRefused("invalid", _kind(error)) from error
        except (self._http.HTTPError, ValueError, LookupError, TypeError) as error:
            raise ProviderUnavailable(_kind(error)) from error

    def _told(self, session: Any, endpoint: str, claims: Mapping[str, object]) -> Mapping[str, object]:
        """What the provider tells beside the token, which of some providers has no roles; of the same person alone."""
        answer = session.get(_safe(endpoint))
        told = answer.json() if answer.status_code == 200 else {}
        return told if isinstance(told, dict) and told.get("sub") == claims["sub"] else {}

    def _verified(self, token: Mapping[str, Any], nonce: str) -> dict[str, object]:
        try:
            decoded = self._decoded(token["id_token"], self._key_set(FRESH_SECONDS))
        except self._unknown_key:
            decoded = self._decoded(token["id_token"], self._key_set(NEW_KEYS_SECONDS))
        options = {"iss": {"essential": True, "value": self._client.issuer}}
        options["aud"] = {"essential": True, "value": self._client.client_id}
        params = {"nonce": nonce, "client_id": self._client.client_id, "access_token": token.get("access_token")}
        claims = self._id_token(decoded.claims, decoded.header, options, params)
        claims.validate(leeway=LEEWAY_SECONDS)
        return dict(claims)

    def _decoded(self, id_token: str, keys: Any) -> Any:
        algorithms = [each for each in self._described().get(_SIGNED_BY, ["RS256"]) if each in ALGORITHMS]
        registry = self._jws.JWSRegistry(algorithms=algorithms, strict_check_header=False)
        return self._jwt.decode(id_token, keys, registry=registry)

    def _described(self) -> Mapping[str, Any]:
        """What the provider says of itself."""
        with self._lock:
            if self._clock() - self._metadata_at >= FRESH_SECONDS:
                described = self._read(f"{self._client.issuer.rstrip('/')}/.well-known/openid-configuration")
                if described.get("issuer") != self._client.issuer:
                    raise ProviderUnavailable("it names another issuer than FRAUD_OIDC_ISSUER")
                if missing := [each for each in _ENDPOINTS if not isinstance(described.get(each), str)]:
                    raise ProviderUnavailable(f"it does not say its {missing[0]}")
                for each in _ENDPOINTS:
                    _safe(described[each])
                self._metadata, self._metadata_at = described, self._clock()
            return self._metadata

    def _key_set(self, older_than_seconds: float) -> Any:
        uri = self._described()["jwks_uri"]
        with self._lock:
            if self._clock() - self._keys_at >= older_than_seconds:
                keys = self._read(uri)
                self._keys, self._keys_at = self._jwk.KeySet.import_key_set(keys), self._clock()
            return self._keys

    def _read(self, url: str) -> dict[str, Any]:
        try:
            answer = self._http.get(url, timeout=TIMEOUT_SECONDS, headers={"Accept": "application/json"})
            answer.raise_for_status()
            content = answer.json()
        except (self._http.HTTPError, ValueError) as error:
            raise ProviderUnavailable(_kind(error)) from error
        if not isinstance(content, dict):
            raise ProviderUnavailable("its answer is no JSON object")
        return content

    def _session(self) -> Any:
        client, methods = self._client, self._described().get("token_endpoint_auth_methods_supported", [_BASIC])
        method = "none" if not client.client_secret else _BASIC if _BASIC in methods else "client_secret_post"
        return self._oauth_client(
            client.client_id,
            client.client_secret or None,
            token_endpoint_auth_method=method,
            scope=SCOPE,
            redirect_uri=client.redirect_url,
            code_challenge_method="S256",
            timeout=TIMEOUT_SECONDS,
        )


_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_SIGNED_BY = "id_token_signing_alg_values_supported"
_BASIC = "client_secret_basic"


def _kind(error: Exception) -> str:
    """What went wrong, without what was sent: codes and tokens are secrets."""
    return str(getattr(error, "error", "") or type(error).__name__)


def is_safe(url: str) -> bool:
    """Whether nobody on the way can read what is sent to a URL.

    >>> is_safe("https://id.bank.example"), is_safe("http://id.bank.example"), is_safe("http://127.0.0.1:9400")
    (True, False, True)
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))


def _safe(url: str) -> str:
    if not is_safe(url):
        raise ProviderUnavailable("it names an address without TLS")
    return url
