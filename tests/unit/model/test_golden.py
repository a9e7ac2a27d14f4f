"""Golden rows are nobody's record, and any change of what a score depends on is seen in them."""

import json

import numpy as np
import pytest
import xgboost

from fraud_detection_api.contract.encoding import Encoder, LevelCodes
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.model.calibration import Calibration
from fraud_detection_api.model.engine import Scorer
from fraud_detection_api.model.golden import ROWS, golden_difference, golden_rows
from fraud_detection_api.model.trees.forest import Forest
from fraud_detection_api.tables.checking import check_table
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from support.builders import credit_files, every_dtype_files

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
