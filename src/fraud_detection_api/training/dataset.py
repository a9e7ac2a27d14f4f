"""Training data from CSV and Parquet files, checked against the contract before anything is learned from it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import Columns
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.files import UNNAMED, read_file
from fraud_detection_api.contract.table import check_table, read_column, rows_text
from fraud_detection_api.errors import InvalidDataset


@dataclass(frozen=True)
class Dataset:
    """Labelled records of one contract, in the file's order.

    `columns` as in `contract.columns`; `is_fraud` is bool (n,); `seconds` is float64 (n,) since 1970 where the contract
    has a time column; `known_probability` is float64 (n,) where the data is simulated; `digest` names the content.
    """

    contract: Contract
    columns: Columns
    is_fraud: NDArray[np.bool_]
    seconds: NDArray[np.float64] | None
    known_probability: NDArray[np.float64] | None
    digest: str

    def __len__(self) -> int:
        return len(self.is_fraud)

    def rows(self, chosen: NDArray[np.int64]) -> Columns:
        """The columns of the chosen rows, in that order."""
        return {name: column[chosen] for name, column in self.columns.items()}


def load_dataset(path: Path, contract: Contract) -> Dataset:
    """Dataset from a file. Raises InvalidDataset with everything that is wrong: columns, counts, first rows, no values."""
    return dataset_from_frame(read_file(path), contract, source=str(path))


def dataset_from_frame(frame: pl.DataFrame, contract: Contract, *, source: str) -> Dataset:
    """Dataset from a frame with the contract's columns and target; `source` names it in errors. Raises InvalidDataset."""
    problems = _column_problems(frame.columns, contract)
    if not frame.height:
        raise InvalidDataset(source, [*problems, "holds no rows"])
    check = check_table(frame, contract)
    problems += [problem for problem in check.problems if problem not in problems]
    if contract.target.name in frame.columns:
        problems += _target_problems(frame[contract.target.name], contract)
    if contract.time is not None and contract.time.name in frame.columns:
        _seconds, _unreadable, missing = read_column(frame[contract.time.name], "datetime")
        problems += (
            [f"{contract.time.name} is empty: {rows_text(np.flatnonzero(missing) + 1)}"] if missing.any() else []
        )
    problems += _known_probability_problems(frame, contract)
    if problems:
        raise InvalidDataset(source, problems)
    is_fraud = _is_positive(frame[contract.target.name], contract)
    seconds = check.columns[contract.time.name] if contract.time is not None else None
    digest = _digest(check.columns, is_fraud)
    return Dataset(contract, check.columns, is_fraud, seconds, _known_probability(frame, contract), digest)


def _column_problems(present: Sequence[str], contract: Contract) -> list[str]:
    target = contract.target
    required = [*contract.features, target.name, *([contract.time.name] if contract.time else [])]
    optional = [target.known_probability, contract.identifier.name if contract.identifier else None]
    problems = [f"column {name!r} is missing" for name in required if name not in present]
    known = {*required, *optional, *contract.ignored, UNNAMED}
    if extra := [name for name in present if name not in known]:
        listed = ", ".join(repr(name) for name in extra)
        problems.append(f"the contract does not know the columns {listed}; declare them, or list them under `ignored`")
    return problems


def _target_problems(series: pl.Series, contract: Contract) -> list[str]:
    name, problems = contract.target.name, []
    if series.null_count():
        rows = series.is_null().arg_true().to_numpy() + 1
        problems.append(f"target {name} is empty: {rows_text(rows)}")
    levels = series.drop_nulls().n_unique()
    if levels > 2:
        problems.append(f"target {name} has {levels} different values and must have two")
    positives = int(_is_positive(series, contract).sum())
    if levels <= 2 and positives in (0, len(series)):
        share = "no row" if positives == 0 else "every row"
        mend = f"positive = {contract.target.positive!r} in the contract's [target] must occur, and another value too"
        problems.append(f"target {name} has a single class: {share} of {len(series)} is fraud; {mend}")
    return problems


def _is_positive(series: pl.Series, contract: Contract) -> NDArray[np.bool_]:
    positive = _spelled(contract.target.positive)
    texts = series.cast(pl.String).str.strip_chars().str.to_lowercase().str.replace(r"\.0$", "")
    return (texts == positive).fill_null(value=False).to_numpy()


def _spelled(positive: Any) -> str:
    return str(positive).lower()


def _known_probability_problems(frame: pl.DataFrame, contract: Contract) -> list[str]:
    name = contract.target.known_probability
    if name is None or name not in frame.columns:
        return []
    within = frame[name].cast(pl.Float64, strict=False).is_between(0, 1).fill_null(value=False)
    rows = np.flatnonzero(~within.to_numpy()) + 1
    return [f"{name} must be within 0 to 1: {rows_text(rows)}"] if rows.size else []


def _known_probability(frame: pl.DataFrame, contract: Contract) -> NDArray[np.float64] | None:
    name = contract.target.known_probability
    if name is None or name not in frame.columns:
        return None
    return frame[name].cast(pl.Float64).to_numpy()


def _digest(columns: Columns, is_fraud: NDArray[np.bool_]) -> str:
    """Digest of what is learned from: the checked columns and the target, whatever file format they came in."""
    content = hashlib.sha256(is_fraud.tobytes())
    for name, column in columns.items():
        content.update(name.encode())
        content.update("\x1f".join(map(str, column)).encode() if column.dtype == object else column.tobytes())
    return "sha256:" + content.hexdigest()
