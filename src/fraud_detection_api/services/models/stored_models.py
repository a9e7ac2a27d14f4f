"""The models that made stored decisions, found by their digest."""

from collections import OrderedDict
from threading import Lock
from typing import Literal, NamedTuple

from fraud_detection_api.errors import CorruptBundle, UnknownModel
from fraud_detection_api.model.bundle import Bundle, BundleFiles, read_bundle, read_manifest
from fraud_detection_api.services.models.registry import ModelRegistry

MOST_LOADED = 4


class Absent(NamedTuple):
    """Why a model is unavailable: its version is unknown, or is another model now; `reason` says what was found."""

    status: Literal["model_missing", "model_changed"]
    reason: str


class StoredModels:
    """A cache of a registry's verified models: the last MOST_LOADED that were used stay loaded. For any thread."""

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry
        self._loaded: OrderedDict[str, Bundle] = OrderedDict()
        self._hold = Lock()

    def loaded(self, digest: str) -> Bundle | None:
        """The model of that digest, where it is loaded. The registry is not read."""
        with self._hold:
            if digest in self._loaded:
                self._loaded.move_to_end(digest)
            return self._loaded.get(digest)

    def find(self, version: str, digest: str) -> Bundle | Absent:
        """The model of that digest: under its version, or under another one where it was registered again.

        The registry's files are verified each time, even where the model is loaded. Raises RegistryUnavailable.
        """
        try:
            if bundle := self._read(version, digest):
                return bundle
            absent = Absent("model_changed", f"version {version} is another model now")
        except UnknownModel:
            absent = Absent("model_missing", f"the registry has no version {version}")
        except CorruptBundle as error:
            absent = Absent("model_changed", str(error))
        others = (self._of_other(other, digest) for other in self._registry.versions() if other != version)
        return next((bundle for bundle in others if bundle is not None), absent)

    def _of_other(self, version: str, digest: str) -> Bundle | None:
        try:
            return self._read(version, digest)
        except (UnknownModel, CorruptBundle):
            return None

    def _read(self, version: str, digest: str) -> Bundle | None:
        """The version's model if it has that digest. Raises UnknownModel, CorruptBundle."""
        files, source = self._registry.fetch(version), f"version {version}"
        if read_manifest(files, source=source)["digest"] != digest:
            return None
        return self._bundle(files, digest, source)

    def _bundle(self, files: BundleFiles, digest: str, source: str) -> Bundle:
        with self._hold:
            bundle = self._loaded.pop(digest, None) or read_bundle(files, source=source)
            self._loaded[digest] = bundle
            while len(self._loaded) > MOST_LOADED:
                self._loaded.popitem(last=False)
            return bundle
