"""What the services need from outside, as protocols. The adapters behind them are chosen in the container alone."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

Alias = Literal["champion", "challenger"]


class ModelRegistry(Protocol):
    """Immutable, numbered model bundles, and aliases that point at one of them each."""

    def register(self, files: Mapping[str, bytes]) -> str:
        """Keep a bundle's files, all or nothing, and return its new version."""
        ...

    def require_writable(self) -> None:
        """Raise RegistryUnavailable where nothing could be registered; so that hours of training are not lost to that."""
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


class ExperimentTracker(Protocol):
    """Remembers trainings: what went in, what came out, and the files that were made."""

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
        """Remember the training whose bundle has that digest, and return where a person can look at it.

        `curves` are values at the steps 0, 1, …; `files` in the folder `bundle/` are those that the digest stands for.
        Raises RegistryUnavailable.
        """
        ...
