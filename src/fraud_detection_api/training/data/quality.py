"""Signs that values are not what they seem: numbers that mean missing, stray levels, copies, times out of order."""

import re
from collections.abc import Callable, Iterator
from itertools import permutations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraud_detection_api.report.document import words_for
from fraud_detection_api.statistics.metrics import roc_auc
from fraud_detection_api.statistics.scored import ScoredTest
from fraud_detection_api.tables.remarks import sentinel_lines
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.leaks import DUPLICATE_SHARE, record_hashes

RARE = 0.01
"""A value of at most this share of the records may be an error. More are a habit of the source."""
MOST_ZEROS = 0.1
FAR_STEPS, FAR_SHARE = 10, 0.1  # a zero is far away by steps between the other values, and by a share of their median
FAR_YEARS = 1.0
TOO_GOOD_AUC = 0.99
INDEPENDENT_COPIES = 10
"""Copies are suspicious if there are so many times more than independent columns would make by chance."""
_SECONDS_A_YEAR = 365.25 * 86_400
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")


def quality_notes(data: Dataset) -> list[str]:
    """What to check in the training records: a sentence for each finding, with names of columns and counts."""
    return [note for check in _CHECKS for note in check(data)]


def too_good(is_fraud: NDArray[np.bool_], probability: NDArray[np.float64], purpose: str) -> list[str]:
    """A note where the model ranks the test part almost without an error: columns together may give the target away."""
    strength = roc_auc(ScoredTest.sort(is_fraud, probability), np.ones(len(is_fraud)))
    if strength < TOO_GOOD_AUC:
        return []
    event = words_for(purpose).event
    found = f"the model ranks the test part almost without an error (ROC AUC {strength:.4f})"
    question = f"is every column known when a record is scored, or are some only known after the {event} was found?"
    return [f"{found}: {question} See “Importance of columns”"]


def _numbers(data: Dataset) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """The numeric features with the values that are present."""
    for name, feature in data.contract.features.items():
        if feature.dtype in ("int", "float"):
            column = data.columns[name]
            yield name, column[~np.isnan(column)]


def _zeros(data: Dataset) -> Iterator[str]:
    for name, column in _numbers(data):
        zeros = int((column == 0).sum())
        others = column[column != 0]
        if not 0 < zeros <= MOST_ZEROS * len(column) or others.min() <= 0:
            continue
        different = np.unique(others)
        step = float(np.median(np.diff(different))) if len(different) > 1 else np.inf
        if different[0] >= max(FAR_STEPS * step, FAR_SHARE * float(np.median(others))):
            yield (
                f"{name!r} is 0 in {zeros:,} training records, and {different[0]:g} to {different[-1]:g} in all others: if "
                '0 means missing, declare missing = ["0"] and nullable = true'
            )


def _sentinels(data: Dataset) -> Iterator[str]:
    for name, column in _numbers(data):
        yield from (f"{name!r}: {line.removeprefix('# ')}" for line in sentinel_lines(pl.Series(column)))


def _stray_levels(data: Dataset) -> Iterator[str]:
    """A few records with a number where all others have a name."""
    for name, levels in data.records.levels.items():
        counts = np.bincount(data.level_numbers(name), minlength=len(levels) + 1)[:-1]
        counted = {level: int(count) for level, count in zip(levels, counts, strict=True) if count}
        strays = {level: count for level, count in counted.items() if _NUMBER.fullmatch(level)}
        names = [level for level in counted if level not in strays]
        if not strays or len(names) <= len(strays) or any(re.search(r"\d", level) for level in names):
            continue
        if sum(strays.values()) <= RARE * len(data):
            shown = ", ".join(f"“{level}” ({count:,})" for level, count in sorted(strays.items()))
            marked = ", ".join(f'"{level}"' for level in sorted(strays))
            yield (
                f"{name!r} has levels that look like numbers, {shown}, beside {len(names):,} names: if they mean missing, "
                f"declare missing = [{marked}] and nullable = true"
            )


def _copies(data: Dataset) -> Iterator[str]:
    _, which, counts = np.unique(record_hashes(data), return_inverse=True, return_counts=True)
    copies = len(data) - len(counts)
    if copies <= max(DUPLICATE_SHARE * len(data), INDEPENDENT_COPIES * _copies_by_chance(data)):
        return
    frauds = np.bincount(which, data.is_fraud)
    torn = int(counts[(frauds > 0) & (frauds < counts)].sum())
    differing = f"; {torn:,} records have a twin with another outcome" if torn else ""
    yield (
        f"{copies:,} of {len(data):,} training records repeat an earlier one, with the same features{differing}: if they "
        "are copies, remove them, because the model takes each for a separate case"
    )


def _copies_by_chance(data: Dataset) -> float:
    """How many pairs of records would agree in all columns if columns were independent."""
    agree = 0.0
    for name in data.records.column_names:
        counts = np.unique(data.records.values(name, data.rows), return_counts=True, equal_nan=True)[1]
        agree += float(np.log(np.sum(np.square(counts / len(data)))))
    return len(data) ** 2 / 2 * float(np.exp(agree))


def _times(data: Dataset) -> dict[str, NDArray[np.float64]]:
    times = {name: data.columns[name] for name in data.records.times}
    if data.contract.time is not None and data.seconds is not None:
        times[data.contract.time.name] = data.seconds
    return times


def _order_of_times(data: Dataset) -> Iterator[str]:
    """Pairs of times of which nearly all records have the same one first."""
    for (first, starts), (second, ends) in permutations(_times(data).items(), 2):
        both = ~np.isnan(starts) & ~np.isnan(ends)
        wrong = int((starts[both] > ends[both]).sum())
        if 0 < wrong <= RARE * both.sum() and (starts[both] < ends[both]).mean() > 1 / 2:
            yield (
                f"{first!r} is after {second!r} in {wrong:,} of {int(both.sum()):,} training records, and not in others: "
                "are these times right?"
            )


def _far_times(data: Dataset) -> Iterator[str]:
    """A few times that are years from all others, such as 1900 or 2099."""
    for name, column in _times(data).items():
        ordered = np.sort(column[~np.isnan(column)])
        most = int(RARE * len(ordered))
        for side, tail in (("before", ordered[: most + 1]), ("after", ordered[len(ordered) - most - 1 :])):
            gaps = np.diff(tail)
            if gaps.size and gaps.max() > FAR_YEARS * _SECONDS_A_YEAR:
                at = int(gaps.argmax()) + 1
                far = at if side == "before" else len(tail) - at
                yield f"{name!r} is more than a year {side} all others in {far:,} training records: are these times right?"


_CHECKS: tuple[Callable[[Dataset], Iterator[str]], ...] = (
    _zeros,
    _sentinels,
    _stray_levels,
    _copies,
    _order_of_times,
    _far_times,
)
