"""Routes declare the statuses of errors, and these declarations agree."""

import pytest

from fraud_detection_api.errors import CorruptBundle, UnknownDecision, UnknownModel
from fraud_detection_api.routes.protocol.problems import declared_statuses, invalid_request, problem


def test_each_kind_has_the_status_that_its_routes_declare():
    one = {**problem(409, "It is damaged.", CorruptBundle), **problem(404, "No such one.", UnknownModel)}
    other = {**problem(404, "No such one.", UnknownModel, UnknownDecision), "200": {"description": "All is well."}}
    assert list(declared_statuses([one, other]).items()) == [
        (UnknownDecision, 404),
        (UnknownModel, 404),
        (CorruptBundle, 409),
    ]


def test_two_statuses_for_one_kind_are_refused():
    with pytest.raises(AssertionError, match="UnknownModel is declared as 404 and as 409"):
        declared_statuses([problem(404, "No such one.", UnknownModel), problem(409, "It is gone.", UnknownModel)])


def test_the_example_has_the_code_of_the_first_kind_unless_one_is_given():
    [first] = problem(404, "No such one.", UnknownModel, UnknownDecision).values()
    [given] = invalid_request("A parameter is unknown.").values()
    examples = [each["content"]["application/problem+json"]["example"] for each in (first, given)]
    assert [(each["status"], each["code"]) for each in examples] == [(404, "unknown_model"), (422, "invalid_request")]
