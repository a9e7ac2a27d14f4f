"""Training runs on an MLflow server: a model's inputs, its quality and its files, beside those of other models."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fraud_detection_api.adapters.mlflow.connection import BUNDLE, DIGEST_TAG, MlflowConnection

_UNNAMEABLE = re.compile(r"[^A-Za-z0-9_\-. /]")  # MLflow accepts the other characters in a name on every system


class MlflowTracker:
    """ExperimentTracker on an MLflow server; tracking a bundle again writes to the same run. Raises RegistryUnavailable."""

    def __init__(self, connection: MlflowConnection) -> None:
        self._connection = connection
        self._client = connection.client

    def require_server(self) -> None:
        """Raise RegistryUnavailable now rather than after hours of training."""
        self._connection.experiment_id()

    def track(
        self,
        *,
        digest: str,
        parameters: Mapping[str, str | int | float | bool],
        metrics: Mapping[str, float],
        curves: Mapping[str, Sequence[float]],
        files: Mapping[str, bytes],
        tags: Mapping[str, str],
    ) -> str:
        run = self._run_of(digest)
        if run is None:
            run = self._connection.start_run(f"bundle {digest[7:19]}")
        else:  # a run gets its digest once it holds the bundle
            files = {name: content for name, content in files.items() if not name.startswith(f"{BUNDLE}/")}
        run_id, entities = run.info.run_id, self._connection.entities
        self._connection.put_files(run_id, files)
        points = [
            entities.Metric(name, value, run.info.start_time, step) for name, value, step in _points(metrics, curves)
        ]
        stated = {**tags, DIGEST_TAG: digest}
        with self._connection.failures():
            self._client.log_batch(
                run_id,
                metrics=points,
                params=[entities.Param(_name(name), str(value)) for name, value in parameters.items()],
                tags=[entities.RunTag(_name(name), text) for name, text in stated.items()],
            )
            self._client.update_run(run_id, status="FINISHED")
        return f"{self._connection.location.uri}/#/experiments/{run.info.experiment_id}/runs/{run_id}"

    def _run_of(self, digest: str) -> Any:
        """The newest run that holds the bundle with that digest; None if there is none."""
        experiment = self._connection.experiment_id()
        with self._connection.failures():
            found = self._client.search_runs(
                [experiment],
                f"tags.`{DIGEST_TAG}` = '{digest}'",
                max_results=1,
                order_by=["attributes.start_time DESC"],
            )
        return found[0] if found else None


def _points(metrics: Mapping[str, float], curves: Mapping[str, Sequence[float]]) -> Iterator[tuple[str, float, int]]:
    """Name, value and step of every metric."""
    for name, value in metrics.items():
        yield _name(name), value, 0
    for name, values in curves.items():
        for step, value in enumerate(values):
            yield _name(name), value, step


def _name(name: str) -> str:
    return _UNNAMEABLE.sub("_", name)
