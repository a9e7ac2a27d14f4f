"""A parameter that a route does not know is refused: it would be believed to have been heeded."""

import pytest
from fastapi.routing import APIRoute

from fraud_detection_api.main import ROUTERS
from support.http import API_KEYS, SCORE_KEY, assert_problem, bearer

WITHOUT_ANY = "/v1/monitoring"
OF_AN_ENTITY = "/v1/entities/{entity_id}/history"
ROUTES = ["/v1/decisions", OF_AN_ENTITY, "/v1/models/compare", "/v1/models/history", "/v1/monitoring"]


@pytest.mark.parametrize("path", ROUTES)
def test_an_unknown_parameter_is_named_and_its_value_not_repeated(client, path):
    problem = assert_problem(client.get(path, params={"version": "2718281828"}), 422, "invalid_request")
    (error,) = problem["errors"]
    assert error["pointer"] == "/version"
    assert "is not a parameter of this route" in error["detail"]
    assert "2718281828" not in str(problem)


LENIENT = {"/ping", "/livez", "/readyz", "/metrics", "/fraud_detection"}
"""Probes and proxies may add parameters, and callers of the first version may send some."""


def test_no_operation_of_the_document_takes_a_parameter_that_it_does_not_declare(client):
    paths = client.get("/openapi.json").json()["paths"]
    operations = [(path, method) for path, item in paths.items() for method in item]
    answers = {
        (path, method): client.request(
            method, path.format(version="1", decision_id="0199", entity_id="1"), params={"no_such": "1"}
        )
        for path, method in operations
    }
    refused = {key for key, answer in answers.items() if '"pointer":"/no_such"' in answer.text}
    assert answers.keys() - refused == {key for key in operations if key[0] in LENIENT}
    assert {answers[key].status_code for key in refused} == {422}


def test_every_route_with_parameters_is_tested_here():
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    with_parameters = {route.path for route in routes if route.dependant.query_params}
    assert with_parameters | {WITHOUT_ANY} == set(ROUTES)


@pytest.mark.parametrize("path", ROUTES)
def test_a_parameter_that_is_sent_twice_is_named(client, path):
    """Or one of the two would count, and another reader may take the other one."""
    problem = assert_problem(client.get(f"{path}?outcome=approve&limit=1&outcome=decline"), 422, "invalid_request")
    assert problem["errors"][0]["pointer"] == "/outcome"


def test_a_misspelt_parameter_is_answered_with_those_that_exist_the_closest_first(client):
    problem = assert_problem(client.get("/v1/decisions?outcom=approve"), 422, "invalid_request")
    [error] = problem["errors"]
    assert error["pointer"] == "/outcom"
    assert "did you mean outcome? Its parameters are outcome, entity_id, label, " in error["detail"]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("outcom=a&outcom=b", "did you mean outcome?"),
        ("outcome=approve&outcome=approve", "was sent more than once"),
        ("x=1", "Its parameters are entity_id, outcome"),
        *((f"{name}=", "is empty") for name in ("entity_id", "outcome", "since", "until", "limit", "cursor")),
    ],
)
def test_a_parameter_that_cannot_be_used_is_answered_with_what_to_do(client, query, detail):
    [error] = assert_problem(client.get(f"/v1/decisions?{query}"), 422, "invalid_request")["errors"]
    assert detail in error["detail"]


def test_a_route_without_parameters_says_so(client):
    [error] = assert_problem(client.get("/v1/monitoring?window=day"), 422, "invalid_request")["errors"]
    assert "takes none" in error["detail"]


@pytest.mark.parametrize("path", ROUTES)
def test_the_key_is_checked_before_the_parameters(client_for, path):
    client = client_for(api_keys=API_KEYS)
    assert_problem(client.get(path, params={"version": "2"}), 401, "unauthenticated")
    assert_problem(client.get(path, params={"version": "2"}, headers=bearer(SCORE_KEY)), 403, "forbidden")


def test_the_challenger_that_is_named_is_the_one_that_is_looked_for(client_for, tmp_path):
    client = client_for(store=f"sqlite:///{tmp_path / 'decisions.db'}")
    assert_problem(client.get("/v1/models/compare", params={"challenger": "9"}), 404, "unknown_model")
