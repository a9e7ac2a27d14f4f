"""Ten reviewers at once on a thousand cases, while the server and its workers are killed."""

import pytest

from drills.desk.reviewing import reviewed
from fraud_detection_api.adapters.file_registry import FileRegistry
from support.builders import credit_files
from support.reviewing import Desk

CASES = 1000


@pytest.fixture
def registry(tmp_path):
    registry = FileRegistry(tmp_path / "registry")
    registry.assign("champion", registry.register(credit_files()))
    return tmp_path / "registry"


@pytest.mark.parametrize("place", ["SQLite", "PostgreSQL"])
def test_ten_reviewers_decide_each_case_once_whatever_is_killed(request, registry, tmp_path, place, promise):
    location = f"sqlite:///{tmp_path / 'store.db'}" if place == "SQLite" else request.getfixturevalue("postgres_url")
    desk = Desk(location)
    found = reviewed(desk, location, registry, tmp_path, cases=CASES)
    desk.close()
    print(f"\n{found.kills} kills, {found.unanswered} requests unanswered, {found.seconds:.0f} s")
    promise("cases decided twice, lost or half done", measured=len(found.faults), bound=0, faults=found.faults)
    promise("kills between", measured=found.kills, bound=3, at_least=True)
    promise("requests that a kill left unanswered", measured=found.unanswered, bound=1, at_least=True)
