"""What people read of the models that made stored decisions: contracts and reference histograms, without the trees."""

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Any, NamedTuple

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.errors import CorruptBundle, InvalidPolicy, RegistryUnavailable, UnknownModel
from fraud_detection_api.model.bundle import read_contract, read_manifest
from fraud_detection_api.model.documents import json_object
from fraud_detection_api.model.reference import reference_of
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.services.models.registry import ModelRegistry

MOST_READ = 8


class ShownModel(NamedTuple):
    """A model's contract, the histograms of its training data as `reference.json` has them, and its policy."""

    contract: Contract
    reference: Mapping[str, Any]
    policy: Policy


class ShownModels:
    """The last MOST_READ models of a registry that were asked for. For any thread."""

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry
        self._read: OrderedDict[str, ShownModel] = OrderedDict()
        self._hold = Lock()

    def find(self, version: str, digest: str) -> ShownModel | None:
        """The model of that digest; None where the registry does not have it under the version, or cannot be read now."""
        with self._hold:
            if digest in self._read:
                self._read.move_to_end(digest)
                return self._read[digest]
        try:
            found = self._from_registry(version, digest)
        except (UnknownModel, CorruptBundle, RegistryUnavailable):
            return None
        if found is not None:
            with self._hold:
                self._read[digest] = found
                while len(self._read) > MOST_READ:
                    self._read.popitem(last=False)
        return found

    def _from_registry(self, version: str, digest: str) -> ShownModel | None:
        files, source = self._registry.fetch(version), f"version {version}"
        if read_manifest(files, source=source)["digest"] != digest:
            return None
        try:
            reference = reference_of(json_object(files["reference.json"]))
            policy = Policy.from_json(json_object(files["policy.json"]))
        except (ValueError, LookupError, TypeError, AttributeError, InvalidPolicy) as error:
            raise CorruptBundle(source, "reference.json or policy.json is broken") from error
        return ShownModel(read_contract(files, source=source), reference, policy)
