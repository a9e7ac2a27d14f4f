"""Signs that a model will look better than it is: columns that reveal the target, ids, duplicated records."""

import re
from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraud_detection_api.report.document import words_for
from fraud_detection_api.statistics.metrics import roc_auc
from fraud_detection_api.statistics.scored import ScoredTest
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.splits import Split

TELLTALE_AUC = 0.97
"""A column that ranks frauds this well by itself is more likely a consequence of the fraud than a sign of it."""
SAMPLE_ROWS = 100_000
BINS = 256
FEWEST_ROWS = 500
DUPLICATE_SHARE = 0.01
_ID_NAME = re.compile(r"(^|[_\s-])(id|ids|uuid|guid|nr|key|no|number)$", re.IGNORECASE)


def leak_warnings(data: Dataset, split: Split) -> list[str]:
    """What to check before the model is trusted: a sentence for each finding, with names of columns."""
    learned = data.take(split.train)
    sample = learned.take(np.linspace(0, len(learned) - 1, min(len(learned), SAMPLE_ROWS)).astype(np.int64))
    return [*_telltale_columns(sample), *_constant_columns(learned), *_id_columns(learned), *_duplicates(data, split)]


def _constant_columns(data: Dataset) -> Iterator[str]:
    for name in data.records.column_names:
        column = data.records.values(name, data.rows)
        present = column[~np.isnan(column)]
        if not present.size or (present.size == len(column) and present.min() == present.max()):
            state = "is empty in" if not present.size else "has one value in"
            yield f"{name!r} {state} all training records, and has no effect: is the file complete?"


def _telltale_columns(data: Dataset) -> Iterator[str]:
    for name in data.records.column_names:
        strength = _strength(data.records.values(name, data.rows), data.is_fraud)
        if strength >= TELLTALE_AUC:
            yield (
                f"{name!r} alone nearly determines the target (ROC AUC {strength:.3f}): is it known when a record is "
                f"scored, or only after the {words_for(data.contract.purpose).event} was found?"
            )


def _strength(column: NDArray[np.float32], is_fraud: NDArray[np.bool_]) -> float:
    """ROC AUC of the fraud rate of a column's bin, learned from one half of the records and measured on the other.

    Bins of equal count, and one for missing: a column that determines the target comes near 1, whatever the relation.
    """
    present = column[~np.isnan(column)]
    cuts = np.unique(np.quantile(present, np.linspace(0, 1, BINS + 1))) if present.size else np.empty(0)
    bins = np.where(np.isnan(column), len(cuts) + 1, np.searchsorted(cuts, column, side="right"))
    half = np.arange(len(column)) % 2 == 0
    strengths = [_strength_of_bins(bins, is_fraud, learned) for learned in (half, ~half)]
    return min(strengths)


def _strength_of_bins(bins: NDArray[np.int64], is_fraud: NDArray[np.bool_], learned: NDArray[np.bool_]) -> float:
    size = int(bins.max()) + 1
    counts = np.bincount(bins[learned], minlength=size)
    rates = (np.bincount(bins[learned], is_fraud[learned], minlength=size) + is_fraud.mean()) / (counts + 1)
    measured = is_fraud[~learned]
    if not 0 < measured.sum() < len(measured):
        return 0.0
    return roc_auc(ScoredTest.sort(measured, rates[bins[~learned]]), np.ones(len(measured)))


def _id_columns(data: Dataset) -> Iterator[str]:
    if len(data) < FEWEST_ROWS:
        return
    for name, feature in data.contract.features.items():
        if feature.dtype == "category" and _mostly_different(data.level_numbers(name), share=0.5):
            yield f"{name!r} has a different level for most records: is it an id?"
        if feature.dtype == "int" and _numbers_records(data, name):
            yield f"{name!r} is different for nearly every record: if it is an id, list it under `ignored`"


def _numbers_records(data: Dataset, name: str) -> bool:
    """Whether whole numbers differ for nearly every record, and are dense like a counter or named like an id."""
    column = data.columns[name]
    present = column[~np.isnan(column)]
    if len(present) < FEWEST_ROWS:
        return False
    if _ID_NAME.search(name) and _mostly_different(present, share=0.99):
        return True
    count, spread = len(present), float(np.ptp(present))
    if not 0.99 * count - 1 <= spread < 2 * count:
        return False
    # float32 rounds whole numbers beyond 2**24 to its steps, so there are at most as many different numbers as steps; where
    # a fifth of the records is held out, some steps occur only there
    step = max(1.0, float(np.spacing(np.float32(np.abs(present).max()))))
    return len(np.unique(present)) >= (0.99 if step == 1 else 0.85) * min(count, spread / step + 1)


def _mostly_different(values: NDArray[np.generic], *, share: float) -> bool:
    return len(np.unique(values)) >= share * len(values)


def _duplicates(data: Dataset, split: Split) -> Iterator[str]:
    train, test = (record_hashes(data.take(rows)) for rows in (split.train, split.test))
    shared = int(np.isin(test, train).sum())
    if shared > DUPLICATE_SHARE * len(test):
        yield (
            f"{shared:,} of {len(test):,} test records also occur in the training part, with the same features: if they "
            "are copies, the figures are too good"
        )


def record_hashes(data: Dataset) -> NDArray[np.uint64]:
    """A number for each record, uint64 (n,): the same for the same features."""
    tables = {
        name: np.arange(len(levels) + 1, dtype=np.float32)[np.newaxis, :, np.newaxis]
        for name, levels in data.records.levels.items()
    }
    hashes = [pl.from_numpy(block).hash_rows(seed=0).to_numpy() for block in data.blocks(tables)]
    return np.concatenate(hashes)
