"""What records were like, in the bins of a model's reference: numbers that add up, of constant size however many records."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import Columns
from fraud_detection_api.contract.levels import composed_counts
from fraud_detection_api.policy.outcomes import OUTCOMES

UNREADABLE_COUNTS = (ValueError, LookupError, TypeError, AttributeError)
"""What reading or adding up counts raises that another version of the software wrote, or that do not fit together."""


@dataclass(frozen=True, slots=True)
class NumberCounts:
    """Values of a number: in each bin of the reference, below and above them all, and missing.

    `below` and `above` are what the reference never saw; where it saw no value at all, every value is above.
    """

    below: int
    counts: tuple[int, ...]
    above: int
    missing: int

    def merged(self, other: "NumberCounts") -> "NumberCounts":
        """Of both. Raises ValueError where the bins are other ones."""
        counts = tuple(one + another for one, another in zip(self.counts, other.counts, strict=True))
        return NumberCounts(self.below + other.below, counts, self.above + other.above, self.missing + other.missing)


@dataclass(frozen=True, slots=True)
class LevelCounts:
    """Values of a category: each level of the reference that was there, those that the reference never saw, and missing."""

    levels: Mapping[str, int]
    unseen: int
    missing: int

    def merged(self, other: "LevelCounts") -> "LevelCounts":
        """Of both."""
        levels = dict(Counter(self.levels) + Counter(other.levels))
        return LevelCounts(levels, self.unseen + other.unseen, self.missing + other.missing)


FeatureCounts: TypeAlias = NumberCounts | LevelCounts


@dataclass(frozen=True, slots=True)
class Counts:
    """Of `rows` records: values of each feature, fraud probabilities, and outcomes."""

    rows: int
    features: Mapping[str, FeatureCounts]
    probability: NumberCounts
    outcomes: Mapping[str, int]

    def merged(self, other: "Counts") -> "Counts":
        """Of both, which are of one model. Raises ValueError where features or bins are other ones."""
        if self.features.keys() != other.features.keys():
            raise ValueError("counts of other features")
        features = {name: _merged(counts, other.features[name]) for name, counts in self.features.items()}
        outcomes = {outcome: count + other.outcomes[outcome] for outcome, count in self.outcomes.items()}
        return Counts(self.rows + other.rows, features, self.probability.merged(other.probability), outcomes)

    def as_json(self) -> dict[str, Any]:
        """JSON value that `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Counts":
        """Raises ValueError, LookupError or TypeError for anything that `as_json` does not write."""
        return cls(
            rows=int(document["rows"]),
            features={name: _from_json(counts) for name, counts in document["features"].items()},
            probability=_numbers_from_json(document["probability"]),
            outcomes={outcome: int(document["outcomes"][outcome]) for outcome in OUTCOMES},
        )


def _merged(one: FeatureCounts, other: FeatureCounts) -> FeatureCounts:
    if type(one) is not type(other):
        raise ValueError("counts of a number and of a category")
    return one.merged(other)  # type: ignore[arg-type]


def _from_json(document: Mapping[str, Any]) -> FeatureCounts:
    if "levels" not in document:
        return _numbers_from_json(document)
    return LevelCounts(composed_counts(document["levels"]), int(document["unseen"]), int(document["missing"]))


def _numbers_from_json(document: Mapping[str, Any]) -> NumberCounts:
    below, counts, above, missing = (document[name] for name in ("below", "counts", "above", "missing"))
    return NumberCounts(int(below), tuple(counts), int(above), int(missing))


@dataclass(frozen=True)
class Bins:
    """The bins of a model's `reference.json`: edges of its numbers and of the probability, levels of its categories."""

    reference: Mapping[str, Any]

    def count(
        self, columns: Columns, probabilities: NDArray[np.float64], outcomes: Sequence[str], rows: NDArray[np.bool_]
    ) -> Counts:
        """Counts of those of n validated records that `rows`, bool (n,), picks.

        `probabilities` float64 (n,), `outcomes` n names. A bin holds `edges[i] <= value < edges[i + 1]`, the last one its
        right edge too, as in the reference.
        """
        features: dict[str, FeatureCounts] = {
            name: count_levels(columns[name][rows], frozenset(counted["levels"]))
            if "levels" in counted
            else count_numbers(columns[name][rows], np.array(counted["edges"], np.float64))
            for name, counted in self.reference["features"].items()
        }
        given = Counter(outcome for outcome, picked in zip(outcomes, rows.tolist(), strict=True) if picked)
        return Counts(
            rows=int(rows.sum()),
            features=features,
            probability=count_numbers(
                probabilities[rows], np.array(self.reference["probability"]["edges"], np.float64)
            ),
            outcomes={outcome: given[outcome] for outcome in OUTCOMES},
        )


def count_numbers(numbers: NDArray[np.float64], edges: NDArray[np.float64]) -> NumberCounts:
    """Counts of float64 (n,), NaN for missing, over rising `edges`, float64 (bins + 1,); none where there are no bins.

    >>> count_numbers(np.array([-1.0, 0.0, 5.0, 10.0, 11.0, np.nan]), np.array([0.0, 5.0, 10.0]))
    NumberCounts(below=1, counts=(1, 2), above=1, missing=1)
    """
    missing = int(np.isnan(numbers).sum())
    if not edges.size:
        return NumberCounts(0, (), len(numbers) - missing, missing)
    binned = np.bincount(np.searchsorted(edges, numbers, side="right"), minlength=len(edges) + 1).tolist()
    at_last = int((numbers == edges[-1]).sum())  # beyond all edges, as NaN is
    below, *counts, above = binned
    counts[-1] += at_last
    return NumberCounts(below, tuple(counts), above - at_last - missing, missing)


def count_levels(values: NDArray[np.object_], levels: frozenset[str]) -> LevelCounts:
    """Counts of str or None for missing, shape (n,), by level; all others are unseen.

    >>> count_levels(np.array(["web", "fax", None, "web"], dtype=object), frozenset({"web", "phone"}))
    LevelCounts(levels={'web': 2}, unseen=1, missing=1)
    """
    counts = Counter(values.tolist())
    missing = counts.pop(None, 0)
    known = {level: counts[level] for level in sorted(levels & counts.keys())}
    return LevelCounts(known, sum(counts.values()) - sum(known.values()), missing)
