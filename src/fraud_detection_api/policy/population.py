"""Scored records whose outcome is known, one by one or as cells of records alike: what a policy is weighed on."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.statistics.estimates import six_digits

CELL_ROWS, CELLS_IN_A_BAND = 10, 8
"""Fewest records in a cell, so that none identifies a person; and cells that a band of probabilities has room for."""

BAND = {False: 0.03, True: 0.05}
"""Records in a band of probabilities, as a share of those in it or above; wider where each is cut up by amounts."""

AMOUNT_BANDS = 12
"""Most bands of amounts that a band of probabilities is cut into, as many records in each."""


@dataclass(frozen=True)
class Population:
    """Records, or cells of them; arrays are float64 (n,), of equal length.

    `fraud` and `legitimate` are how many records of each kind a row stands for, by weight. `amounts` are NaN where missing,
    None where the contract names no amount. Raises ValueError for anything else.
    """

    probabilities: NDArray[np.float64]
    amounts: NDArray[np.float64] | None
    fraud: NDArray[np.float64]
    legitimate: NDArray[np.float64]

    def __post_init__(self) -> None:
        shape = self.probabilities.shape
        others = [self.fraud, self.legitimate, *([] if self.amounts is None else [self.amounts])]
        if len(shape) != 1 or any(column.shape != shape for column in others):
            raise ValueError("a population's columns are of one length")
        counts = np.concatenate([self.fraud, self.legitimate])
        if not np.all(np.isfinite(counts) & (counts >= 0)) or not counts.sum() > 0:
            raise ValueError("a population counts at least one record, and none below 0")
        if not np.all((self.probabilities >= 0) & (self.probabilities <= 1)):
            raise ValueError("a population's probabilities are within 0 to 1")

    @classmethod
    def of_records(
        cls,
        is_fraud: NDArray[np.bool_],
        probabilities: NDArray[np.float64],
        amounts: NDArray[np.float64] | None,
        weights: NDArray[np.float64] | None,
    ) -> "Population":
        """Single records; `weights` float64 (n,) say how many of the deployed population each stands for, None for one."""
        counts = np.ones(len(is_fraud)) if weights is None else weights
        return cls(probabilities, amounts, counts * is_fraud, counts * ~is_fraud)

    @property
    def counts(self) -> NDArray[np.float64]:
        """How many records each row stands for."""
        return self.fraud + self.legitimate

    def cells(self) -> "Population":
        """These records in cells: bands of probability, finer towards the top, each cut into bands of amount.

        A row is a cell's sums, and its means by weight. Records without an amount have cells of their own. A band is a
        constant share of the records above it, so whatever share of the records can be reviewed is met about as well.
        """
        with_amounts = self.amounts is not None
        least = CELL_ROWS * (CELLS_IN_A_BAND if with_amounts else 1)
        bands = _bands(np.argsort(-self.probabilities, kind="stable"), BAND[with_amounts], least)
        parts = [part for band in bands for part in self._cut(band)]
        return Population(
            self._means(self.probabilities, parts),
            None if self.amounts is None else self._means(self.amounts, parts),
            _rounded([float(self.fraud[part].sum()) for part in parts]),
            _rounded([float(self.legitimate[part].sum()) for part in parts]),
        )

    def as_json(self) -> dict[str, Any]:
        """JSON value; `amount` holds null where cells have none, and is null where no record has any."""
        amounts = None if self.amounts is None else [None if np.isnan(a) else a for a in self.amounts.tolist()]
        return {
            "probability": self.probabilities.tolist(),
            "amount": amounts,
            "fraud": self.fraud.tolist(),
            "legitimate": self.legitimate.tolist(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Population":
        """Raises ValueError, TypeError or KeyError for anything that `as_json` does not write."""
        amounts = document["amount"]
        return cls(
            np.array(document["probability"], dtype=np.float64),
            None if amounts is None else np.array(amounts, dtype=np.float64),  # null becomes NaN
            np.array(document["fraud"], dtype=np.float64),
            np.array(document["legitimate"], dtype=np.float64),
        )

    def _cut(self, band: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        if self.amounts is None:
            return [band]
        missing = np.isnan(self.amounts[band])
        present = band[~missing]
        present = present[np.argsort(self.amounts[present], kind="stable")]
        pieces = max(1, min(AMOUNT_BANDS, len(present) // CELL_ROWS))
        return [part for part in [*np.array_split(present, pieces), band[missing]] if len(part)]

    def _means(self, column: NDArray[np.float64], parts: list[NDArray[np.int64]]) -> NDArray[np.float64]:
        counts = self.counts
        return _rounded([float(np.average(column[part], weights=counts[part])) for part in parts])


def _bands(order: NDArray[np.int64], share: float, least: int) -> list[NDArray[np.int64]]:
    """Consecutive pieces of `order`, each that share of itself and what stands before it, but at least `least` records."""
    ends, end = [len(order)], len(order)
    while end >= 2 * least:
        end -= max(least, int(share * end))
        ends.append(end)
    return [order[low:high] for low, high in pairwise([0, *reversed(ends)])]


def _rounded(numbers: list[float]) -> NDArray[np.float64]:
    return np.array([six_digits(number) for number in numbers], dtype=np.float64)
