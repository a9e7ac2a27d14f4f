"""An experiment of the test's own on the MLflow server, and a person who uses MLflow without this product."""

import pytest
from mlflow.tracking import MlflowClient


@pytest.fixture
def location(mlflow_server) -> str:
    return mlflow_server.location()


@pytest.fixture
def name(location) -> str:
    """Of the registered model, and of the experiment."""
    return location.partition("?model=")[2]


@pytest.fixture
def person(mlflow_server):
    """Somebody who works with MLflow itself."""
    return MlflowClient(mlflow_server.url)
