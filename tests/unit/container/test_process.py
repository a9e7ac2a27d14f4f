"""The container builds what the settings ask for, and refuses what it cannot build."""

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.adapters.mlflow.registry import MlflowRegistry
from fraud_detection_api.container.process import build_container
from fraud_detection_api.container.registry import build_registry, build_tracker
from fraud_detection_api.errors import InvalidContract, InvalidSetting, Unauthenticated
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


def test_the_registry_may_be_an_mlflow_server():
    registry = build_registry("mlflow:http://127.0.0.1:1/?model=cards")
    assert isinstance(registry, MlflowRegistry)


@pytest.mark.parametrize("address", ["mlflow:", "mlflow:sqlite:///mlflow.db", "mlflow:http://user:s3cret@host"])
def test_an_address_that_is_none_is_refused_by_the_name_of_the_setting_and_not_shown(address):
    with pytest.raises(InvalidSetting, match=r"^FRAUD_REGISTRY: an ") as caught:
        build_registry(address)
    assert "s3cret" not in str(caught.value)


def test_nothing_is_tracked_unasked(mlflow_server):
    assert build_tracker(None, registry=mlflow_server.location(), mlflow_uri=mlflow_server.url) is None


def test_trainings_are_tracked_on_the_named_server(mlflow_server):
    assert build_tracker(f"mlflow:{mlflow_server.url}", registry="registry", mlflow_uri="http://127.0.0.1:1")


def test_trainings_are_tracked_on_the_registrys_server_unless_another_is_named(mlflow_server):
    assert build_tracker("mlflow", registry=mlflow_server.location(), mlflow_uri="http://127.0.0.1:1")


def test_trainings_beside_a_folder_are_tracked_on_mlflows_own_setting(mlflow_server):
    assert build_tracker("mlflow", registry="registry", mlflow_uri=mlflow_server.url)


@pytest.mark.parametrize(
    ("target", "mlflow_uri", "told"),
    [
        ("mlflow", None, "FRAUD_TRACK: which server? Say mlflow:http://HOST:PORT, or set MLFLOW_TRACKING_URI"),
        ("mlflow", "databricks", "MLFLOW_TRACKING_URI: an MLflow server's address is like http://127.0.0.1:5000"),
        ("mlflow:5000", None, "FRAUD_TRACK: an MLflow server's address is like http://127.0.0.1:5000"),
        ("wandb", None, "FRAUD_TRACK: trainings are tracked on `mlflow`, or `mlflow:http://HOST:PORT`"),
    ],
)
def test_a_place_to_track_that_is_none_is_refused(target, mlflow_uri, told):
    with pytest.raises(InvalidSetting) as caught:
        build_tracker(target, registry="registry", mlflow_uri=mlflow_uri)
    assert str(caught.value) == told


def test_a_registry_may_be_handed_in(registry):
    container = build_container(Settings(), registry=registry)
    assert container.registry is registry
    assert container.deployment.models.bundle("champion")[0] == "1"


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


def test_a_contract_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InvalidContract, match="no such file"):
        build_container(Settings(contract=str(tmp_path / "none.toml")))


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
