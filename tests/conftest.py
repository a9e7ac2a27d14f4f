"""Fixtures that every room of the tests may use."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from fraud_detection_api.adapters.file_registry import FileRegistry
from support.builders import credit_files, registry_with_champion
from support.mlflow_servers import RunningMlflow, shared_mlflow
from support.postgres_servers import RunningPostgres, shared_postgres
from support.s3_servers import RunningS3, shared_s3
from support.servers import Server, running_server
from support.sharing import locked
from support.sketches import plots_made_by, sketch

# jsonschema looks for it to check IRIs, which no test has; its grammars take two seconds of each process
sys.modules.setdefault("rfc3987_syntax", None)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # several test processes share the cores
for name in [name for name in os.environ if name.startswith("FRAUD_")]:
    del os.environ[name]

# the same examples in every run: a red build is somebody's change, not somebody's luck
for profile, examples in {"quick": 15, "thorough": 60}.items():
    hypothesis_settings.register_profile(profile, derandomize=True, deadline=None, max_examples=examples, database=None)
hypothesis_settings.load_profile("quick")  # `make coverage` asks for the other one


@pytest.fixture(scope="session", autouse=True)
def sketched_plots() -> Iterator[None]:
    """Reports that are made in this process have no pictures, but where a test of theirs wants them."""
    with plots_made_by(sketch):
        yield


@pytest.fixture(scope="session")
def file_registry_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry folder whose champion is a small credit model. Not to be written to."""
    path = tmp_path_factory.mktemp("registry")
    registry = FileRegistry(path)
    registry.assign("champion", registry.register(credit_files()))
    return path


@pytest.fixture
def registry():
    """An in-memory registry whose champion is a small credit model."""
    return registry_with_champion()


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMlflow]:
    """A real MLflow server that all test processes share. A test works in a location of its own: `.location()`."""
    with shared_mlflow(_of_the_run(tmp_path_factory) / "shared-mlflow") as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPostgres]:
    """A real PostgreSQL server that all test processes share, and that nobody stops. A test works in a `.database()`."""
    with shared_postgres(_of_the_run(tmp_path_factory) / "shared-postgres") as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: RunningPostgres) -> Iterator[str]:
    """The URL of an empty database of the test's own."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningS3]:
    """A real S3 server that all test processes share, and that nobody stops. A test works in a `.bucket()`."""
    with shared_s3(_of_the_run(tmp_path_factory) / "shared-s3") as server:
        yield server


@pytest.fixture
def s3(s3_server: RunningS3, monkeypatch: pytest.MonkeyPatch) -> RunningS3:
    """The S3 server, which this process finds by its environment."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, text in s3_server.environment.items():
        monkeypatch.setenv(name, text)
    return s3_server


@pytest.fixture
def default_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`fraud serve --train-if-empty` on what was an empty folder; the first test of a run has it train the default model."""
    folder = _of_the_run(tmp_path_factory) / "default-model"
    folder.mkdir(exist_ok=True)
    with (
        locked(folder),
        running_server(folder / "registry", folder / "server.log", arguments=["--train-if-empty"]) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real data for measurement; it is not shipped, so tests that need it skip where it is absent."""
    folder = Path(os.environ.get("TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real data here: TEST_DATA names no folder")
    return folder


def _of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all test processes of a run have in common."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
