"""Reference histograms count every training record once, by value or as missing."""

import json

import numpy as np
import pytest
import xgboost

from fraud_detection_api.contract.encoding import Encoder, LevelCodes
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.model.calibration import Calibration
from fraud_detection_api.model.engine import Scorer
from fraud_detection_api.model.reference import (
    BINS,
    ROWS,
    golden_difference,
    golden_rows,
    histogram,
    level_counts,
    reference_histograms,
)
from fraud_detection_api.model.trees.forest import Forest
from fraud_detection_api.tables.checking import check_table
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from support.builders import credit_files, every_dtype_contract, every_dtype_files, every_dtype_frame


def test_bins_of_distinct_values_hold_equal_shares():
    described = histogram(np.arange(2000.0))
    assert len(described["counts"]) == BINS
    assert all(abs(count - 100) <= 1 for count in described["counts"])


def test_every_value_is_counted_once():
    values = np.random.default_rng(0).exponential(size=999)
    values[::10] = np.nan
    described = histogram(values)
    assert sum(described["counts"]) + described["missing"] == 999
    assert described["missing"] == 100


def test_the_edges_span_the_values_seen():
    described = histogram(np.array([3.0, -1.0, 8.0]))
    assert (described["edges"][0], described["edges"][-1]) == (-1.0, 8.0)


def test_the_last_bin_holds_its_right_edge():
    described = histogram(np.arange(0.0, 101.0))
    assert described["edges"][-1] == 100
    assert described["counts"][-1] == 6  # 95 to 100


def test_few_values_have_a_bin_each_so_that_a_flag_s_drift_shows():
    assert histogram(np.array([0.0, 0.0, 0.0, 1.0])) == {"edges": [0.0, 1.0, 1.0], "counts": [3, 1], "missing": 0}


def test_a_value_that_fills_whole_bins_has_one_of_its_own():
    mostly_zero = np.append(np.zeros(9_900), np.arange(1.0, 101.0))
    described = histogram(mostly_zero)
    assert described["edges"] == [0, 1, 100]
    assert described["counts"] == [9_900, 100]
    mostly_full = np.concatenate([np.arange(100.0), np.full(9_900, 100.0), np.arange(101.0, 111.0)])
    assert histogram(mostly_full)["edges"] == [0, 100, 101, 110]


def test_a_column_of_one_value_has_one_bin():
    assert histogram(np.full(7, 2.0)) == {"edges": [2.0, 2.0], "counts": [7], "missing": 0}


@pytest.mark.parametrize("values", [[], [np.nan, np.nan]])
def test_a_column_without_values_has_no_bins(values):
    assert histogram(np.array(values)) == {"edges": [], "counts": [], "missing": len(values)}


def test_levels_are_counted_by_name():
    levels = np.array(["web", None, "branch", "web"], dtype=object)
    assert level_counts(levels) == {"levels": {"branch": 1, "web": 2}, "missing": 1}
    assert level_counts(levels[2:]) == {"levels": {"branch": 1, "web": 1}, "missing": 0}


def test_every_feature_and_the_probability_are_described():
    contract, frame = every_dtype_contract(), every_dtype_frame(200)
    columns = check_table(frame, contract).columns
    described = reference_histograms(contract, columns, np.linspace(0, 1, 50))
    assert set(described["features"]) == set(contract.features)
    assert described["features"]["channel"]["missing"] == frame["channel"].null_count()
    assert sum(described["probability"]["counts"]) == 50


def test_the_description_is_json():
    contract = every_dtype_contract()
    columns = check_table(every_dtype_frame(200), contract).columns
    described = reference_histograms(contract, columns, np.linspace(0, 1, 200))
    assert json.loads(json.dumps(described, allow_nan=False)) == described


BUNDLES = {"credit": credit_files, "every dtype": every_dtype_files}


def golden_of(files) -> dict:
    return json.loads(files["golden.json"])


@pytest.fixture(params=BUNDLES)
def files(request):
    return BUNDLES[request.param]()


def test_a_sound_model_reproduces_its_golden_rows(files):
    bundle = read_bundle(files, source="test")
    assert golden_difference(golden_of(files), bundle.scorer.score) is None


def test_the_same_model_makes_the_same_golden_rows(files):
    bundle = read_bundle(files, source="test")
    made = golden_rows(bundle.contract, bundle.reference, bundle.scorer.score)
    assert json.loads(json.dumps(made)) == golden_of(files)


def test_there_are_as_many_golden_rows_as_said(files):
    golden = golden_of(files)
    assert {len(column) for column in golden["columns"].values()} == {ROWS}
    assert len(golden["margins"]) == len(golden["probabilities"]) == ROWS


def test_the_golden_rows_have_different_scores(files):
    assert len(set(golden_of(files)["margins"])) > ROWS / 4


def test_golden_rows_hold_missing_values_where_the_contract_allows_them():
    columns = golden_of(every_dtype_files())["columns"]
    assert None in columns["channel"]
    assert None in columns["is_employed"]
    assert None not in columns["amount_eur"]


def test_no_training_record_is_a_golden_row():
    golden = golden_of(credit_files())["columns"]
    frame = simulate_credit_records(6000, seed=1)
    records = set(zip(*(frame[name].cast(float).to_list() for name in golden), strict=True))
    assert records.isdisjoint(zip(*golden.values(), strict=True))


def test_a_changed_calibration_is_seen():
    files = credit_files()
    scorer = read_bundle(files, source="test").scorer
    knots = scorer.calibration.knots.copy()
    knots[1:-1] += np.minimum(1e-12, np.diff(knots)[1:])
    changed = Scorer(scorer.encoder, scorer.forest, Calibration(knots))
    assert "probability of" in golden_difference(golden_of(files), changed.score)


def test_a_changed_booster_is_seen():
    files = credit_files()
    scorer = read_bundle(files, source="test").scorer
    booster = xgboost.Booster(model_file=bytearray(files["booster.ubj"]))
    fewer = bytes(booster[: booster.num_boosted_rounds() - 1].save_raw(raw_format="ubj"))
    changed = Scorer(scorer.encoder, Forest.of_booster(fewer), scorer.calibration)
    assert "margin of" in golden_difference(golden_of(files), changed.score)


def test_a_changed_encoding_is_seen():
    files = every_dtype_files()
    bundle = read_bundle(files, source="test")
    codes = LevelCodes(dict.fromkeys(("web", "branch", "phone"), 0.9), unseen=0.9, missing=0.9)
    changed = Scorer(Encoder(bundle.contract, {"channel": codes}), bundle.scorer.forest, bundle.scorer.calibration)
    assert "margin of" in golden_difference(golden_of(files), changed.score)


def test_the_difference_says_how_many_rows_differ():
    files = credit_files()
    golden = golden_of(files)
    golden["margins"][0] += 1
    difference = golden_difference(golden, read_bundle(files, source="test").scorer.score)
    assert difference == "the margin of 1 of 64 golden rows is not reproduced"


def test_golden_rows_that_were_left_out_are_a_difference():
    files = credit_files()
    golden = golden_of(files)
    short = {
        "columns": {name: column[:1] for name, column in golden["columns"].items()},
        "margins": golden["margins"][:1],
        "probabilities": golden["probabilities"][:1],
    }
    assert golden_difference(short, read_bundle(files, source="test").scorer.score).startswith("it has 1 golden rows")


def test_a_feature_without_any_value_is_missing_in_every_golden_row():
    bundle = read_bundle(credit_files(), source="test")
    features = {**bundle.reference["features"], "total_balance": {"edges": [], "counts": [], "missing": 9}}
    made = golden_rows(bundle.contract, {**bundle.reference, "features": features}, bundle.scorer.score)
    assert set(made["columns"]["total_balance"]) == {None}
    assert golden_difference(made, bundle.scorer.score) is None


def test_golden_columns_are_read_back_as_the_table_gives_them():
    import polars as pl

    files = every_dtype_files()
    bundle = read_bundle(files, source="test")
    golden = golden_of(files)
    channels = pl.DataFrame({"channel": golden["columns"]["channel"]})
    checked = check_table(channels, bundle.contract).columns["channel"]
    assert checked.tolist() == golden["columns"]["channel"]
