import pytest

from support.builders import OVERDRAWN
from support.http import ADMIN_KEY, API_KEYS, SCORE_KEY, assert_problem, bearer

SCORE_ROUTES = [
    ("POST", "/fraud_detection"),
    ("GET", "/v1/contract"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/1"),
]
PROMOTE = ("POST", "/v1/models/1/promote")


def call(client, route, **headers):
    method, path = route
    return client.request(method, path, headers=headers, json=[OVERDRAWN] if path == "/fraud_detection" else None)


@pytest.mark.parametrize("route", [*SCORE_ROUTES, PROMOTE], ids=" ".join)
def test_a_protected_route_asks_for_a_key(client_for, route):
    answer = call(client_for(api_keys=API_KEYS), route)
    assert_problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("route", [*SCORE_ROUTES, PROMOTE], ids=" ".join)
def test_an_unknown_key_is_refused_and_not_repeated(client_for, route):
    answer = call(client_for(api_keys=API_KEYS), route, **bearer("another-key-of-the-tests"))
    assert_problem(answer, 401, "unauthenticated")
    assert "another-key" not in answer.text


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", f"Basic {SCORE_KEY}", SCORE_KEY, f"Bearer {SCORE_KEY} x"])
def test_an_authorization_header_of_another_form_is_refused(client_for, header):
    answer = call(client_for(api_keys=API_KEYS), ("GET", "/v1/contract"), Authorization=header)
    assert_problem(answer, 401, "unauthenticated")


@pytest.mark.parametrize("route", SCORE_ROUTES, ids=" ".join)
@pytest.mark.parametrize("key", [SCORE_KEY, ADMIN_KEY])
def test_either_role_scores_and_reads(client_for, route, key):
    assert call(client_for(api_keys=API_KEYS), route, **bearer(key)).status_code == 200


def test_the_scheme_is_read_in_any_case(client_for):
    answer = call(client_for(api_keys=API_KEYS), ("GET", "/v1/contract"), Authorization=f"bEaReR {SCORE_KEY}")
    assert answer.status_code == 200


def test_promoting_takes_the_admin_role(client_for):
    client = client_for(api_keys=API_KEYS)
    problem = assert_problem(call(client, PROMOTE, **bearer(SCORE_KEY)), 403, "forbidden")
    assert problem["detail"] == "this key's role is score, and this takes admin"
    assert call(client, PROMOTE, **bearer(ADMIN_KEY)).status_code == 200


def test_without_keys_everything_is_open(client):
    assert all(call(client, route).status_code == 200 for route in [*SCORE_ROUTES, PROMOTE])


def test_a_key_is_checked_before_the_body_is_looked_at(client_for):
    client = client_for(api_keys=API_KEYS, max_body_bytes=10)
    for path in ("/fraud_detection", "/v1/models/1/promote"):
        assert_problem(client.post(path, content=b"{" * 100), 401, "unauthenticated")
