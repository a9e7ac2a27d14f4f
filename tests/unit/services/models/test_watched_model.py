"""A model that an alias points at is kept loaded; one that cannot be is told of once, and nothing takes its place."""

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.services.models.watched_model import WatchedModel
from support.builders import credit_files


@pytest.fixture
def registry(tmp_path):
    registry = FileRegistry(tmp_path / "registry")
    registry.assign("challenger", registry.register(credit_files()))
    return registry


@pytest.fixture
def watched(registry):
    watched = WatchedModel(registry, "challenger")
    watched.refresh()
    return watched


def test_a_model_is_loaded_once(watched):
    before = watched.current()
    watched.refresh()
    assert watched.current() is before
    assert before.version == "1"


def test_a_damaged_alias_is_told_of_once_and_mended_by_another_challenge(watched, registry, caplog):
    alias = registry.root / "aliases" / "challenger"
    alias.chmod(0o644)
    alias.write_bytes(b"{}")
    for _ in range(3):
        watched.refresh()
    assert watched.current() is None
    assert [record.message for record in caplog.records] == ["challenger_refused"]
    registry.assign("challenger", "1")
    watched.refresh()
    assert watched.current().version == "1"


def test_a_version_that_is_gone_is_told_of_once_and_taken_up_when_it_is_back(watched, registry, caplog):
    version = registry.root / "versions" / "1"
    version.rename(registry.root / "gone")
    for _ in range(3):
        watched.refresh()
    assert watched.current() is None
    assert [record.message for record in caplog.records] == ["challenger_refused"]
    (registry.root / "gone").rename(version)
    watched.refresh()
    assert watched.current().version == "1"


def test_without_an_alias_there_is_no_model(registry):
    watched = WatchedModel(registry, "champion")
    watched.refresh()
    assert watched.current() is None
