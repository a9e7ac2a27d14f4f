"""What the services need from outside, as protocols. The adapters behind them are chosen in the container alone."""

from collections.abc import Mapping
from typing import Literal, Protocol

Alias = Literal["champion", "challenger"]


class ModelRegistry(Protocol):
    """Immutable, numbered model bundles, and aliases that point at one of them each."""

    def register(self, files: Mapping[str, bytes]) -> str:
        """Keep a bundle's files, all or nothing, and return its new version."""
        ...

    def fetch(self, version: str) -> Mapping[str, bytes]:
        """Files of a version. Raises UnknownModel."""
        ...

    def versions(self) -> list[str]:
        """All versions, oldest first."""
        ...

    def assigned(self, alias: Alias) -> str | None:
        """Version that the alias points at, None where it was never assigned."""
        ...

    def assign(self, alias: Alias, version: str) -> None:
        """Point the alias at a version. Raises UnknownModel."""
        ...

    def previous(self, alias: Alias) -> str:
        """Version that the alias pointed at before. Raises NoChampion where there is none."""
        ...

    def restore_previous(self, alias: Alias) -> str:
        """Point the alias back at the version before and return it. Raises NoChampion where there is none."""
        ...
