"""The registry of models, as the services use it."""

from collections.abc import Mapping
from typing import Protocol

from fraud_detection_api.services.models.aliases import ANYWHERE, UNEXPLAINED, Alias, AliasChange, Cause


class ModelRegistry(Protocol):
    """Immutable, numbered model bundles, and aliases that point at one of them each.

    Every change of an alias is written down for good, with its cause, before the alias moves.
    """

    def register(self, files: Mapping[str, bytes]) -> str:
        """Keep a bundle's files, all or nothing, and return its new version."""
        ...

    def require_writable(self) -> None:
        """Raise RegistryUnavailable where nothing could be registered; so that hours of training are not lost to that."""
        ...

    def fetch(self, version: str) -> Mapping[str, bytes]:
        """Files of a version. Raises UnknownModel."""
        ...

    def stamp(self, version: str) -> str:
        """Tells a version that is there from that of the same number in a registry that took this one's place."""
        ...

    def versions(self) -> list[str]:
        """All versions, oldest first."""
        ...

    def assigned(self, alias: Alias) -> str | None:
        """Version that the alias points at, None where it was never assigned."""
        ...

    def assign(
        self, alias: Alias, version: str, cause: Cause = UNEXPLAINED, *, expected: str | None = ANYWHERE
    ) -> None:
        """Point the alias at a version. Raises UnknownModel; AliasMoved where it points elsewhere than `expected` by now."""
        ...

    def withdraw(self, alias: Alias, cause: Cause = UNEXPLAINED) -> None:
        """Point the alias at no version, and forget those of before; nothing happens where it points at none."""
        ...

    def previous(self, alias: Alias) -> str:
        """Version that the alias pointed at before. Raises NoChampion where there is none."""
        ...

    def restore_previous(self, alias: Alias, cause: Cause = UNEXPLAINED, *, expected: str = ANYWHERE) -> str:
        """Point the alias back at the version before, returned. Raises NoChampion; AliasMoved where it is not `expected`."""
        ...

    def audit(self) -> list[AliasChange]:
        """Every change of the aliases, oldest first."""
        ...
