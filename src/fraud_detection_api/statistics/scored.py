"""Scored records of known outcome, sorted once, so that a bootstrap replicate is one pass over them."""

from collections.abc import Iterator, Sequence
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


REPLICATES = 400


@dataclass(frozen=True)
class Cells:
    """Cells of records that all of the rankings place alike: of one class, and between the same two frauds.

    `is_fraud` bool (c,), `counts` float64 (c,) records in each; `tests` are the rankings of the cells, one for each score.
    Areas under curves of weighted cells are those of the records, exactly.
    """

    is_fraud: NDArray[np.bool_]
    counts: NDArray[np.float64]
    tests: tuple[ScoredTest, ...]

    @classmethod
    def of(cls, is_fraud: NDArray[np.bool_], scores: Sequence[NDArray[np.float64]]) -> "Cells":
        """Records, bool (n,), in cells of all `scores`, float64 (n,) each."""
        bands = [_bands(is_fraud, score) for score in scores]
        key = is_fraud.astype(np.int64)
        for band in bands:
            key = key * (int(band.max()) + 1) + band
        _, first, counts = np.unique(key, return_index=True, return_counts=True)
        tests = tuple(ScoredTest.sort(is_fraud[first], -band[first].astype(np.float64)) for band in bands)
        return cls(is_fraud[first], counts.astype(np.float64), tests)

    def replicates(self, seed: int) -> Iterator[NDArray[np.float64]]:
        """Bootstrap samples of the records: how many of each cell, float64 (c,); both classes are in each.

        A record counts a Poisson number of times, so a cell does. Source: Hanley and MacGibbon, "Creating non-parametric
        bootstrap samples using Poisson frequencies", Computer Methods and Programs in Biomedicine 83, 2006.
        """
        draws, made = np.random.default_rng(seed), 0
        while made < REPLICATES:
            weights = draws.poisson(self.counts).astype(np.float64)
            if weights[self.is_fraud].any() and weights[~self.is_fraud].any():
                made += 1
                yield weights


def _bands(is_fraud: NDArray[np.bool_], score: NDArray[np.float64]) -> NDArray[np.int64]:
    """Between which bends of its curve each record is, int64 (n,), from the highest score down."""
    test = ScoredTest.sort(is_fraud, score)
    bands = np.empty(len(score), dtype=np.int64)
    bands[test.order] = np.searchsorted(test.bends, np.arange(len(score)))
    return bands
