"""The container builds what the settings ask for, and refuses what it cannot build."""

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.container import build_container, build_registry
from fraud_detection_api.errors import InvalidContract, InvalidSetting, Overloaded, Unauthenticated
from fraud_detection_api.settings import Settings
from support.builders import EVERY_DTYPE

KEY = "k" * 24


def test_building_touches_no_disk(tmp_path):
    build_container(Settings(registry=str(tmp_path / "registry")))
    assert list(tmp_path.iterdir()) == []


def test_the_registry_is_a_folder(tmp_path):
    registry = build_registry(str(tmp_path))
    assert isinstance(registry, FileRegistry)
    assert registry.root == tmp_path


def test_a_registry_may_be_handed_in(registry):
    container = build_container(Settings(), registry=registry)
    assert container.registry is registry
    assert container.models.bundle("champion")[0] == "1"


def test_without_a_contract_the_champion_may_follow_any(registry):
    container = build_container(Settings(), registry=registry)
    assert container.fallback_contract.name == "credit"
    container.champion.refresh()
    assert container.champion.current().version == "1"


def test_a_configured_contract_binds_the_champion(tmp_path, registry):
    path = tmp_path / "my.toml"
    path.write_text(EVERY_DTYPE)
    container = build_container(Settings(contract=str(path)), registry=registry)
    assert container.fallback_contract.name == "every_dtype"
    container.champion.refresh()
    with pytest.raises(Exception, match="another contract"):
        container.champion.current()


def test_a_contract_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InvalidContract, match="no such file"):
        build_container(Settings(contract=str(tmp_path / "none.toml")))


def test_as_many_requests_as_set_are_let_in():
    gate = build_container(Settings(max_in_flight=1)).gate
    with gate.admit(), pytest.raises(Overloaded), gate.admit():
        pass


def test_without_keys_everybody_passes():
    assert not build_container(Settings()).keys


def test_keys_come_from_the_setting():
    keys = build_container(Settings(api_keys=f"admin:{KEY}")).keys
    keys.require("admin", f"Bearer {KEY}")
    with pytest.raises(Unauthenticated):
        keys.require("score", None)


def test_keys_come_from_a_file(tmp_path):
    (tmp_path / "keys").write_text(f"score:{'s' * 20}\nadmin:{KEY}\n")
    build_container(Settings(api_keys_file=tmp_path / "keys")).keys.require("admin", f"Bearer {KEY}")


def refusal(**settings) -> str:
    with pytest.raises(InvalidSetting) as caught:
        build_container(Settings(**settings))
    return str(caught.value)


def test_keys_from_both_places_are_refused(tmp_path):
    (tmp_path / "keys").write_text(f"admin:{KEY}")
    told = refusal(api_keys=f"admin:{KEY}", api_keys_file=tmp_path / "keys")
    assert told.startswith("FRAUD_API_KEYS: set either FRAUD_API_KEYS or FRAUD_API_KEYS_FILE, not both")


def test_a_key_file_that_is_not_there_is_refused(tmp_path):
    assert refusal(api_keys_file=tmp_path / "none") == "FRAUD_API_KEYS_FILE: cannot be read: FileNotFoundError"


def test_a_key_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "keys").write_bytes(b"\xff\xfe")
    assert refusal(api_keys_file=tmp_path / "keys") == "FRAUD_API_KEYS_FILE: cannot be read: UnicodeDecodeError"


@pytest.mark.parametrize("content", ["", " \n"])
def test_a_key_file_without_a_key_is_refused(tmp_path, content):
    (tmp_path / "keys").write_text(content)
    assert refusal(api_keys_file=tmp_path / "keys").startswith("FRAUD_API_KEYS_FILE: the file holds no key")


def test_a_key_that_cannot_be_used_is_refused_and_not_shown(tmp_path):
    assert "s3cret" not in refusal(api_keys="admin:s3cret")
    (tmp_path / "keys").write_text("root:s3cret-s3cret-s3cret")
    told = refusal(api_keys_file=tmp_path / "keys")
    assert told.startswith("FRAUD_API_KEYS_FILE: entry 1 must be role:key")
    assert "s3cret" not in told
