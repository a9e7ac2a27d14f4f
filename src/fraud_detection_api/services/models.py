"""What models there are, and which one is champion."""

from dataclasses import dataclass, field
from typing import Any, get_args

from fraud_detection_api.errors import ContractMismatch, CorruptBundle, NoChampion, UnknownModel
from fraud_detection_api.model.bundle import Bundle, read_bundle, read_card, read_manifest
from fraud_detection_api.model.rollout import Alias
from fraud_detection_api.ports import ModelRegistry
from fraud_detection_api.services.champion import require_contract
from fraud_detection_api.telemetry import log_event

ALIASES: tuple[Alias, ...] = get_args(Alias)


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """A version as it is listed. A damaged one has a `fault`, and only its version and aliases are known."""

    version: str
    aliases: tuple[Alias, ...]
    digest: str = ""
    created_at: str = ""
    card: dict[str, Any] = field(default_factory=dict)
    fault: str | None = None


class ModelService:
    """Lists, describes, promotes and rolls back the registry's models.

    `required_fingerprint` is that of the records that a champion must take, if any.
    """

    def __init__(self, registry: ModelRegistry, *, required_fingerprint: str | None = None) -> None:
        self._registry = registry
        self._required_fingerprint = required_fingerprint

    def describe_all(self) -> list[ModelDescription]:
        """All versions, newest first."""
        return [self._describe(version) for version in reversed(self._registry.versions())]

    def describe(self, version: str) -> ModelDescription:
        """One version, or the one that an alias stands for. Raises UnknownModel, NoChampion."""
        version = self.resolve(version)
        if version not in self._registry.versions():
            raise UnknownModel(version)
        return self._describe(version)

    def bundle(self, version_or_alias: str) -> tuple[str, Bundle]:
        """The version that is meant and its verified bundle.

        Raises UnknownModel, NoChampion for an alias that was never assigned, CorruptBundle.
        """
        version = self.resolve(version_or_alias)
        return version, read_bundle(self._registry.fetch(version), source=f"version {version}")

    def document(self, version_or_alias: str, name: str) -> bytes:
        """A file of a version's bundle, `report.html` for example, after every file was found to be the registered one.

        Raises UnknownModel, NoChampion, CorruptBundle.
        """
        version = self.resolve(version_or_alias)
        files = self._registry.fetch(version)
        read_manifest(files, source=f"version {version}")
        return files[name]

    def assigned(self, alias: Alias) -> str | None:
        """Version that the alias stands for, None where it stands for none."""
        return self._registry.assigned(alias)

    def resolve(self, version_or_alias: str) -> str:
        """Version that an alias stands for; a version stands for itself. Raises NoChampion for an unassigned alias."""
        alias = next((alias for alias in ALIASES if alias == version_or_alias), None)
        if alias is None:
            return version_or_alias
        version = self._registry.assigned(alias)
        if version is None:
            raise NoChampion(f"no model is {alias} yet; promote one: `fraud models promote VERSION`")
        return version

    def promote(self, version: str, *, allow_contract_change: bool = False) -> str:
        """Make the version champion, after its bundle was verified; returns it.

        Raises UnknownModel, CorruptBundle, and ContractMismatch where callers of the champion would have to send other
        records and that was not allowed.
        """
        version, bundle = self.bundle(version)
        require_contract(bundle, self._required_fingerprint, version=version)
        incumbent = self._champion_contract()
        if incumbent not in (None, bundle.contract.record_fingerprint) and not allow_contract_change:
            mend = "promote with --allow-contract-change (allow_contract_change) once they are ready"
            raise ContractMismatch(
                f"version {version} follows another contract than the champion: callers must change; {mend}"
            )
        self._registry.assign("champion", version)
        log_event("promoted", version=version, digest=bundle.digest)
        return version

    def rollback(self) -> str:
        """Make the champion before this one champion again, after its bundle was verified; returns it.

        Raises NoChampion where there is none, CorruptBundle, ContractMismatch as `promote` does.
        """
        previous = self._registry.previous("champion")
        require_contract(self.bundle(previous)[1], self._required_fingerprint, version=previous)
        restored = self._registry.restore_previous("champion")
        log_event("rolled_back", version=restored)
        return restored

    def _champion_contract(self) -> str | None:
        try:
            champion = self._registry.assigned("champion")
            return None if champion is None else self.bundle(champion)[1].contract.record_fingerprint
        except (CorruptBundle, UnknownModel):
            return None  # a damaged or removed champion must not stand in the way of a sound one

    def _points_at(self, alias: Alias, version: str) -> bool:
        try:
            return self._registry.assigned(alias) == version
        except CorruptBundle:
            return False  # a damaged alias must not hide the models; promoting mends it

    def _describe(self, version: str) -> ModelDescription:
        aliases = tuple(alias for alias in ALIASES if self._points_at(alias, version))
        try:
            manifest, card = read_card(self._registry.fetch(version), source=f"version {version}")
        except CorruptBundle as error:
            return ModelDescription(version, aliases, fault=str(error))
        return ModelDescription(version, aliases, manifest["digest"], manifest["created_at"], card)
