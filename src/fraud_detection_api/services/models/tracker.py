"""The experiment tracker, as training uses it."""

from collections.abc import Mapping, Sequence
from typing import Protocol


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
