"""The experiment tracker, as training uses it."""

from collections.abc import Mapping, Sequence
from typing import Protocol


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
