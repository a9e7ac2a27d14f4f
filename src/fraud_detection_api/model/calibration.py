"""Margins to calibrated probabilities, by a monotone, piecewise linear table, and to risk scores, by rank.

A probability takes additions, subtractions, multiplications and comparisons alone, each rounded once as IEEE 754 says, so
that a margin has the same one, to the bit, on every machine. `exp` would not: its last bit varies between libraries.
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
        index = np.clip((margins.astype(np.float64) - LOWEST_MARGIN) * STEPS_PER_UNIT, 0, KNOTS - 1)
        left = np.minimum(index.astype(np.int64), KNOTS - 2)
        low, high = self.knots[left], self.knots[left + 1]
        between: NDArray[np.float64] = low + (index - left) * (high - low)
        return np.asarray(np.minimum(between, high), dtype=np.float64)

    def as_json(self) -> dict[str, Any]:
        return {"lowest_margin": LOWEST_MARGIN, "steps_per_unit": STEPS_PER_UNIT, "knots": self.knots.tolist()}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Calibration":
        """Raises ValueError or KeyError for anything that `as_json` does not write."""
        if (document["lowest_margin"], document["steps_per_unit"]) != (LOWEST_MARGIN, STEPS_PER_UNIT):
            raise ValueError("this grid of margins is of another version")
        return cls(np.array(document["knots"], dtype=np.float64))


HIGHEST = 1000


@dataclass(frozen=True)
class RiskScale:
    """Per-mille of legitimate held-out records that score lower: flagging from 990 on flags at most 1 % of the legitimate.

    `margins` are float32 (1000,) in log-odds, in rising order: a score is at least k exactly where margin number k, counted
    from 1, is lower. Raises ValueError for anything else.
    """

    margins: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.margins.shape != (HIGHEST,) or self.margins.dtype != np.float32:
            raise ValueError(f"a risk scale has {HIGHEST} float32 margins")
        if not np.all(np.isfinite(self.margins)) or np.any(self.margins[1:] < self.margins[:-1]):
            raise ValueError("a risk scale's margins are finite and never fall")

    @classmethod
    def of(cls, legitimate: NDArray[np.float32]) -> "RiskScale":
        """Scale from the margins of legitimate records, float32 (n,), n at least 1.

        A score is at least k exactly where at least k / 1000 of them are lower, so where that of rank ceil(k·n / 1000) is.

        >>> RiskScale.of(np.arange(2000, dtype=np.float32)).scores(np.array([1980], dtype=np.float32))
        array([990])
        """
        ranks = -(-np.arange(1, HIGHEST + 1) * len(legitimate) // HIGHEST)  # rounded up
        return cls(np.sort(legitimate)[ranks - 1])

    def scores(self, margins: NDArray[np.float32]) -> NDArray[np.int64]:
        """Risk scores, int64 (n,) from 0 to 1000, of margins float32 (n,); a score never falls as the margin rises."""
        return np.searchsorted(self.margins, margins, side="left")

    def as_json(self) -> dict[str, Any]:
        return {"margins": [float(str(margin)) for margin in self.margins]}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "RiskScale":
        """Raises ValueError, TypeError or KeyError for anything that `as_json` does not write."""
        with np.errstate(over="ignore"):
            return cls(np.array(document["margins"], dtype=np.float32))
