"""Scored records in cells that a ranking cannot tell apart, so that resampling them takes a fraction of its time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.statistics.scored import ScoredTest

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
        places = [_places(is_fraud, score) for score in scores]
        key = is_fraud.astype(np.int64)
        for place in places:
            key = key * (int(place.max()) + 1) + place
        _, first, counts = np.unique(key, return_index=True, return_counts=True)
        tests = tuple(ScoredTest.sort(is_fraud[first], -place[first].astype(np.float64)) for place in places)
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


def _places(is_fraud: NDArray[np.bool_], score: NDArray[np.float64]) -> NDArray[np.int64]:
    """Between which bends of its curve each record is, int64 (n,), from the highest score down."""
    test = ScoredTest.sort(is_fraud, score)
    places = np.empty(len(score), dtype=np.int64)
    places[test.order] = np.searchsorted(test.bends, np.arange(len(score)))
    return places
