"""ModelFitter: from a dataset to a registered bundle, the same one for the same seed, or nothing at all."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial

import numpy as np
import polars as pl
import pytest

from fraud_detection_api.contract.loading import contract_from_toml, load_contract, parse_contract
from fraud_detection_api.errors import InvalidDataset, RegistryUnavailable
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.training import model_fitter
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.splits import SplitSettings
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from fraud_detection_api.training.evaluate import score_dataset
from fraud_detection_api.training.model_fitter import ModelFitter, fit_default_model
from fraud_detection_api.training.train_xgboost import XGBoostSettings
from support.builders import NOW, QUICK, credit_files, every_dtype_contract, every_dtype_files, every_dtype_frame
from support.fakes import InMemoryRegistry

TINY = XGBoostSettings(folds=2, max_rounds=5, max_bin=64)


@pytest.fixture(scope="module")
def dataset():
    return dataset_from_frame(simulate_credit_records(3000, seed=5), load_contract("credit"), source="simulated")


def fit(dataset, *, registry=None, now=NOW, on_progress=lambda _share: None, **fitter):
    made = ModelFitter(
        **{"registry": registry or InMemoryRegistry(), "seed": 1, "settings": TINY, "threads": 1}
        | {"training_shares": (), "refit": False, **fitter}
    )
    return made.fit(dataset, now=now, on_progress=on_progress)


@pytest.fixture(scope="module")
def registry():
    """Holds what was `fitted`."""
    return InMemoryRegistry()


@pytest.fixture(scope="module")
def shares():
    """The progress that was reported meanwhile."""
    return []


@pytest.fixture(scope="module")
def fitted(dataset, registry, shares):
    """For all who only look at it."""
    return fit(dataset, registry=registry, on_progress=shares.append)


def test_a_protected_feature_is_warned_of_and_changes_no_score(dataset, fitted, registry):
    document = dataset.contract.as_json()
    document["features"]["total_balance"]["protected"] = True
    marked = replace(dataset, contract=parse_contract(document, source="x"))
    other = InMemoryRegistry()
    card = fit(marked, registry=other).card
    assert card["warnings"][0].startswith("'total_balance' is protected")
    assert other.fetch("1")["forest.npz"] == registry.fetch(fitted.version)["forest.npz"]


def test_the_same_seed_gives_the_same_digest_on_any_threads_at_any_time(dataset, fitted):
    assert fit(dataset, threads=2, now=NOW + timedelta(days=400)).digest == fitted.digest


def test_the_bundle_holds_a_report_for_people(registry, fitted):
    files = registry.fetch(fitted.version)
    assert files["report.html"].startswith(b"<!DOCTYPE html>")
    assert files["card.md"].startswith(b"# Model card: credit")


def test_the_card_tells_what_calibration_changed(fitted):
    calibration = fitted.card["calibration"]
    assert calibration["method"] == "logistic"
    assert set(calibration["before"]) == {"expected_calibration_error", "brier", "log_loss"}
    assert calibration["after"]["log_loss"] < calibration["before"]["log_loss"]  # five rounds are far too few


def test_a_deployed_base_rate_moves_the_probabilities_to_it(dataset):
    registry = InMemoryRegistry()
    fit(dataset, registry=registry, settings=QUICK)
    fit(dataset, registry=registry, settings=QUICK, deployed_base_rate=0.2)
    means = [score_dataset(read_bundle(registry.fetch(v), source="x").scorer, dataset)[1].mean() for v in ("1", "2")]
    assert means[0] == pytest.approx(0.02, abs=0.005)
    assert means[1] > 3 * means[0]
    assert read_bundle(registry.fetch("2"), source="x").card["calibration"]["deployed_base_rate"] == 0.2


def test_constraints_of_the_contract_have_a_price():
    card = read_bundle(every_dtype_files(), source="test").card
    assert [price["constraints"] for price in card["constraint_prices"]] == [["amount_eur"]]
    assert set(card["constraint_prices"][0]["average_precision"]) == {"difference", "low", "high"}


def test_where_the_settings_come_from_is_on_the_card(fitted):
    assert "tuning" not in fitted.card


def test_a_leak_is_told_on_the_card():
    amounts = np.arange(2000.0) % 500
    frame = pl.DataFrame({"amount": amounts, "hour": np.arange(2000) % 24, "bad": (amounts >= 450).astype(int)})
    toml = 'name = "leak"\n[target]\nname = "bad"\n[features.amount]\ndtype = "float"\n[features.hour]\ndtype = "int"\n'
    card = fit(dataset_from_frame(frame, contract_from_toml(toml, source="leak.toml"), source="x")).card
    assert card["warnings"][0].startswith("'amount' alone nearly determines the target")


def test_another_seed_gives_another_digest(dataset, fitted):
    assert fit(dataset, seed=2).digest != fitted.digest


def test_other_settings_give_another_digest(dataset, fitted):
    assert fit(dataset, settings=replace(TINY, max_depth=2)).digest != fitted.digest


def test_other_data_give_another_digest(dataset, fitted):
    assert fit(replace(dataset, digest="sha256:1")).digest != fitted.digest


def test_what_was_registered_is_what_was_fitted(dataset, registry, fitted):
    bundle = read_bundle(registry.fetch(fitted.version), source="test")
    assert bundle.digest == fitted.digest
    assert bundle.card == fitted.card
    assert bundle.contract == dataset.contract


def test_registering_makes_no_champion(registry, fitted):
    assert registry.assigned("champion") is None


def test_the_bundle_is_stamped_in_utc(dataset):
    registry = InMemoryRegistry()
    local = datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    version = fit(dataset, registry=registry, now=local).version
    assert read_bundle(registry.fetch(version), source="test").created_at == "2025-12-31T23:30:00Z"


def test_the_card_says_what_the_model_was_made_from(dataset, fitted):
    card = fitted.card
    assert card["contract"] == {"name": "credit", "fingerprint": dataset.contract.fingerprint}
    frauds = int(dataset.is_fraud.sum())
    assert card["data"] == {"rows": 3000, "frauds": frauds, "period": None, "digest": dataset.digest}
    assert card["features"][:2] == ["number_of_open_accounts", "total_credit_limit"]
    assert "credit_utilisation" in card["features"]
    assert sum(card["split"][part]["rows"] for part in ("train", "test")) == 3000
    assert card["split"]["test"]["rows"] in range(599, 603)
    assert card["purpose"] == "fraud"
    assert card["warnings"] == card["constraint_prices"] == []
    assert card["training"]["seed"] == 1
    assert card["training"]["settings"]["max_rounds"] == 5
    assert set(card["software"]) == {"fraud-detection-api", "python", "xgboost", "numpy", "polars"}


def test_the_evaluation_is_of_the_test_part_alone(fitted):
    assert fitted.evaluation.rows == fitted.card["split"]["test"]["rows"]
    assert fitted.evaluation.frauds == fitted.card["split"]["test"]["frauds"]


def test_the_limit_is_known_for_simulated_records(fitted):
    assert fitted.evaluation.bayes_limits["roc_auc"] is not None


def test_no_limit_is_known_for_other_records(dataset):
    evaluation = fit(replace(dataset, known_probability=None)).evaluation
    assert not evaluation.bayes_limits


def test_the_reference_describes_the_training_part(registry, fitted):
    reference = read_bundle(registry.fetch(fitted.version), source="test").reference
    balance = reference["features"]["total_balance"]
    assert sum(balance["counts"]) + balance["missing"] in range(2397, 2402)


@pytest.fixture(scope="module")
def refitted(dataset, registry):
    return fit(dataset, registry=registry, refit=True)


def test_a_refitted_model_is_trained_on_all_records_and_its_figures_are_those_of_the_training_part(
    dataset, registry, fitted, refitted
):
    assert refitted.card["evaluation"] == fitted.card["evaluation"]
    assert refitted.card["training"]["refit"]["rows"] == len(dataset)
    assert "refit" not in fitted.card["training"]
    both = [read_bundle(registry.fetch(model.version), source="x") for model in (fitted, refitted)]
    margins = [bundle.scorer.score(dataset.columns).margins for bundle in both]
    assert not np.array_equal(*margins)
    np.testing.assert_array_equal(refitted.measured.score(dataset.columns).margins, margins[0])
    assert sum(both[1].reference["features"]["total_balance"]["counts"]) > 2402
    assert registry.fetch(refitted.version)["report.html"].count(b"trained with the same settings on all 3,000 records")


def test_the_reference_of_the_score_is_of_the_model_that_is_registered(dataset, registry, fitted, refitted):
    """Those of the model that was measured would be drift from the first day on."""
    scores = [
        read_bundle(registry.fetch(model.version), source="x").scorer.score(dataset.columns)
        for model in (fitted, refitted)
    ]
    counted = read_bundle(registry.fetch(refitted.version), source="x").reference["probability"]
    other, own = (np.histogram(each.probabilities, counted["edges"])[0] for each in scores)
    assert np.abs(own - counted["counts"]).sum() <= 4  # edges are rounded as they are written
    assert np.abs(other - counted["counts"]).sum() > 40


def test_progress_reaches_1(fitted, shares):
    assert shares[-1] == 1.0


def test_a_contract_with_a_time_column_splits_by_it():
    bundle = read_bundle(every_dtype_files(), source="test")
    assert bundle.card["split"]["kind"] == "time"
    assert read_bundle(credit_files(), source="test").card["split"]["kind"] == "stratified"


def test_the_card_tells_the_settings_of_the_split():
    dataset = dataset_from_frame(every_dtype_frame(), every_dtype_contract(), source="made up")
    split = fit(dataset, split=SplitSettings(test_share=0.3, delay_days=30)).card["split"]
    assert (split["test_share"], split["delay_days"], split["test"]["rows"]) == (0.3, 30, 180)
    assert split["rows_in_delay"] == 600 - 180 - split["train"]["rows"] > 0


def test_the_test_part_does_not_touch_the_category_codes():
    frame = every_dtype_frame()
    latest = frame.sort("applied_at").tail(100)["application"].to_list()
    renamed = pl.when(pl.col("application").is_in(latest)).then(pl.lit("late")).otherwise(pl.col("channel"))
    registry = InMemoryRegistry()
    dataset = dataset_from_frame(frame.with_columns(channel=renamed), every_dtype_contract(), source="x")
    fit(dataset, registry=registry)
    codes = read_bundle(registry.fetch("1"), source="test").scorer.encoder.level_codes["channel"]
    assert "late" not in codes.levels
    assert set(codes.levels) == {"branch", "phone", "web"}


def test_categories_that_tell_fraud_are_learned_from():
    rng = np.random.default_rng(0)
    levels = rng.choice(["a", "b", "c"], 2000)
    rate = np.array([{"a": 0.02, "b": 0.1, "c": 0.6}[level] for level in levels])
    frame = pl.DataFrame({"level": levels, "bad": (rng.random(2000) < rate).astype(int)})
    contract = contract_from_toml(
        'name = "levels"\n[target]\nname = "bad"\n[features.level]\ndtype = "category"\n', source="levels.toml"
    )
    fitted = fit(dataset_from_frame(frame, contract, source="x"), settings=QUICK)
    assert fitted.evaluation.metrics["roc_auc"].estimate > 0.75


def test_a_feature_that_gives_the_target_away_is_learned_without_a_warning():
    amounts = np.arange(1000.0) % 500
    frame = pl.DataFrame({"amount": amounts, "bad": (amounts >= 450).astype(int)})
    contract = contract_from_toml(
        'name = "leak"\n[target]\nname = "bad"\n[features.amount]\ndtype = "float"\n', source="leak.toml"
    )
    registry = InMemoryRegistry()
    fitted = fit(dataset_from_frame(frame, contract, source="x"), settings=QUICK, registry=registry)
    assert fitted.evaluation.metrics["roc_auc"].estimate == 1.0
    read_bundle(registry.fetch("1"), source="test")


def test_a_feature_that_tells_nothing_gives_everybody_the_base_rate():
    frame = pl.DataFrame({"amount": [1.0, 1.0] * 500, "bad": [0] * 900 + [1] * 100})
    contract = contract_from_toml(
        'name = "flat"\n[target]\nname = "bad"\n[features.amount]\ndtype = "float"\n', source="flat.toml"
    )
    registry = InMemoryRegistry()
    fit(dataset_from_frame(frame, contract, source="x"), registry=registry)
    scorer = read_bundle(registry.fetch("1"), source="test").scorer
    _, probability = scorer.score({"amount": np.array([0.0, 1.0, np.nan])})
    assert probability == pytest.approx([0.1, 0.1, 0.1], abs=1e-3)


class FullRegistry(InMemoryRegistry):
    """A registry that cannot be written."""

    def register(self, files, **_contract):
        raise RegistryUnavailable("the registry cannot be written: No space left on device")


def test_a_registry_that_fails_is_told(dataset):
    with pytest.raises(RegistryUnavailable):
        fit(dataset, registry=FullRegistry())


def test_nothing_is_registered_of_a_dataset_that_is_too_small(dataset):
    registry = InMemoryRegistry()
    few = dataset_from_frame(simulate_credit_records(60, seed=1, fraud_rate=0.1), dataset.contract, source="few")
    with pytest.raises(InvalidDataset, match="each class"):
        fit(few, registry=registry)
    assert registry.versions() == []


@pytest.mark.parametrize("step", ["measure", "seal_bundle", "demonstrate", "report_html", "reference_histograms"])
def test_nothing_is_registered_where_a_step_fails(dataset, monkeypatch, step):
    def fail(*_arguments, **_options):
        raise MemoryError

    registry = InMemoryRegistry()
    monkeypatch.setattr(model_fitter, step, fail)
    with pytest.raises(MemoryError):
        fit(dataset, registry=registry)
    assert registry.versions() == []


def test_nothing_is_registered_where_progress_is_interrupted(dataset):
    def interrupt(_share):
        raise KeyboardInterrupt

    registry = InMemoryRegistry()
    with pytest.raises(KeyboardInterrupt):
        fit(dataset, registry=registry, on_progress=interrupt)
    assert registry.versions() == []


def test_the_card_says_from_when_to_when_the_records_are():
    card = read_bundle(every_dtype_files(), source="test").card
    assert card["data"]["period"] == ["2025-01-01T00:00:00Z", "2025-12-28T23:00:00Z"]
    assert card["split"]["kind"] == "time"


def test_the_default_model_is_a_credit_model_and_champion(monkeypatch):
    monkeypatch.setattr(model_fitter, "DEFAULT_ROWS", 5000)
    quick = partial(model_fitter.ModelFitter, settings=QUICK, threads=1)
    monkeypatch.setattr(model_fitter, "ModelFitter", quick)
    registry, shares = InMemoryRegistry(), []
    fitted = fit_default_model(registry, by="anna", now=NOW, on_progress=shares.append)
    assert registry.assigned("champion") == fitted.version == "1"
    bundle = read_bundle(registry.fetch("1"), source="test")
    assert bundle.contract.name == "credit"
    assert bundle.card["data"]["rows"] == 5000
    assert fitted.evaluation.bayes_limits["roc_auc"] is not None
    assert shares[-1] == 1.0
