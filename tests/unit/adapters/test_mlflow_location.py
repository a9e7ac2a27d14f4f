"""Addresses of MLflow servers: read strictly, and never repeated."""

import pytest

from fraud_detection_api.adapters.mlflow.connection import MlflowLocation


@pytest.mark.parametrize(
    ("address", "uri", "name"),
    [
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000", "fraud-detection"),
        ("https://mlflow.bank.example", "https://mlflow.bank.example", "fraud-detection"),
        ("https://bank.example/tools/mlflow/", "https://bank.example/tools/mlflow", "fraud-detection"),
        ("http://[::1]:5000?model=cards", "http://[::1]:5000", "cards"),
        ("http://mlflow:5000/?model=Cards_2.0-eu", "http://mlflow:5000", "Cards_2.0-eu"),
    ],
)
def test_an_address_names_the_server_and_the_model(address, uri, name):
    assert MlflowLocation.parse(address) == MlflowLocation(uri, name)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "127.0.0.1:5000",
        "http://",
        "http://:5000",
        "http://host:0",
        "http://host:99999",
        "http://host:port",
        "http://[::1",
        "http://ho st:5000",
        "http://host\n:5000",
        "http://höst:5000",
        "sqlite:///mlflow.db",
        "databricks",
        "file:///tmp/mlruns",
    ],
)
def test_what_is_no_address_of_a_server_is_refused(address):
    with pytest.raises(ValueError, match=r"address is like http://127\.0\.0\.1:5000$"):
        MlflowLocation.parse(address)


@pytest.mark.parametrize("query", ["?model=", "?model=a'b", "?model=-a", "?model=" + "a" * 101, "?model=a/b"])
def test_a_name_that_would_need_quoting_is_refused(query):
    with pytest.raises(ValueError, match="1 to 100 letters"):
        MlflowLocation.parse("http://host:5000" + query)


@pytest.mark.parametrize("rest", ["?models=a", "?model=a&stage=b", "#/models/a"])
def test_what_would_be_ignored_is_refused(rest):
    with pytest.raises(ValueError, match=r"\?model=NAME"):
        MlflowLocation.parse("http://host:5000" + rest)


@pytest.mark.parametrize("secret", ["user:s3cret@", "s3cret@", ":s3cret@"])
def test_a_password_in_an_address_is_refused_and_not_shown(secret):
    with pytest.raises(ValueError, match="MLFLOW_TRACKING_USERNAME") as caught:
        MlflowLocation.parse(f"http://{secret}host:5000")
    assert "s3cret" not in str(caught.value)
