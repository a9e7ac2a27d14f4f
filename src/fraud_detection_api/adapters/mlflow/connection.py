"""A connection to an MLflow server: the only module that imports MLflow; it sets timeouts and translates failures."""

import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from fraud_detection_api.errors import MissingExtra, RegistryUnavailable
from fraud_detection_api.model.bundle import MANIFEST

DEFAULT_NAME = "fraud-detection"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class MlflowLocation:
    """`uri` of the server; `name` of the registered model and of the experiment. Neither holds a secret."""

    uri: str
    name: str

    @classmethod
    def parse(cls, address: str) -> "MlflowLocation":
        """Location from `http://host:5000` or `https://host/prefix?model=NAME`.

        Raises ValueError, which says what is wrong and never repeats the address, as that may contain a password.

        >>> MlflowLocation.parse("http://127.0.0.1:5000/?model=cards")
        MlflowLocation(uri='http://127.0.0.1:5000', name='cards')
        """
        parts = _split(address)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        name = query.pop("model", DEFAULT_NAME)
        if query or parts.fragment:
            raise ValueError("the server's address accepts no other query than ?model=NAME")
        if not _NAME.fullmatch(name):
            raise ValueError("a model's name has 1 to 100 letters, digits or ._- and starts with a letter or digit")
        return cls(f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}", name)


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[^!-~]", address):
        raise ValueError("an MLflow server's address is like http://127.0.0.1:5000")
    if "@" in parts.netloc:
        advice = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, instead"
        raise ValueError(f"an address must not contain a password, because others can see it; {advice}")
    return parts


BUNDLE = "bundle"  # the folder of a run's artifacts that holds the bundle's files
DIGEST_TAG = "fraud_detection_api.digest"
UNKNOWN = ("RESOURCE_DOES_NOT_EXIST",)

# What the operator sets takes precedence. MLflow would wait 120 s and try eight times, so a watcher would hang for minutes.
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",  # the header may ask for hours
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_CONFIGURE_LOGGING": "false",  # or MLflow removes its own lines, and Alembic's, from this process's log
    "MLFLOW_DISABLE_TELEMETRY": "true",  # or MLflow reports its use to its makers
}
_REFUSALS = ("UNAUTHENTICATED", "PERMISSION_DENIED", "CUSTOMER_UNAUTHORIZED")


def connect(location: MlflowLocation) -> "MlflowConnection":
    """A connection, without a request to the server yet. Raises MissingExtra without the extra `mlflow`."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import artifacts, entities  # noqa: PLC0415 an optional library, and seconds to import
        from mlflow.exceptions import MlflowException  # noqa: PLC0415
        from mlflow.tracking import MlflowClient  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("mlflow", "an MLflow server as registry or tracker") from error
    # each retry would log a line every second while MLflow is down
    for chatty in ("mlflow", "urllib3.connectionpool"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    client = MlflowClient(tracking_uri=location.uri, registry_uri=location.uri)
    return MlflowConnection(location, client, artifacts, entities, MlflowException)


@dataclass(frozen=True)
class MlflowConnection:
    """MLflow's `client` of one server, its modules `artifacts` and `entities`, and `error_type`, the root of its errors."""

    location: MlflowLocation
    client: Any
    artifacts: Any
    entities: Any
    error_type: type[Exception]

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Raise every failure of MLflow and of the network (requests' errors are OSErrors) as RegistryUnavailable."""
        try:
            yield
        except (self.error_type, OSError) as error:
            raise RegistryUnavailable(self._explanation(error)) from error

    def found(self, call: Callable[..., Any], *given: Any, absent: tuple[str, ...] = UNKNOWN) -> Any:
        """What the call returns; None for a code in `absent`. Raises RegistryUnavailable for every other failure."""
        with self.failures():
            try:
                return call(*given)
            except self.error_type as error:
                if getattr(error, "error_code", None) in absent:
                    return None
                raise

    def experiment_id(self) -> str:
        """The id of the experiment, which is created if missing. Raises RegistryUnavailable, also if it is deleted."""
        name = self.location.name
        find = self.client.get_experiment_by_name
        with self.failures():
            experiment = find(name)
        if experiment is None:
            made = self.found(self.client.create_experiment, name, absent=("RESOURCE_ALREADY_EXISTS",))
            if made is not None:
                return str(made)
            with self.failures():
                experiment = find(name)  # another process has just created it
        if experiment.lifecycle_stage != "active":
            raise RegistryUnavailable(f"the experiment {name} is deleted in MLflow; restore it, or use another ?model=")
        return str(experiment.experiment_id)

    def start_run(self, run_name: str) -> Any:
        """Start a run in the experiment."""
        experiment = self.experiment_id()
        with self.failures():
            return self.client.create_run(experiment, run_name=run_name)

    def put_files(self, run_id: str, files: Mapping[str, bytes], *, folder: str | None = None) -> None:
        """Store files as artifacts of a run, in a folder or at the top level; a name may include folders."""
        with self.failures(), TemporaryDirectory() as local:
            for name, content in files.items():
                path = Path(local, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self.client.log_artifacts(run_id, local, folder)

    def _explanation(self, error: Exception) -> str:
        """One line without MLflow's own text, which contains addresses, SQL and traces."""
        response = getattr(error, "response", None)
        code = getattr(error, "error_code", None) or getattr(response, "status_code", None) or type(error).__name__
        server = f"MLflow at {self.location.uri}"
        if _was_refused(error):
            return f"{server} cannot be reached; is it running?"
        if code in _REFUSALS or code in (401, 403):
            advice = (
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or add this address to its --allowed-hosts"
            )
            return f"{server} rejects this caller ({code}); {advice}"
        return (
            f"{server} did not answer as MLflow does ({code}); check that it runs, that it is MLflow, and what it logs"
        )


def _was_refused(error: BaseException | None) -> bool:
    """Whether nothing listens at the address; MLflow and requests wrap the system's error."""
    while error is not None and not isinstance(error, ConnectionRefusedError):
        error = error.__cause__ or error.__context__
    return error is not None


def stated_digest(files: Mapping[str, bytes]) -> str:
    """The digest that a bundle's manifest states, unverified; empty if there is none."""
    try:
        return str(json.loads(files[MANIFEST])["digest"])
    except (KeyError, ValueError, TypeError):
        return ""
