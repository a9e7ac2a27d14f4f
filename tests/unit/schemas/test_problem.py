"""Problems on the wire are RFC 9457."""

import pytest

from fraud_detection_api.errors import FieldProblem
from fraud_detection_api.schemas.problem import Problem, json_pointer, problem_body

GIVEN = {"status": 422, "code": "invalid_records", "detail": "d", "request_id": "r"}


def test_a_problem_has_the_members_of_rfc_9457_and_ours():
    assert problem_body(**GIVEN) == {
        "type": "urn:fraud-detection-api:problem:invalid_records",
        "title": "Unprocessable Content",
        **GIVEN,
    }


@pytest.mark.parametrize(("status", "title"), [(400, "Bad Request"), (413, "Content Too Large")])
def test_the_title_is_the_statuss_own(status, title):
    assert problem_body(**{**GIVEN, "status": status})["title"] == title


def test_bad_fields_are_listed_in_order():
    problems = (FieldProblem("/3/total_balance", "must be at least 0"), FieldProblem("/0/a", "is required"))
    assert problem_body(**GIVEN, errors=problems)["errors"] == [
        {"pointer": "/3/total_balance", "detail": "must be at least 0"},
        {"pointer": "/0/a", "detail": "is required"},
    ]


def test_the_schema_allows_no_other_members():
    assert Problem.model_json_schema()["additionalProperties"] is False


@pytest.mark.parametrize(
    ("location", "pointer"),
    [
        ([], ""),
        ([0], "/0"),
        ([0, "a"], "/0/a"),
        (["a/b", "m~n", "~1"], "/a~1b/m~0n/~01"),
        ([""], "/"),
        (["x" * 999], "/" + "x" * 256),
    ],
)
def test_a_pointer_is_rfc_6901(location, pointer):
    assert json_pointer(location) == pointer
