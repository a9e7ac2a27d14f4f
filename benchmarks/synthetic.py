"""Wide numeric records of any number, for measurements of time and memory."""

import numpy as np
import polars as pl

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.loading import contract_from_toml

TARGET = "is_fraud"
FRAUD_LOG_ODDS = -4.5


def numeric_frame(rows: int, columns: int, *, seed: int = 7) -> pl.DataFrame:
    """Float32 columns (at least 5) of independent normal values, of which the first five decide on fraud (about 2 %)."""
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame({f"x{number}": rng.standard_normal(rows, dtype=np.float32) for number in range(columns)})
    first = [frame[f"x{number}"].to_numpy() for number in range(5)]
    log_odds = FRAUD_LOG_ODDS + 0.4 * sum(first) + 0.3 * first[0] * first[1]
    return frame.with_columns(pl.Series(TARGET, rng.random(rows) < 1 / (1 + np.exp(-log_odds))).cast(pl.Int8))


def numeric_contract(columns: int) -> Contract:
    """The contract of `numeric_frame`."""
    features = "".join(f'[features.x{number}]\ndtype = "float"\n' for number in range(columns))
    return contract_from_toml(f'name = "synthetic"\n[target]\nname = "{TARGET}"\n{features}', source="synthetic")
