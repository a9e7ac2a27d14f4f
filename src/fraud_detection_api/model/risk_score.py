"""The risk score: where a margin stands among those of legitimate records that the model has not learned from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
