"""The target's column of a file: what was found out about each record."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.written import MISSING_MARKERS


def target_column(series: pl.Series, contract: Contract) -> pl.Series:
    """The target's column, null where it says that the value is missing."""
    if series.dtype != pl.String:
        return series
    texts, own = series.str.strip_chars(), contract.written(series.name).missing
    markers = {"", *(each.lower() for each in own)}
    if not isinstance(contract.target.positive, str):  # a text may be one of these words
        markers |= MISSING_MARKERS
    return texts.set(texts.str.to_lowercase().is_in(list(markers)), None)


def is_positive(series: pl.Series, contract: Contract) -> NDArray[np.bool_]:
    """Whether each value means fraud, bool (n,); a missing one does not."""
    positive = str(contract.target.positive).lower()
    texts = series.cast(pl.String).str.strip_chars().str.to_lowercase().str.replace(r"\.0$", "")
    return (texts == positive).fill_null(value=False).to_numpy()
