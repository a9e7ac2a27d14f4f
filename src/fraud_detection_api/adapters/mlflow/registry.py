"""A model registry on an MLflow server: versions of a registered model. MLflow users may move its aliases, too."""

import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args
from uuid import uuid4

from fraud_detection_api.adapters.mlflow.connection import BUNDLE, DIGEST_TAG, UNKNOWN, MlflowConnection, stated_digest
from fraud_detection_api.errors import AliasMoved, ContractMismatch, CorruptBundle, NoChampion, UnknownModel
from fraud_detection_api.services.models import aliases
from fraud_detection_api.services.models.contracts import require_registry_of

_VERSION = re.compile("[1-9][0-9]{0,8}")  # MLflow would take 01 and +1 for 1
_HISTORY_TAG = "fraud_detection_api.history."
_CHANGE_TAG = "fraud_detection_api.change."
_CHANGE_NAME = re.compile(re.escape(_CHANGE_TAG) + "([0-9]{15})-")
_HISTORY = 100
_UNASSIGNED = (*UNKNOWN, "INVALID_PARAMETER_VALUE")


class MlflowRegistry:
    """ModelRegistry on an MLflow server. Every method raises RegistryUnavailable if the server fails.

    The alias in MLflow names the assigned version; a tag of the registered model holds the earlier ones, and each change
    made here has a tag of its own. `wall_clock` gives seconds since 1970.
    """

    def __init__(self, connection: MlflowConnection, wall_clock: Callable[[], float] = time.time) -> None:
        self._connection = connection
        self._wall_clock = wall_clock
        self._client = connection.client
        self._name = connection.location.name

    def register(self, files: Mapping[str, bytes], *, contract: str | None = None) -> str:
        """Creates the version last, from complete artifacts: a killed registration leaves a run and no version.

        MLflow has no lock: the contract is checked again afterwards, when the oldest version is the same for everybody.
        """
        if contract is not None:
            require_registry_of(self, contract, where=self._name)
        digest = stated_digest(files)
        run = self._connection.start_run(f"bundle {digest[7:19]}".strip())
        run_id, source = run.info.run_id, f"{run.info.artifact_uri}/{BUNDLE}"
        self._connection.put_files(run_id, files, folder=BUNDLE)
        with self._connection.failures():
            if digest:
                self._client.set_tag(run_id, DIGEST_TAG, digest)
            self._client.update_run(run_id, status="FINISHED")
        self._connection.found(self._client.create_registered_model, self._name, absent=("RESOURCE_ALREADY_EXISTS",))
        with self._connection.failures():
            tags = {DIGEST_TAG: digest} if digest else {}
            made = self._client.create_model_version(self._name, source, run_id, tags, await_creation_for=0)
        if contract is not None:
            self._require_contract(contract, str(made.version))
        return str(made.version)

    def _require_contract(self, contract: str, made: str) -> None:
        """Remove the version that was made if another registration was first, with another contract."""
        try:
            require_registry_of(self, contract, where=self._name)
        except ContractMismatch:
            with self._connection.failures():
                self._client.delete_model_version(self._name, made)
            raise

    def require_writable(self) -> None:
        self.versions()  # only an upload shows whether the server accepts files; this checks that it answers

    def fetch(self, version: str) -> Mapping[str, bytes]:
        source = self._known(self._client.get_model_version_download_uri, version)
        location = {"artifact_uri": source, "tracking_uri": self._connection.location.uri}
        artifacts = self._connection.artifacts
        with self._connection.failures(), TemporaryDirectory() as folder:
            listed = artifacts.list_artifacts(**location)
            if not listed or any(artifact.is_dir for artifact in listed):
                raise CorruptBundle(f"version {version}", "its artifacts in MLflow are not a bundle's files")
            paths = sorted(Path(artifacts.download_artifacts(**location, dst_path=folder)).iterdir())
            return {path.name: path.read_bytes() for path in paths}

    def stamp(self, version: str) -> str:  # noqa: ARG002
        """The same for all versions: an MLflow server never uses a number twice."""
        return ""

    def versions(self) -> list[str]:
        found: list[Any] = []
        token: str | None = None
        with self._connection.failures():
            while token != "":
                page = self._client.search_model_versions(f"name='{self._name}'", page_token=token)
                found += page
                token = page.token or ""
        return sorted((str(one.version) for one in found if one.status == "READY"), key=int)

    def assigned(self, alias: aliases.Alias) -> str | None:
        """Takes one request, as servers ask every second."""
        by_alias = self._client.get_model_version_by_alias
        found = self._connection.found(by_alias, self._name, alias, absent=_UNASSIGNED)
        return None if found is None else str(found.version)

    def assign(
        self,
        alias: aliases.Alias,
        version: str,
        cause: aliases.Cause = aliases.UNEXPLAINED,
        *,
        expected: str | None = aliases.ANYWHERE,
    ) -> None:
        self._known(self._client.get_model_version, version)
        earlier, live = self._history(alias)
        if expected not in (aliases.ANYWHERE, live):
            raise AliasMoved(alias)
        if live == version:
            return
        history = [*earlier, *([live] if live else []), version]
        with self._connection.failures():
            self._write_change(alias, live, version, cause)
            # alias first: a kill in between leaves a history without this step, which the alias still shows
            self._client.set_registered_model_alias(self._name, alias, version)
            self._write_history(alias, history)

    def withdraw(self, alias: aliases.Alias, cause: aliases.Cause = aliases.UNEXPLAINED) -> None:
        _earlier, live = self._history(alias)
        if live is None:
            return
        with self._connection.failures():
            self._write_change(alias, live, None, cause)
            self._client.delete_registered_model_alias(self._name, alias)
            self._write_history(alias, [])

    def previous(self, alias: aliases.Alias) -> str:
        return self._before(alias)[0][-1]

    def restore_previous(
        self, alias: aliases.Alias, cause: aliases.Cause = aliases.UNEXPLAINED, *, expected: str = aliases.ANYWHERE
    ) -> str:
        """MLflow has no lock and no compare-and-set: two calls at the same moment may both see what they expect."""
        earlier, live = self._before(alias)
        if expected not in (aliases.ANYWHERE, earlier[-1]):
            raise AliasMoved(alias)
        with self._connection.failures():
            self._write_change(alias, live, earlier[-1], cause)
            # history first: a kill in between leaves the alias where it was
            self._write_history(alias, earlier)
            self._client.set_registered_model_alias(self._name, alias, earlier[-1])
        return earlier[-1]

    def audit(self) -> list[aliases.AliasChange]:
        """Changes made here; a move by other means shows as a change that did not find what the last one left."""
        model = self._connection.found(self._client.get_registered_model, self._name)
        if model is None:
            return []
        texts = [text for name, text in sorted(model.tags.items()) if name.startswith(_CHANGE_TAG)]
        current = {alias: _text(model.aliases.get(alias)) for alias in get_args(aliases.Alias)}
        return aliases.with_effects(
            [change for text in texts if (change := aliases.parsed_change(text)) is not None], current
        )

    def _known(self, call: Callable[[str, str], Any], version: str) -> Any:
        """What MLflow answers about a version. Raises UnknownModel if there is none."""
        answer = self._connection.found(call, self._name, version) if _VERSION.fullmatch(version) else None
        if answer is None:
            raise UnknownModel(version)
        return answer

    def _before(self, alias: aliases.Alias) -> tuple[list[str], str | None]:
        """The earlier versions, oldest first, and the current one. Raises NoChampion if there is no earlier one."""
        earlier, live = self._history(alias)
        existing = set(self.versions())
        earlier = [version for version in earlier if version in existing]  # a version can be deleted in MLflow
        while earlier and earlier[-1] == live:
            earlier.pop()
        if not earlier:
            raise NoChampion(f"there is no earlier {alias} to go back to")
        return earlier, live

    def _history(self, alias: aliases.Alias) -> tuple[list[str], str | None]:
        """Earlier versions, oldest first, and the one that the alias points at now, also where others moved it."""
        model = self._connection.found(self._client.get_registered_model, self._name)
        if model is None:
            return [], None
        live = _text(model.aliases.get(alias))
        earlier = _parsed_history(model.tags.get(_HISTORY_TAG + alias, ""))
        if live is not None and earlier[-1:] == [live]:
            earlier.pop()
        return earlier, live

    def _write_change(self, alias: aliases.Alias, before: str | None, after: str | None, cause: aliases.Cause) -> None:
        """Writes a tag with a unique name, so that nothing is overwritten; names sort by time, after all that are there.

        The log has changes by their order, which must not depend on clocks. Two at the same moment have either order.
        """
        at = round(self._wall_clock() * 1000)
        text = aliases.change_text(aliases.AliasChange(at, alias, before, after, cause))
        model = self._client.get_registered_model(self._name)
        numbers = [int(found[1]) for tag in model.tags if (found := _CHANGE_NAME.match(tag))]
        number = max([at, *(last + 1 for last in numbers)])
        self._client.set_registered_model_tag(self._name, f"{_CHANGE_TAG}{number:015}-{uuid4().hex[:8]}", text)

    def _write_history(self, alias: aliases.Alias, history: list[str]) -> None:
        self._client.set_registered_model_tag(self._name, _HISTORY_TAG + alias, json.dumps(history[-_HISTORY:]))


def _text(version: object) -> str | None:
    return None if version is None else str(version)


def _parsed_history(text: str) -> list[str]:
    """Versions, oldest first; none if a person has written something else into the tag."""
    try:
        history = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [version for version in history if isinstance(version, str)] if isinstance(history, list) else []
