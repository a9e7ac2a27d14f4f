"""Scored records of known outcome, sorted once, so that a bootstrap replicate is one pass over them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_SMALLEST = 1e-15

Weights = NDArray[np.float64]


@dataclass(frozen=True)
class ScoredTest:
    """Labels and probabilities of a test part, sorted by falling probability, ties grouped.

    `is_fraud` float64 (n,), `probability` float64 (n,), `group_ends` int64 (groups,): last row of each run of ties;
    `order` int64 (n,): where each row stood before it was sorted.
    """

    is_fraud: NDArray[np.float64]
    probability: NDArray[np.float64]
    group_ends: NDArray[np.int64]
    order: NDArray[np.int64]

    @classmethod
    def sort(cls, is_fraud: NDArray[np.bool_], probability: NDArray[np.float64]) -> "ScoredTest":
        order = np.argsort(-probability, kind="stable")
        ranked = probability[order]
        ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
        return cls(is_fraud[order].astype(np.float64), ranked, ends, order)

    def caught(self, weights: Weights) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Frauds and false alarms (weighted counts) at each distinct threshold, from the highest down."""
        frauds = np.cumsum(weights * self.is_fraud)[self.group_ends]
        alarms = np.cumsum(weights)[self.group_ends] - frauds
        return frauds, alarms

    @cached_property
    def bends(self) -> NDArray[np.int64]:
        """The `group_ends` at which the curve of `caught` can turn, int64: before and after a fraud, and the last.

        From one to the next there are honest records alone, or one group of ties; so few are enough where fraud is rare.
        """
        gains = np.diff(np.cumsum(self.is_fraud)[self.group_ends], prepend=0) > 0
        bends: NDArray[np.int64] = self.group_ends[gains | np.append(gains[1:], [True])]
        return bends

    def caught_at_bends(self, weights: Weights) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """`caught` at the `bends` alone, which takes a fraction of its time."""
        records = np.add.reduceat(weights, np.append(0, self.bends[:-1] + 1))
        gains = np.bincount(self._bend_of_frauds, weights[self._frauds], minlength=len(records))
        frauds = np.cumsum(gains, dtype=np.float64)
        return frauds, np.cumsum(records) - frauds

    @cached_property
    def error(self) -> NDArray[np.float64]:
        """Outcome less probability of each record, float64 (n,)."""
        return self.is_fraud - self.probability

    @cached_property
    def log_likelihood(self) -> NDArray[np.float64]:
        """Log of the probability that was given to each outcome, float64 (n,), in nats."""
        probability = np.clip(self.probability, _SMALLEST, 1 - _SMALLEST)
        logs: NDArray[np.float64] = np.log(np.where(self.is_fraud > 0, probability, 1 - probability))
        return logs

    @cached_property
    def _frauds(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.is_fraud)

    @cached_property
    def _bend_of_frauds(self) -> NDArray[np.int64]:
        return np.searchsorted(self.bends, self._frauds)
