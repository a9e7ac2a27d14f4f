"""How common a value is: the reference histogram of the training data as a small drawing, and in words."""

import math
from collections.abc import Callable, Mapping
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from fraud_detection_api.console.words import say
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.times import parse_time
from fraud_detection_api.model.standing import (
    Standing,
    are_values,
    edges_of,
    standing_of_level,
    standing_of_number,
)

WIDTH, HEIGHT = 120, 24
_COLUMNS = 40
_SKEWED = 6.0
"""A range that is so many times as wide as its inner four fifths is drawn on a compressed axis."""
_MOST_LEVELS = 30
_ROUNDING = 0.2
"""As the texts of reasons have it: a bin that begins at a twentieth of the records may do so a few records earlier."""


class Distribution(NamedTuple):
    """A drawing of WIDTH by HEIGHT: the path of all columns, that of the value's own, and where a number is.

    `words` say the same. Drawings may be empty: a bundle of an earlier release knows less.
    """

    path: str
    own: str
    mark: float | None
    words: str


def distribution(contract: Contract, reference: Mapping[str, Any], name: str, value: Any) -> Distribution | None:
    """The distribution of a feature or derived feature, with a value; None where the reference does not have it."""
    counted = reference.get("features", {}).get(name) or reference.get("derived", {}).get(name)
    if counted is None:
        return None
    if "levels" in counted:
        return _of_levels(counted, value if isinstance(value, str) else None)
    if isinstance(value, str):
        moment = parse_time(value) if name in contract.times else None
        value = None if moment is None else moment.timestamp()
    return _of_numbers(counted, None if value is None else float(value))


def _of_numbers(counted: Mapping[str, Any], value: float | None) -> Distribution | None:
    standing = standing_of_number(counted, value)
    if standing is None:
        return None
    edges, counts = edges_of(counted), counted["counts"]
    if not edges:
        return Distribution("", "", None, number_words(standing, is_missing=value is None))
    words = number_words(standing, is_missing=value is None)
    if are_values(edges):
        own = edges.index(value) if value in edges else None
        return Distribution(*_columns(counts, own), None, words)
    place = _axis(edges)
    mark = None if value is None else WIDTH * min(1.0, max(0.0, place(value)))
    return Distribution(_columns(_spread(edges, counts, place), None)[0], "", mark, words)


def _of_levels(counted: Mapping[str, Any], level: str | None) -> Distribution | None:
    standing = standing_of_level(counted, level)
    if standing is None:
        return None
    most = sorted(counted["levels"].items(), key=lambda each: -each[1])[:_MOST_LEVELS]
    names = [name for name, _ in most]
    own = names.index(level) if level in names else None
    words = _missing_words(standing) if level is None else _level_words(standing)
    return Distribution(*_columns([count for _, count in most], own), None, words)


def number_words(standing: Standing, *, is_missing: bool) -> str:
    """Where a number stands, in words.

    >>> number_words(Standing(0.95, 0.05, 0.0, 0.0, is_exact=False), is_missing=False)
    'in the top 5 % of the training records'
    >>> number_words(Standing(0.004, 0.6, 0.396, 0.0, is_exact=False), is_missing=False)
    'lower than 39 % of the training records'
    """
    if is_missing:
        return _missing_words(standing)
    below, same, above = (math.floor(100 * share + _ROUNDING) for share in standing[:3])
    if not standing.same and 0.0 in (standing.above, standing.below):
        return say("common.lowest" if standing.above else "common.highest")
    if standing.is_exact and same >= max(below, above):
        return say("common.as", percent=max(same, 1))
    if not standing.is_exact and standing.same and 0.0 in (standing.above, standing.below) and standing.same < 0.5:
        return say(
            "common.bottom" if standing.above else "common.top",
            percent=max(1, math.ceil(100 * standing.same - _ROUNDING)),
        )
    if min(below, above) and max(below, above) < 50:
        return say("common.between", below=below, above=above)
    if not max(below, above):  # nearly all are in one bin with it, where nobody knows on which side
        side, share = "among", same
    else:
        side, share = ("above", below) if below >= above else ("below", above)
    return say(f"common.{side}", percent=share)


def _missing_words(standing: Standing) -> str:
    return say("common.missing", percent=_share(standing.missing)) if standing.missing else say("common.never_missing")


def _level_words(standing: Standing) -> str:
    return say("common.level", percent=_share(standing.same)) if standing.same else say("common.unseen")


def _share(share: float) -> str:
    return f"{100 * share:.0f}" if share >= 0.01 else say("common.less_than_one")


def _axis(edges: list[float]) -> Callable[[float], float]:
    """Numbers to places from 0 to 1: evenly, or towards both ends ever closer, where few values are far from the others."""
    low, high = edges[0], edges[-1]
    inner = edges[len(edges) // 10], edges[-1 - len(edges) // 10]
    width = (inner[1] - inner[0]) or (high - low)
    if (high - low) / width < _SKEWED:
        return lambda value: (value - low) / (high - low)
    middle = edges[len(edges) // 2]
    scale = width / 4

    def compressed(value: float) -> float:
        return math.asinh((value - middle) / scale)

    begin, end = compressed(low), compressed(high)
    return lambda value: (compressed(value) - begin) / (end - begin)


def _spread(edges: list[float], counts: list[int], place: Callable[[float], float]) -> list[float]:
    """The counts of bins, spread over columns of equal width: the part of each bin that lies in a column."""
    ends = [_COLUMNS * place(edge) for edge in edges]
    below = list(accumulate(counts, initial=0))

    def cumulative(at: float) -> float:
        bin_ = next((index for index, end in enumerate(ends[1:]) if at <= end), len(counts) - 1)
        width = ends[bin_ + 1] - ends[bin_]
        part = min(1.0, max(0.0, (at - ends[bin_]) / width)) if width > 0 else 1.0
        return below[bin_] + part * counts[bin_]

    reached = [cumulative(float(column)) for column in range(_COLUMNS + 1)]
    return [after - before for before, after in pairwise(reached)]


def _columns(heights: list[Any], own: int | None) -> tuple[str, str]:
    """The path of columns, and that of one of them."""
    if not heights or (most := max(heights)) <= 0:
        return "", ""
    width = WIDTH / len(heights)
    gap = 1.0 if width > 4 else 0.0
    drawn = [
        f"M{index * width + gap / 2:.1f} {HEIGHT}v-{max(0.8, (HEIGHT - 2) * height / most):.1f}h{width - gap:.1f}V{HEIGHT}z"
        for index, height in enumerate(heights)
        if height > 0
    ]
    tall = [index for index, height in enumerate(heights) if height > 0]
    return "".join(drawn), drawn[tall.index(own)] if own in tall else ""
