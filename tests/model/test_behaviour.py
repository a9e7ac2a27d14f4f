"""What a trained model does, whatever its numbers: directions, orders, and how near it comes to what is possible."""

import itertools
import json

import numpy as np
import polars as pl
import pytest

from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.model.bundle import Bundle, read_bundle
from fraud_detection_api.services.deciding.decisions import NEVER, DecisionService, Task
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.tables.checking import check_table
from fraud_detection_api.telemetry import Stopwatch
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from fraud_detection_api.training.evaluate import evaluate_bundle
from fraud_detection_api.training.model_fitter import ModelFitter
from fraud_detection_api.training.train_xgboost import XGBoostSettings
from support.builders import NOW, OVERDRAWN, record
from support.fakes import InMemoryRegistry
from support.scoring import fraud_probabilities

SETTINGS = XGBoostSettings(folds=2, max_rounds=150, max_bin=512, learning_rate=0.1)
BASE_RATE = 0.02
ARREARS = {"ACCOUNTS_IN_ARREARS", "ARREARS_SHARE"}

DIRECTED = """
name = "directed"
ignored = ["customer_id", "true_fraud_probability"]
[target]
name = "is_fraud"
[features.number_of_open_accounts]
dtype = "int"
minimum = 0
[features.total_credit_limit]
dtype = "float"
minimum = 0
monotone = "decreasing"
[features.total_balance]
dtype = "float"
[features.number_of_accounts_in_arrears]
dtype = "int"
minimum = 0
monotone = "increasing"
[derived.arrears_share]
formula = "number_of_accounts_in_arrears / max(number_of_open_accounts, 1)"
monotone = "increasing"
"""


def fitted(contract, *, seed: int, settings: XGBoostSettings = SETTINGS) -> Bundle:
    registry = InMemoryRegistry()
    dataset = dataset_from_frame(simulate_credit_records(20_000, seed=seed), contract, source="simulated")
    ModelFitter(registry, 7, settings, threads=1, training_shares=(), refit=False).fit(dataset, now=NOW)
    return read_bundle(registry.fetch("1"), source="test")


@pytest.fixture(scope="module")
def credit() -> Bundle:
    return fitted(load_contract("credit"), seed=7)


@pytest.fixture(scope="module")
def directed() -> Bundle:
    return fitted(contract_from_toml(DIRECTED, source="directed.toml"), seed=8)


@pytest.fixture(scope="module")
def unseen() -> pl.DataFrame:
    return simulate_credit_records(1500, seed=99)


def score(bundle: Bundle, frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return bundle.scorer.score(check_table(frame, bundle.contract).columns)


def test_the_auc_comes_near_the_bayes_limit(credit):
    later = dataset_from_frame(simulate_credit_records(20_000, seed=1234), credit.contract, source="later")
    found, _outcomes = evaluate_bundle(credit, later)
    auc, limit = found.metrics["roc_auc"].estimate, found.bayes_limits["roc_auc"]
    assert limit > 0.93
    assert auc > limit - 0.02


def test_probabilities_are_calibrated_on_unseen_records(credit):
    later = dataset_from_frame(simulate_credit_records(20_000, seed=4321), credit.contract, source="later")
    found, _outcomes = evaluate_bundle(credit, later)
    metrics = found.metrics
    assert metrics["expected_calibration_error"].estimate < 0.01
    assert metrics["log_loss"].estimate < found.bayes_limits["log_loss"] + 0.01


def test_the_given_overdrawn_record_is_well_above_the_base_rate(credit):
    (probability,) = fraud_probabilities(credit, [OVERDRAWN])
    assert probability > 20 * BASE_RATE


def test_an_ordinary_record_is_below_the_base_rate(credit):
    calm = record(
        number_of_open_accounts=8, total_credit_limit=15_000, total_balance=1500, number_of_accounts_in_arrears=0
    )
    (probability,) = fraud_probabilities(credit, [calm])
    assert probability < BASE_RATE


def test_more_arrears_never_lower_the_probability_where_that_is_declared(directed, unseen):
    for accounts in (3, 8, 20):
        for limit, balance in unseen.select("total_credit_limit", "total_balance").head(40).rows():
            records = [
                record(
                    number_of_open_accounts=accounts,
                    total_credit_limit=limit,
                    total_balance=balance,
                    number_of_accounts_in_arrears=arrears,
                )
                for arrears in range(accounts + 1)
            ]
            probabilities = fraud_probabilities(directed, records)
            assert probabilities == sorted(probabilities)


def test_a_higher_limit_never_raises_the_probability_where_that_is_declared(directed, unseen):
    limits = np.geomspace(1, 1e6, 60).tolist()
    for values in unseen.head(60).to_dicts():
        probabilities = fraud_probabilities(directed, [{**values, "total_credit_limit": limit} for limit in limits])
        assert probabilities == sorted(probabilities, reverse=True)


def test_declared_directions_are_used_and_not_only_obeyed(directed):
    late = [record(number_of_open_accounts=5, number_of_accounts_in_arrears=arrears) for arrears in (0, 5)]
    first, last = fraud_probabilities(directed, late)
    assert last > first


def test_raising_utilisation_does_not_make_an_ordinary_record_much_safer(credit):
    ordinary = record(number_of_open_accounts=8, total_credit_limit=12_000, number_of_accounts_in_arrears=0)
    shares = (0.3, 0.6, 0.9, 1.2, 1.6, 2.0)
    probabilities = fraud_probabilities(credit, [{**ordinary, "total_balance": 12_000 * share} for share in shares])
    for lower, higher in itertools.pairwise(probabilities):
        assert higher > lower / 2
    assert probabilities[-1] > 5 * probabilities[0]


def test_permuted_records_have_permuted_scores_to_the_bit(credit, unseen):
    order = np.random.default_rng(0).permutation(unseen.height)
    margins, probabilities = score(credit, unseen)
    permuted_margins, permuted_probabilities = score(credit, unseen[order.tolist()])
    np.testing.assert_array_equal(permuted_margins, margins[order])
    np.testing.assert_array_equal(permuted_probabilities, probabilities[order])


def test_a_batch_scores_as_its_records_do_one_by_one(credit, unseen):
    records = unseen.drop("is_fraud", "true_fraud_probability").head(600).to_dicts()
    singles = [fraud_probabilities(credit, [one])[0] for one in records]
    assert fraud_probabilities(credit, records) == singles


def test_a_file_scores_as_its_records_do(credit, unseen):
    _, probabilities = score(credit, unseen)
    assert probabilities.tolist() == fraud_probabilities(credit, unseen.to_dicts())


def test_the_order_of_a_records_fields_does_not_matter(credit):
    backwards = dict(reversed(list(OVERDRAWN.items())))
    assert fraud_probabilities(credit, [backwards]) == fraud_probabilities(credit, [OVERDRAWN])


def test_the_order_of_training_records_hardly_matters_to_quality(credit):
    frame = simulate_credit_records(20_000, seed=7)
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=1)
    registry = InMemoryRegistry()
    dataset = dataset_from_frame(shuffled, load_contract("credit"), source="shuffled")
    ModelFitter(registry, 7, SETTINGS, threads=1, training_shares=(), refit=False).fit(dataset, now=NOW)
    later = dataset_from_frame(simulate_credit_records(10_000, seed=55), load_contract("credit"), source="later")
    one = evaluate_bundle(credit, later)[0].metrics["roc_auc"].estimate
    other = evaluate_bundle(read_bundle(registry.fetch("1"), source="test"), later)[0].metrics["roc_auc"].estimate
    assert one == pytest.approx(other, abs=0.015)


def test_the_mean_probability_is_near_the_base_rate(credit):
    _, probabilities = score(credit, simulate_credit_records(20_000, seed=3))
    assert probabilities.mean() == pytest.approx(BASE_RATE, abs=0.004)


@pytest.mark.parametrize(
    "extreme",
    [
        {"total_balance": 1e12},
        {"total_balance": -1e12},
        {"total_credit_limit": 0, "total_balance": 0},
        {"total_credit_limit": 1e12},
        {"number_of_open_accounts": 0, "number_of_accounts_in_arrears": 0},
        {"number_of_open_accounts": 10_000, "number_of_accounts_in_arrears": 10_000},
    ],
    ids=str,
)
def test_extreme_records_have_a_probability(credit, extreme):
    (probability,) = fraud_probabilities(credit, [record(**extreme)])
    assert 0 <= probability <= 1


@pytest.mark.parametrize(
    ("settings", "wanted", "arrears_named"),
    [
        pytest.param(XGBoostSettings(), 1000, 0.9, id="default settings", marks=pytest.mark.slow),
        pytest.param(SETTINGS, 500, 0.85, id="few trees"),
    ],
)
def test_reasons_name_what_a_person_would_name(settings, wanted, arrears_named):
    """Random records whose outcome is adverse, and rules that were written by hand."""
    credit = fitted(load_contract("credit"), seed=7, settings=settings)
    records = simulate_credit_records(40 * wanted, seed=31).select(credit.contract.record_columns).to_dicts()
    decided = DecisionService(fallback="review").decide(
        Task(ServedModel("1", credit), explain=True, deadline=NEVER, watch=Stopwatch()), records
    )
    adverse = [
        (one, {reason["code"] for reason in json.loads(reasons)})
        for one, reasons, outcome in zip(records, decided.decisions.reasons, decided.decisions.outcomes, strict=True)
        if outcome != "approve"
    ][:wanted]
    assert len(adverse) == wanted
    overdrawn = [
        "UTILISATION_HIGH" in codes for one, codes in adverse if one["total_balance"] > one["total_credit_limit"]
    ]
    in_arrears = [bool(ARREARS & codes) for one, codes in adverse if one["number_of_accounts_in_arrears"] > 0]
    assert min(len(overdrawn), len(in_arrears)) > wanted / 10
    assert np.mean(overdrawn) > 0.97
    assert np.mean(in_arrears) > arrears_named  # the others have four reasons that are stronger
    without_debt = [codes for one, codes in adverse if one["total_balance"] <= 0]
    assert not any("UTILISATION_HIGH" in codes for codes in without_debt)
