"""The registry's models, and the version that an alias stands for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.errors import CorruptBundle, FraudError, NoChallenger, NoChampion, UnknownModel
from fraud_detection_api.model.bundle import (
    circumstances_of,
    read_bundle,
    read_card,
    read_contract,
    read_evidence,
    read_manifest,
)
from fraud_detection_api.policy.population import Population
from fraud_detection_api.services.models.aliases import ALIASES, CHALLENGER, CHAMPION, Alias
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.models.registry import ModelRegistry

_UNASSIGNED: dict[Alias, tuple[type[FraudError], str]] = {
    CHAMPION: (NoChampion, "run `fraud train FILE` or `fraud models promote VERSION`"),
    CHALLENGER: (NoChallenger, "run `fraud models challenge VERSION`"),
}


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """A version as it is listed. A damaged version has a `problem`, and only its number and aliases are known.

    `circumstances` are those of its registration: by whom, from which file, beside which champion.
    """

    version: str
    aliases: tuple[Alias, ...]
    digest: str = ""
    created_at: str = ""
    card: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None
    circumstances: Mapping[str, Any] = field(default_factory=dict)


class ModelService:
    """Lists, describes and loads the registry's models, by version or by alias."""

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry

    def describe_all(self) -> list[ModelDescription]:
        """All versions, newest first."""
        return [self._describe(version) for version in reversed(self._registry.versions())]

    def versions(self) -> list[str]:
        """The numbers of all versions, newest first."""
        return self._registry.versions()[::-1]

    def describe(self, version: str) -> ModelDescription:
        """One version, or the version that an alias stands for. Raises UnknownModel, and as `resolve`."""
        version = self.resolve(version)
        if version not in self._registry.versions():
            raise UnknownModel(version)
        return self._describe(version)

    def load(self, version_or_alias: str) -> ServedModel:
        """The model, verified. Raises UnknownModel, CorruptBundle, and as `resolve`."""
        version = self.resolve(version_or_alias)
        return ServedModel(version, read_bundle(self._registry.fetch(version), source=f"version {version}"))

    def contract(self, version_or_alias: str) -> Contract:
        """The contract of the model. Raises CorruptBundle, and as `resolve`."""
        version = self.resolve(version_or_alias)
        return read_contract(self._registry.fetch(version), source=f"version {version}")

    def population(self, version_or_alias: str) -> Population:
        """The out-of-fold scores that the model's policy was weighed on, in cells. Raises UnknownModel, CorruptBundle."""
        version = self.resolve(version_or_alias)
        return read_evidence(self._registry.fetch(version), source=f"version {version}")[1]

    def document(self, version_or_alias: str, name: str) -> tuple[str, dict[str, Any], bytes]:
        """A version, its manifest, and a file of its verified bundle, such as `report.html`. Raises as `load`."""
        version = self.resolve(version_or_alias)
        files = self._registry.fetch(version)
        return version, read_manifest(files, source=f"version {version}"), files[name]

    def assigned(self, alias: Alias) -> str | None:
        """The version that the alias stands for, None where it stands for none."""
        return self._registry.assigned(alias)

    def resolve(self, version_or_alias: str) -> str:
        """The version that an alias stands for; a version stands for itself. Raises NoChampion, NoChallenger."""
        alias = next((alias for alias in ALIASES if alias == version_or_alias), None)
        if alias is None:
            return version_or_alias
        version = self._registry.assigned(alias)
        if version is None:
            kind, fix = _UNASSIGNED[alias]
            raise kind(f"there is no {alias}; {fix}")
        return version

    def _points_at(self, alias: Alias, version: str) -> bool:
        try:
            return self._registry.assigned(alias) == version
        except CorruptBundle:
            return False  # a damaged alias must not hide the models; promoting a model repairs it

    def _describe(self, version: str) -> ModelDescription:
        aliases = tuple(alias for alias in ALIASES if self._points_at(alias, version))
        try:
            manifest, card = read_card(self._registry.fetch(version), source=f"version {version}")
        except CorruptBundle as error:
            return ModelDescription(version, aliases, problem=str(error))
        return ModelDescription(
            version,
            aliases,
            manifest["digest"],
            manifest["created_at"],
            card,
            circumstances=circumstances_of(manifest),
        )
