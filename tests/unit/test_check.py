"""`make check` finds the tests of what was changed."""

from pathlib import Path

import pytest

from check import tests_of as found_tests

POLICY = "src/fraud_detection_api/policy"


@pytest.fixture
def project(tmp_path):
    for name, text in {
        f"{POLICY}/costs.py": '"""\n>>> 1\n1\n"""',
        f"{POLICY}/prices.py": "",
        f"{POLICY}/rates.py": "",
        "tests/unit/policy/test_costs.py": "from fraud_detection_api.policy.prices import EUR",
        "tests/unit/policy/test_other.py": "",
        "tests/docs/test_page.py": 'page("policy.md")',
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        (f"{POLICY}/costs.py", [f"{POLICY}/costs.py", "tests/unit/policy/test_costs.py"]),
        (f"{POLICY}/prices.py", ["tests/unit/policy/test_costs.py"]),
        (f"{POLICY}/rates.py", ["tests/unit/policy/test_costs.py", "tests/unit/policy/test_other.py"]),
        ("tests/unit/policy/test_other.py", ["tests/unit/policy/test_other.py"]),
        ("docs/how-to/policy.md", ["tests/docs/test_page.py"]),
    ],
    ids=["its mirror and doctests", "who imports it", "its folder", "a test itself", "who reads a page"],
)
def test_a_change_is_checked_by(project, changed, found):
    assert [str(path) for path in found_tests([Path(changed)], project)] == found
