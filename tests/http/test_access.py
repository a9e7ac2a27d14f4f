import re
from pathlib import Path

import pytest

from fraud_detection_api.container.process import build_container
from fraud_detection_api.main import create_app
from fraud_detection_api.settings import Settings
from support.builders import OVERDRAWN
from support.http import ADMIN_KEY, API_KEYS, SCORE_KEY, assert_problem, bearer

SCORE_ROUTES = [
    ("POST", "/fraud_detection"),
    ("GET", "/v1/contract"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/1"),
]
PROMOTE = ("POST", "/v1/models/1/promote")
ROLES = ("score", "analyst", "monitor", "auditor", "admin")
KEYS = {role: f"{role}-key-of-the-tests" for role in ROLES}
SECURITY_PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "security.md").read_text(encoding="utf-8")


def documented_access():
    """(method, path) → the roles that may, as the page on security has it."""
    rows = re.findall(r"^\| (`[A-Z]+ /.+?) \|(.+)\|$", SECURITY_PAGE, re.MULTILINE)
    return {
        (method, path): {role for role, cell in zip(ROLES, cells.split("|"), strict=True) if cell.strip() == "yes"}
        for routes, cells in rows
        for method, path in re.findall(r"`([A-Z]+) (\S+)`", routes)
    }


ACCESS = documented_access()


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
    assert problem["detail"] == "this key has the role score; the route needs admin"
    assert call(client, PROMOTE, **bearer(ADMIN_KEY)).status_code == 200


def test_without_keys_everything_is_open(client):
    assert all(call(client, route).status_code == 200 for route in [*SCORE_ROUTES, PROMOTE])


def test_a_key_is_checked_before_the_body_is_looked_at(client_for):
    client = client_for(api_keys=API_KEYS, max_body_bytes=10)
    for path in ("/fraud_detection", "/v1/models/1/promote"):
        assert_problem(client.post(path, content=b"{" * 100), 401, "unauthenticated")


def test_every_route_stands_in_the_table_of_roles():
    paths = create_app(Settings(), container=build_container(Settings())).openapi()["paths"]
    assert set(ACCESS) == {(method.upper(), path) for path, operations in paths.items() for method in operations}


@pytest.mark.parametrize("route", ACCESS, ids=" ".join)
def test_the_roles_of_the_table_may_and_no_others(client_for, route):
    client = client_for(api_keys=",".join(f"{role}:{key}" for role, key in KEYS.items()))
    method, path = (
        route[0],
        route[1].format(version="1", decision_id="0199c1c3-6f6b-7d35-8a4e-0d0f6a1f6a55", entity_id="7"),
    )
    refused = {role for role in ROLES if call(client, (method, path), **bearer(KEYS[role])).status_code == 403}
    assert set(ROLES) - refused == ACCESS[route]


def test_a_refusal_names_every_role_that_may(client_for):
    problem = assert_problem(
        call(client_for(api_keys=API_KEYS), ("GET", "/v1/monitoring"), **bearer(SCORE_KEY)), 403, "forbidden"
    )
    assert problem["detail"] == "this key has the role score; the route needs monitor or analyst or auditor"


def test_an_auditor_reads_everything_and_changes_nothing():
    changing = {route for route in ACCESS if route[0] != "GET"} - {("POST", "/v1/decisions/{decision_id}/replay")}
    assert {route for route, roles in ACCESS.items() if "auditor" not in roles} == changing
