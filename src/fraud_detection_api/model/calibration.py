"""Margins to probabilities: a monotone, piecewise linear table.

Only additions, subtractions, multiplications and comparisons are used, each rounded once as IEEE 754 says, so that a
margin has the same probability, to the bit, on every machine. `exp` would not: its last bit varies between libraries.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOWEST_MARGIN = -16.0
STEPS_PER_UNIT = 32
KNOTS = 2 * 16 * STEPS_PER_UNIT + 1


@dataclass(frozen=True)
class Calibration:
    """`knots` are the probabilities, float64 (1025,), at margins -16, -16 + 1/32, …, 16; margins beyond are clipped."""

    knots: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.knots.shape != (KNOTS,) or not np.all(np.isfinite(self.knots)):
            raise ValueError(f"a calibration has {KNOTS} finite knots")
        if np.any(np.diff(self.knots) < 0) or self.knots[0] < 0 or self.knots[-1] > 1:
            raise ValueError("a calibration's knots rise within [0, 1]")

    @classmethod
    def tabulate(cls, probability_of: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> "Calibration":
        """Calibration from a function of margins, float64 (k,) → float64 (k,), that never falls."""
        return cls(np.clip(probability_of(LOWEST_MARGIN + np.arange(KNOTS) / STEPS_PER_UNIT), 0.0, 1.0))

    def probabilities(self, margins: NDArray[np.float32]) -> NDArray[np.float64]:
        """Fraud probabilities, float64 of the margins' shape.

        >>> half = Calibration.tabulate(lambda margins: np.full_like(margins, 0.5))
        >>> half.probabilities(np.array([-3.0, 99.0], dtype=np.float32))
        array([0.5, 0.5])
        """
        place = np.clip((margins.astype(np.float64) - LOWEST_MARGIN) * STEPS_PER_UNIT, 0, KNOTS - 1)
        left = np.minimum(place.astype(np.int64), KNOTS - 2)
        low, high = self.knots[left], self.knots[left + 1]
        between: NDArray[np.float64] = low + (place - left) * (high - low)
        return np.asarray(np.minimum(between, high), dtype=np.float64)

    def as_json(self) -> dict[str, Any]:
        return {"lowest_margin": LOWEST_MARGIN, "steps_per_unit": STEPS_PER_UNIT, "knots": self.knots.tolist()}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Calibration":
        """Raises ValueError or KeyError for anything that `as_json` does not write."""
        if (document["lowest_margin"], document["steps_per_unit"]) != (LOWEST_MARGIN, STEPS_PER_UNIT):
            raise ValueError("this grid of margins is of another version")
        return cls(np.array(document["knots"], dtype=np.float64))
