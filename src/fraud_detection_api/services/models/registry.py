"""The model registry and the experiment tracker, as services and training use them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from fraud_detection_api.services.models.aliases import ANYWHERE, UNEXPLAINED, Alias, AliasChange, Cause


class ModelRegistry(Protocol):
    """Immutable, numbered bundles, and aliases of them. Every change of an alias is recorded before the alias moves."""

    def register(self, files: Mapping[str, bytes], *, contract: str | None = None) -> str:
        """Store a bundle's files, all or none, and return its new version.

        Raises ContractMismatch where a contract is named, and the other models follow one of another name. Of several that
        register in an empty registry at the same time, the first decides.
        """

    def require_writable(self) -> None:
        """Raise RegistryUnavailable where nothing can be registered; called before hours of training."""

    def fetch(self, version: str) -> Mapping[str, bytes]:
        """The files of a version. Raises UnknownModel."""

    def stamp(self, version: str) -> str:
        """Distinguish an existing version from the same number in another registry that replaced this one."""

    def versions(self) -> list[str]:
        """All versions, oldest first."""

    def assigned(self, alias: Alias) -> str | None:
        """The version that the alias points at, None where it points at none."""

    def assign(
        self, alias: Alias, version: str, cause: Cause = UNEXPLAINED, *, expected: str | None = ANYWHERE
    ) -> None:
        """Point the alias at a version. Raises UnknownModel; AliasMoved where it does not point at `expected`."""

    def withdraw(self, alias: Alias, cause: Cause = UNEXPLAINED) -> None:
        """Point the alias at no version, and forget the versions before; does nothing where it points at none."""

    def previous(self, alias: Alias) -> str:
        """The version that the alias pointed at before. Raises NoChampion where there is none."""

    def restore_previous(self, alias: Alias, cause: Cause = UNEXPLAINED, *, expected: str = ANYWHERE) -> str:
        """Point the alias back at the version before; returns it. Raises NoChampion; AliasMoved unless it is `expected`."""

    def audit(self) -> list[AliasChange]:
        """Every change of the aliases, oldest first."""


class ExperimentTracker(Protocol):
    """Records trainings: parameters, metrics, curves and files."""

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
        """Record the training whose bundle has that digest, and return the address where a person can see it.

        `curves` are values at the steps 0, 1, …; the files in the folder `bundle/` are those that the digest covers.
        Raises RegistryUnavailable.
        """
