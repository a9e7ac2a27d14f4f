"""Rounds in a few numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self

from benchmarks.serving.results import Load, Loaded, Results
from benchmarks.serving.targets import EMPTY


@dataclass(frozen=True, slots=True)
class Summary:
    """The median and the extremes."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, found: Sequence[float]) -> Self:
        """Raises ValueError for none.

        >>> Summary.of([3, 1, 2])
        Summary(median=2, least=1, most=3)
        """
        return cls(median(found), min(found), max(found))


def rate(load: Load) -> float:
    """Requests a second."""
    return load.requests_per_second


def p50(load: Load) -> float:
    """Half of the answers took at most so many milliseconds."""
    return load.p50_ms


def p99(load: Load) -> float:
    """99 % of the answers took at most so many milliseconds."""
    return load.p99_ms


def processor(load: Load) -> float:
    """Microseconds of the processor for an answer; 0 where that was not measured."""
    return load.processor_us or 0.0


def summarised(loads: Sequence[Load], figure: Callable[[Load], float]) -> Summary:
    """One figure of several measurements."""
    return Summary.of([figure(load) for load in loads])


def failures(loads: Sequence[Load]) -> int:
    """Requests that failed, in all measurements together."""
    return sum(load.failed for load in loads)


def ratio(numerator: Sequence[Load], denominator: Sequence[Load]) -> float | None:
    """Median of the rounds' ratios of requests a second; None where a round cannot be compared."""
    pairs = list(zip(numerator, denominator, strict=False))
    if not pairs or any(not other.requests_per_second for _, other in pairs):
        return None
    return median(one.requests_per_second / other.requests_per_second for one, other in pairs)


def ratio_to(results: Results, loaded: Loaded, other: str = EMPTY) -> float | None:
    """How many times as many requests a second as another target in the same scenario."""
    beside = results.loaded(other, loaded.connections, loaded.records)
    return None if beside is None else ratio(loaded.rounds, beside.rounds)
