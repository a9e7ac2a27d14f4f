"""The container builds what the settings ask for, and refuses what it cannot build."""

import pytest

from fraud_detection_api.container.process import build_container
from fraud_detection_api.errors import InvalidContract
from fraud_detection_api.settings import Settings
from support.builders import EVERY_DTYPE


def test_building_touches_no_disk(tmp_path):
    build_container(Settings(registry=str(tmp_path / "registry")))
    assert list(tmp_path.iterdir()) == []


def test_tests_may_replace_the_registry(registry):
    container = build_container(Settings(), registry=registry)
    assert container.registry is registry
    assert container.deployment.models.load("champion").version == "1"


def test_without_a_contract_the_champion_may_follow_any(registry):
    container = build_container(Settings(), registry=registry)
    assert container.deployment.contract.name == "credit"
    container.deployment.champion.refresh()
    assert container.deployment.champion.require().champion.version == "1"


def test_a_configured_contract_binds_the_champion(tmp_path, registry):
    path = tmp_path / "my.toml"
    path.write_text(EVERY_DTYPE)
    container = build_container(Settings(contract=str(path)), registry=registry)
    assert container.deployment.contract.name == "every_dtype"
    container.deployment.champion.refresh()
    with pytest.raises(Exception, match="another contract"):
        container.deployment.champion.require()


def test_a_missing_contract_is_refused(tmp_path):
    with pytest.raises(InvalidContract, match="no such file"):
        build_container(Settings(contract=str(tmp_path / "none.toml")))
