"""What a provider of identities has to prove before anybody is signed in."""

import sys
import time

import pytest
from joserfc.jwk import RSAKey

from fraud_detection_api.adapters.oidc import FRESH_SECONDS, NEW_KEYS_SECONDS, OidcClient, OidcProvider
from fraud_detection_api.errors import MissingExtra
from fraud_detection_api.services.accounts.provider import attempt_of
from fraud_detection_api.services.accounts.refusals import ProviderRefused, ProviderUnavailable
from support.identity import CLIENT_ID, CLIENT_SECRET, providing, secret_as_key

ATTEMPT = attempt_of("a random token")
BACK = "https://fraud.bank.example/console/sign-in/return"


@pytest.fixture
def provider():
    with providing() as started:
        yield started


@pytest.fixture
def clock():
    return [100_000.0]


@pytest.fixture
def asked(provider, clock):
    """The adapter, which asks the provider."""
    return OidcProvider(OidcClient(provider.url, CLIENT_ID, CLIENT_SECRET, BACK), clock=lambda: clock[0])


def signed_in(asked, provider, attempt=ATTEMPT):
    return asked.claims(provider.authorize(asked.authorization_url(ATTEMPT))["code"], attempt)


def test_a_code_becomes_claims_once(asked, provider):
    returned = provider.authorize(asked.authorization_url(ATTEMPT))
    assert returned["state"] == ATTEMPT.state
    claims = asked.claims(returned["code"], ATTEMPT)
    assert (claims["sub"], claims["preferred_username"], claims["roles"]) == ("7", "mira", ["analyst"])
    with pytest.raises(ProviderRefused, match="invalid_grant"):
        asked.claims(returned["code"], ATTEMPT)


def test_a_code_is_worth_nothing_to_whoever_did_not_begin_the_attempt(asked, provider):
    with pytest.raises(ProviderRefused, match="invalid_grant"):
        signed_in(asked, provider, attempt_of("another browser's token"))


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "of another attempt"},
        {"nonce": None},
        {"aud": "another client"},
        {"iss": "https://elsewhere.example"},
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"iat": int(time.time()) + 3600},
        {"sub": None},
        {"azp": "another client", "aud": [CLIENT_ID, "another client"]},
    ],
    ids="-".join,
)
def test_a_token_about_another_sign_in_signs_nobody_in(asked, provider, change):
    provider.change = lambda claims: {name: said for name, said in {**claims, **change}.items() if said is not None}
    with pytest.raises(ProviderRefused):
        signed_in(asked, provider)


@pytest.mark.parametrize("claims_to_support", [{}, {"id_token_signing_alg_values_supported": ["HS256", "RS256"]}])
def test_a_token_signed_with_the_clients_secret_signs_nobody_in(asked, provider, claims_to_support):
    provider.described = claims_to_support
    provider.key, provider.algorithm = secret_as_key(), "HS256"
    with pytest.raises(ProviderRefused):
        signed_in(asked, provider)


def test_a_token_signed_with_an_unknown_key_signs_nobody_in(asked, provider):
    provider.key = RSAKey.generate_key(2048, {"kid": "first"})
    with pytest.raises(ProviderRefused):
        signed_in(asked, provider)


def test_new_keys_are_read_when_a_token_names_one_and_not_more_often_than_once_a_minute(asked, provider, clock):
    signed_in(asked, provider)
    provider.key = RSAKey.generate_key(2048, {"kid": "second"})
    provider.published.append(provider.key)
    with pytest.raises(ProviderRefused):
        signed_in(asked, provider)
    clock[0] += NEW_KEYS_SECONDS
    assert signed_in(asked, provider)["sub"] == "7"
    assert provider.asked.count("/jwks_uri") == 2


def test_what_the_provider_says_of_itself_is_read_once_an_hour(asked, provider, clock):
    for _ in range(3):
        asked.authorization_url(ATTEMPT)
    clock[0] += FRESH_SECONDS
    asked.authorization_url(ATTEMPT)
    assert provider.asked.count("/.well-known/openid-configuration") == 2


def test_roles_that_only_the_userinfo_has_count_for_the_same_person_alone(asked, provider):
    del provider.claims["roles"]
    provider.userinfo = {"sub": "7", "roles": ["admin"]}
    assert signed_in(asked, provider)["roles"] == ["admin"]
    provider.userinfo["sub"] = "8"
    assert "roles" not in signed_in(asked, provider)


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "https://elsewhere.example"},
        {"token_endpoint": None},
        {"token_endpoint": "http://id.bank.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
    ids=str,
)
def test_a_provider_that_is_another_or_not_confidential_is_not_used(asked, provider, described):
    provider.described = described
    with pytest.raises(ProviderUnavailable):
        asked.authorization_url(ATTEMPT)


def test_a_provider_that_is_away_is_unavailable(asked, provider):
    provider.status = 503
    with pytest.raises(ProviderUnavailable):
        asked.authorization_url(ATTEMPT)
    provider.status = 200
    code = provider.authorize(asked.authorization_url(ATTEMPT))["code"]
    provider.status = 503
    with pytest.raises(ProviderUnavailable):
        asked.claims(code, ATTEMPT)


def test_without_the_extra_an_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "authlib.integrations.httpx_client", None)
    with pytest.raises(MissingExtra, match=r"^FRAUD_OIDC_ISSUER needs the optional extra 'sso': pip install"):
        OidcProvider(OidcClient("https://id.bank.example", CLIENT_ID, "", BACK))
