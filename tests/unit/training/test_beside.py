"""What stands beside a new model: a scorecard of the same records, and the champion where it reads them."""

import numpy as np
import polars as pl
import pytest

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.services.models.aliases import CHAMPION
from fraud_detection_api.training.beside import COMPARED, baseline_card, champion_beside
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.splits import SplitSettings, hold_out
from fraud_detection_api.training.fit_scorer import MeasuredTest, ScorerFitter
from fraud_detection_api.training.scorecard import Scorecard
from fraud_detection_api.training.train_xgboost import XGBoostSettings
from support.builders import credit_files, every_dtype_contract, every_dtype_files, every_dtype_frame
from support.fakes import InMemoryRegistry

ROWS = 4000
RNG = np.random.default_rng(3)
KIND = RNG.integers(0, 3, ROWS)
SIZE = RNG.normal(0, 1, ROWS)
FRAUD = RNG.random(ROWS) < 1 / (1 + np.exp(3 - 1.5 * SIZE - KIND))
TOML = """
name = "x"
[target]
name = "bad"
[features.size]
dtype = "float"
nullable = true
[features.kind]
dtype = "category"
"""


def data_of(size=SIZE):
    frame = pl.DataFrame({"size": size, "kind": np.array(["a", "b", "c"])[KIND], "bad": FRAUD.astype(int)})
    return dataset_from_frame(frame, contract_from_toml(TOML, source="x.toml"), source="x")


def measured_on(data, probability, weights=None) -> MeasuredTest:
    return MeasuredTest(data, np.zeros(len(data), np.float32), probability, probability, weights, None, None)


def test_a_scorecard_finds_what_is_linear_in_numbers_and_levels():
    card = Scorecard.fit(data_of(), deployed_base_rate=None)
    stated = card.probabilities(data_of())
    truth = 1 / (1 + np.exp(3 - 1.5 * SIZE - KIND))
    assert np.abs(stated - truth).mean() < 0.02
    assert card.columns == 4


def test_a_scorecard_flags_missing_numbers_and_knows_the_deployed_base_rate():
    size = np.where(np.arange(ROWS) % 4 == 0, np.nan, SIZE)
    card = Scorecard.fit(data_of(size), deployed_base_rate=0.01)
    assert card.columns == 5
    assert np.isfinite(card.probabilities(data_of(size))).all()
    assert card.probabilities(data_of(size)).mean() < FRAUD.mean() / 5


def test_the_model_is_measured_beside_the_scorecard_with_paired_intervals():
    fitter = ScorerFitter(XGBoostSettings(), 1)
    found = baseline_card(fitter, data_of(), measured_on(data_of(), np.where(FRAUD, 0.9, 0.1)))
    assert (found["records"], found["frauds"]) == (ROWS, int(FRAUD.sum()))
    assert set(found["differences"]) == set(COMPARED)
    for name, difference in found["differences"].items():
        assert difference["difference"] == pytest.approx(found["model"][name] - found["other"][name], abs=1e-5)
        assert difference["low"] <= difference["difference"] <= difference["high"]
    assert found["differences"]["roc_auc"]["low"] > 0


def champion_of(files, contract, frame):
    registry = InMemoryRegistry()
    registry.assign(CHAMPION, registry.register(files))
    data = dataset_from_frame(frame, contract, source="x")
    split = hold_out(data, SplitSettings(), seed=1)
    test = data.take(split.test)
    measured = measured_on(test, np.linspace(0.1, 0.9, len(test)))
    return champion_beside(registry, data, split, SplitSettings(), measured, seed=1)


def test_a_champion_that_was_trained_on_the_same_records_is_compared_and_said_to_know_them():
    found = champion_of(every_dtype_files(), every_dtype_contract(), every_dtype_frame())
    assert found["version"] == "1"
    assert not found["unseen"]


def test_a_champion_is_compared_on_records_later_than_those_it_was_trained_on():
    frame = every_dtype_frame()
    later = frame.with_columns(pl.col("applied_at").dt.offset_by("20y"))
    found = champion_of(every_dtype_files(), every_dtype_contract(), later)
    assert found["unseen"]
    assert found["records"] == len(
        hold_out(dataset_from_frame(later, every_dtype_contract(), source="x"), SplitSettings(), seed=1).test
    )


def test_a_champion_with_fewer_derived_features_reads_the_same_records():
    contract = every_dtype_contract()
    half = type(next(iter(contract.derived.values())))(formula="amount_eur / 2")
    more = contract.model_copy(update={"derived": {**contract.derived, "half": half}})
    assert champion_of(every_dtype_files(), more, every_dtype_frame()) is not None


@pytest.mark.parametrize("files", [credit_files, lambda: {**every_dtype_files(), "forest.npz": b"damaged"}])
def test_a_champion_of_other_records_or_a_damaged_one_is_left_out(files):
    assert champion_of(files(), every_dtype_contract(), every_dtype_frame()) is None


def test_without_a_champion_there_is_none_to_compare_with():
    assert champion_beside(InMemoryRegistry(), data_of(), None, SplitSettings(), None, seed=1) is None
