"""A protocol from file to rows, on a small stand-in for a credit file."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from benchmarks import run
from benchmarks.protocols import PROTOCOLS
from fraud_detection_api.contract.loading import contract_from_toml

CONTRACT = """
name = "uci"
[target]
name = "is_fraud"
[features.limit]
dtype = "float"
unit = "EUR"
[features.bill]
dtype = "float"
unit = "EUR"
[features.job]
dtype = "category"
nullable = true
"""


class SmallProtocol(type(PROTOCOLS["2"])):
    """A protocol whose contract is the small one."""

    @property
    def contract(self):
        return contract_from_toml(CONTRACT, source="small")


@pytest.fixture
def small(tmp_path):
    """A protocol and its folder: those who use much of their limit are frauds, mostly."""
    rng = np.random.default_rng(5)
    limit, bill = rng.uniform(1, 9, 240), rng.uniform(1, 9, 240)
    is_fraud = (bill / limit > 2) ^ (rng.random(240) < 0.1)
    job = [[None, "clerk", "smith"][number % 3] for number in range(240)]
    frame = pl.DataFrame({"limit": limit, "bill": bill, "job": job, "is_fraud": is_fraud.astype(int)})
    frame.write_parquet(tmp_path / "small.parquet")
    fields = {name: getattr(PROTOCOLS["2"], name) for name in PROTOCOLS["2"].__dataclass_fields__}
    return SmallProtocol(**{**fields, "file": "small.parquet"}), tmp_path


@pytest.mark.slow
def test_ours_comes_first_then_rivals_then_tuned_then_the_published(small, monkeypatch):
    monkeypatch.setattr(run, "NEEDED", {**run.NEEDED, "LightGBM": "no_such_module", "CatBoost": "no_such_module"})
    said = []
    rows = run.measure_protocol(*small, minutes=0.001, defaults=True, rivals=True, say=said.append)
    names = [row.name for row in rows]
    rivals = ["XGBoost 3, defaults", "logistic regression (scikit-learn)", "random forest (scikit-learn)"]
    assert names[:5] == ["fraud-detection-api, default", *rivals, "fraud-detection-api, tuned"]
    assert all(row.source == "measured here" for row in rows[:5])
    assert all(row.seconds is None and row.calibration is None for row in rows[5:])
    assert sum("is not installed" in text for text in said) == 4


def test_the_rivals_of_scikit_learn_take_categories_and_missing_values(small):
    protocol, folder = small
    data = protocol.load(folder).following(protocol.contract)
    fold = protocol.folds(data)[0]
    train, test = data.take(fold.train), data.take(fold.test)
    for name in ("XGBoost 3, defaults", "logistic regression (scikit-learn)", "random forest (scikit-learn)"):
        probability = run.RIVALS[name](train, test)["probability"]
        assert probability.shape == (80,)
        assert np.all((probability >= 0) & (probability <= 1))


def test_tuning_is_left_out_where_a_protocol_is_too_small_for_it(small):
    protocol, folder = small
    rows = run.measure_protocol(
        replace(protocol, tuned_for=None), folder, minutes=1, defaults=True, rivals=False, say=lambda _text: None
    )
    assert [row.source for row in rows].count("measured here") == 1
