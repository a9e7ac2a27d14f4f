"""The target's column of a file: what was found out about each record."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.written import MISSING_MARKERS

_SAME = {"1": "true", "true": "1", "0": "false", "false": "0"}


def target_column(series: pl.Series, contract: Contract) -> pl.Series:
    """The target's column, null where it says that the value is missing."""
    if isinstance(series.dtype, pl.Categorical | pl.Enum):
        series = series.cast(pl.String)
    if series.dtype != pl.String:
        return series.fill_nan(None) if series.dtype.is_float() else series
    texts, own = series.str.strip_chars(), contract.written(series.name).missing
    markers = {"", *(each.lower() for each in own)}
    if not isinstance(contract.target.positive, str):  # a text may be one of these words
        markers |= MISSING_MARKERS
    return texts.set(texts.str.to_lowercase().is_in(list(markers)), None)


def is_positive(series: pl.Series, contract: Contract) -> NDArray[np.bool_]:
    """Whether each value means fraud, bool (n,); a missing one does not. A boolean is 1 or 0, as in a feature."""
    positive = str(contract.target.positive).lower()
    alike = [positive, *([_SAME[positive]] if positive in _SAME else [])]
    texts = series.cast(pl.String).str.strip_chars().str.to_lowercase().str.replace(r"\.0$", "")
    return texts.is_in(alike).fill_null(value=False).to_numpy()


def written_negative(contract: Contract) -> bool | int | str:
    """The value that exports write for a record that is no fraud.

    A contract names the positive value alone: of numbers, the other one is 0, but 1 of 0 and -1, and 1 of 2.
    """
    positive = contract.target.positive
    if isinstance(positive, bool):
        return not positive
    return f"not {positive}" if isinstance(positive, str) else int(positive in _OTHER_IS_ONE)


_OTHER_IS_ONE = {0, -1, 2}

MOST_LEVELS = 1_000
"""More different values are not counted."""


@dataclass
class TargetLevels:
    """The different values of a target's column, each with its first row, and how many rows and frauds there are."""

    contract: Contract
    negative: dict[str, int] = field(default_factory=dict)
    positive: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    frauds: int = 0

    def add(self, column: pl.Series) -> None:
        """Add the next rows, of a column as `target_column` gives it."""
        fraud = pl.Series(is_positive(column, self.contract))
        for levels, some in ((self.positive, fraud), (self.negative, ~fraud)):
            rows = pl.DataFrame({"level": column.cast(pl.String), "row": np.arange(len(column)) + self.rows + 1})
            first = rows.filter(some).drop_nulls().unique("level", keep="first", maintain_order=True)
            for level, row in first.iter_rows():
                if len(levels) <= MOST_LEVELS:
                    levels.setdefault(level, row)
        self.rows, self.frauds = self.rows + len(column), self.frauds + int(fraud.sum())

    def problems(self) -> list[str]:
        """What is wrong where there are more than two values, or two and none is the positive one."""
        name, count = self.contract.target.name, len(self._levels)
        if count > 2:
            number = f"more than {MOST_LEVELS:,}" if count > MOST_LEVELS else f"{count}"
            third = f"row {sorted(self._levels.values())[2]} has the third"
            fix = "leave out rows whose outcome is not known yet, and write the rest as two values"
            return [f"target {name} has {number} different values and must have two: {third}; {fix}"]
        return [self.single_class("no row")] if count == 2 and not self.positive else []

    def warning(self) -> str | None:
        """What to say where no row means fraud, though some rows say what they are. That may be true."""
        target = self.contract.target
        if self.frauds or not self.negative:
            return None
        return f"no row has the value {target.positive!r} in {target.name}: no event is known as fraud"

    def single_class(self, share: str) -> str:
        """The problem that all rows are of one class; `share` says which have the positive value."""
        target = self.contract.target
        fix = f"positive = {target.positive!r} in the contract's [target] must occur, and another value too"
        return f"target {target.name} has a single class: {share} of {self.rows} has that value; {fix}"

    @property
    def _levels(self) -> dict[str, int]:
        """The values, where that of exports and another one are one negative value."""
        exported = str(written_negative(self.contract)) if isinstance(self.contract.target.positive, str) else None
        others = {level: row for level, row in self.negative.items() if level != exported}
        return {**self.positive, **(others or self.negative)}
