"""The registry and the tracker are those that the settings name; a bad address is refused."""

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.adapters.mlflow.registry import MlflowRegistry
from fraud_detection_api.container.registry import build_registry, build_tracker
from fraud_detection_api.errors import InvalidSetting


def test_the_registry_is_a_folder(tmp_path):
    registry = build_registry(str(tmp_path))
    assert isinstance(registry, FileRegistry)
    assert registry.root == tmp_path


def test_the_registry_may_be_an_mlflow_server():
    registry = build_registry("mlflow:http://127.0.0.1:1/?model=cards")
    assert isinstance(registry, MlflowRegistry)


@pytest.mark.parametrize("address", ["mlflow:", "mlflow:sqlite:///mlflow.db", "mlflow:http://user:s3cret@host"])
def test_a_bad_address_is_refused_by_the_name_of_its_setting_and_not_shown(address):
    with pytest.raises(InvalidSetting, match=r"^FRAUD_REGISTRY: an ") as caught:
        build_registry(address)
    assert "s3cret" not in str(caught.value)


def test_without_a_target_nothing_is_tracked(mlflow_server):
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
def test_a_bad_target_is_refused(target, mlflow_uri, told):
    with pytest.raises(InvalidSetting) as caught:
        build_tracker(target, registry="registry", mlflow_uri=mlflow_uri)
    assert str(caught.value) == told
