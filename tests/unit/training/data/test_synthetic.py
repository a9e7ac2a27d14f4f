"""The simulator's records look like a bureau's, and its probabilities are exact."""

from __future__ import annotations

import io
import math

import numpy as np
import polars as pl
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from fraud_detection_api.training.data import synthetic
from fraud_detection_api.training.data.synthetic import (
    FRAUD,
    LEGITIMATE,
    Behaviour,
    simulate_credit_records,
    true_fraud_probability,
)

ROWS = 200_000
FEATURES = (
    "number_of_open_accounts",
    "total_credit_limit",
    "total_balance",
    "number_of_accounts_in_arrears",
)


@pytest.fixture(scope="module")
def records() -> pl.DataFrame:
    return simulate_credit_records(ROWS, seed=20)


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


def deviation_in_standard_errors(frame: pl.DataFrame) -> float:
    """Expected minus seen frauds, over the standard deviation of the seen ones."""
    probability = frame["true_fraud_probability"].to_numpy()
    excess = float(probability.sum()) - float(frame["is_fraud"].sum())
    return excess / math.sqrt(float((probability * (1.0 - probability)).sum()))


def probability_of_record(behaviour: Behaviour, accounts: int, limit: float, balance: float, arrears: int) -> float:
    """P(recorded values | behaviour) from SciPy's distributions, steps integrated."""
    mean, shape = behaviour.accounts_mean - 1.0, behaviour.accounts_shape
    further = stats.nbinom(shape, shape / (shape + mean))
    in_range = further.cdf(synthetic.MAX_ACCOUNTS - 1)
    with_account = 1.0 - synthetic.NO_ACCOUNT_SHARE
    probability = with_account * further.pmf(accounts - 1) / in_range if accounts else synthetic.NO_ACCOUNT_SHARE
    probability *= stats.binom.pmf(arrears, accounts, behaviour.arrears)
    none = behaviour.no_limit if accounts else synthetic.NO_LIMIT_WITHOUT_ACCOUNT
    if limit:
        median = behaviour.first_limit * max(accounts, 1) ** behaviour.growth
        law = stats.lognorm(behaviour.limit_spread, scale=median)
        probability *= (1.0 - none) * (law.cdf(limit + 0.5) - law.cdf(limit - 0.5))
    else:
        probability *= none
    unit = synthetic.UTILISATION_UNIT
    level = stats.norm(math.asinh(behaviour.utilisation / unit), behaviour.utilisation_spread)
    cent = np.array([balance - 0.005, balance + 0.005])
    below, above = level.cdf(np.arcsinh(cent / (unit * (limit or synthetic.NOMINAL_LIMIT))))
    open_share = (1.0 - behaviour.settled) * (above - below)
    return float(probability * (open_share + behaviour.settled * (balance == 0.0)))


def test_columns_have_the_documented_names_types_and_order(
    records: pl.DataFrame,
) -> None:
    assert records.schema == pl.Schema(
        {
            "customer_id": pl.Int64,
            "number_of_open_accounts": pl.Int64,
            "total_credit_limit": pl.Float64,
            "total_balance": pl.Float64,
            "number_of_accounts_in_arrears": pl.Int64,
            "is_fraud": pl.Int8,
            "true_fraud_probability": pl.Float64,
        }
    )
    assert records.height == ROWS
    assert records.null_count().sum_horizontal().item() == 0


def test_same_seed_gives_the_same_bytes() -> None:
    once, again = (simulate_credit_records(5_000, seed=3) for _ in range(2))
    assert once.equals(again)
    assert parquet_bytes(once) == parquet_bytes(again)


def test_different_seeds_differ_in_every_column() -> None:
    one, other = (simulate_credit_records(5_000, seed=seed) for seed in (3, 4))
    assert not any(one[name].equals(other[name]) for name in one.columns)


def test_customer_ids_are_unique_positive_and_shuffled(records: pl.DataFrame) -> None:
    ids = records["customer_id"]
    assert ids.n_unique() == ROWS
    assert ids.min() > 0
    assert not ids.is_sorted()


def test_customer_id_says_nothing_about_fraud(records: pl.DataFrame) -> None:
    auc = roc_auc_score(records["is_fraud"], records["customer_id"])
    assert auc == pytest.approx(0.5, abs=0.02)


def test_amounts_are_whole_limits_and_balances_to_the_cent(
    records: pl.DataFrame,
) -> None:
    limit = records["total_credit_limit"].to_numpy()
    balance = records["total_balance"].to_numpy()
    assert (limit >= 0.0).all()
    assert (limit == np.rint(limit)).all()
    assert (balance == np.round(balance, 2)).all()
    assert not np.signbit(balance[balance == 0.0]).any()


def test_arrears_never_exceed_open_accounts(records: pl.DataFrame) -> None:
    accounts = records["number_of_open_accounts"]
    arrears = records["number_of_accounts_in_arrears"]
    assert accounts.is_between(0, synthetic.MAX_ACCOUNTS).all()
    assert (arrears >= 0).all()
    assert (arrears <= accounts).all()


def test_portfolio_looks_like_a_bureau(records: pl.DataFrame) -> None:
    honest = records.filter(pl.col("is_fraud") == 0)
    assert 10_000 <= records["total_credit_limit"].median() <= 20_000
    assert 7 <= records["number_of_open_accounts"].median() <= 9
    assert 0.05 <= (honest["number_of_accounts_in_arrears"] > 0).mean() <= 0.10
    assert 0.005 <= (records["total_credit_limit"] == 0).mean() <= 0.015
    assert 0.03 <= (records["total_balance"] < 0).mean() <= 0.08


def test_fraud_share_is_the_requested_one(records: pl.DataFrame) -> None:
    standard_error = math.sqrt(0.02 * 0.98 / ROWS)
    assert abs(records["is_fraud"].mean() - 0.02) < 4 * standard_error
    many = simulate_credit_records(20_000, seed=5, fraud_rate=0.3)
    assert many["is_fraud"].mean() == pytest.approx(0.3, abs=0.013)


def test_number_of_frauds_varies_like_independent_records() -> None:
    frauds = [simulate_credit_records(200, seed=seed, fraud_rate=0.3)["is_fraud"].sum() for seed in range(50)]
    assert 0.5 < np.var(frauds) / (200 * 0.3 * 0.7) < 1.6


def test_bayes_auc_lies_in_the_realistic_band(records: pl.DataFrame) -> None:
    auc = roc_auc_score(records["is_fraud"], records["true_fraud_probability"])
    assert 0.935 <= auc <= 0.955


def test_no_feature_alone_nor_utilisation_separates_fraud(
    records: pl.DataFrame,
) -> None:
    limit = pl.col("total_credit_limit")
    utilisation = pl.col("total_balance") / pl.when(limit > 0).then(limit).otherwise(1)
    for column in (*map(pl.col, FEATURES), utilisation):
        auc = roc_auc_score(records["is_fraud"], records.select(column).to_series())
        assert max(auc, 1.0 - auc) < 0.9


def test_true_probability_is_calibrated_in_every_bin(records: pl.DataFrame) -> None:
    edge = pl.col("true_fraud_probability") * 20
    bins = records.with_columns(bin=edge.cast(pl.Int64)).partition_by("bin")
    filled = [frame for frame in bins if frame.height > 200]
    assert len(filled) > 8
    assert all(abs(deviation_in_standard_errors(frame)) < 4 for frame in filled)


@pytest.mark.parametrize(
    "stratum",
    [
        pl.col("total_credit_limit") == 0,
        pl.col("total_balance") == 0,
        pl.col("number_of_open_accounts") > 30,
        pl.col("number_of_accounts_in_arrears") > 2,
        pl.col("total_balance") > 2 * pl.col("total_credit_limit"),
    ],
    ids=["no limit", "settled", "many accounts", "in arrears", "overdrawn"],
)
def test_true_probability_is_calibrated_in_rare_strata(records: pl.DataFrame, stratum: pl.Expr) -> None:
    assert abs(deviation_in_standard_errors(records.filter(stratum))) < 4


def test_posterior_matches_bayes_rule_over_scipy_distributions(
    records: pl.DataFrame,
) -> None:
    limit, balance = pl.col("total_credit_limit"), pl.col("total_balance")
    sample = pl.concat(
        records.filter(stratum).head(12)
        for stratum in (
            limit > 0,
            limit == 0,
            balance == 0,
            balance < 0,
            pl.col("is_fraud") == 1,
            pl.col("number_of_open_accounts") == 0,
        )
    )
    for record in sample.iter_rows(named=True):
        values = [record[name] for name in FEATURES]
        honest, fraud = (
            sum(b.share * probability_of_record(b, *values) for b in behaviours) for behaviours in (LEGITIMATE, FRAUD)
        )
        expected = 0.02 * fraud / (0.02 * fraud + 0.98 * honest)
        assert record["true_fraud_probability"] == pytest.approx(expected, rel=1e-2)


def test_simulated_column_is_the_public_function_of_the_record(
    records: pl.DataFrame,
) -> None:
    recomputed = true_fraud_probability(*(records[name] for name in FEATURES))
    stored = records["true_fraud_probability"].to_numpy()
    np.testing.assert_allclose(recomputed, stored, rtol=1e-12)


def test_balance_far_above_the_limit_is_probably_fraud() -> None:
    assert true_fraud_probability(23, 12_345, 200_000, 2)[0] > 0.5


def test_ordinary_record_is_hardly_ever_fraud() -> None:
    assert true_fraud_probability(8, 15_000, 1_800, 0)[0] < 0.01


def test_more_fraud_in_the_population_raises_the_probability() -> None:
    rates = (0.001, 0.02, 0.5, 0.999)
    probabilities = [true_fraud_probability(9, 9_000, 9_000, 1, fraud_rate=rate)[0] for rate in rates]
    assert probabilities == sorted(set(probabilities))


def test_probability_is_finite_for_every_legal_record() -> None:
    amounts = [0.0, 0.01, 1.0, 15_000.0, 1e12]
    accounts, limit, balance, arrears = (
        grid.ravel()
        for grid in np.meshgrid(
            [0, 1, 60, 61, 100_000],
            amounts,
            [*amounts, -0.01, -15_000.0, -1e12],
            [0, 1, 100_000],
        )
    )
    probability = true_fraud_probability(accounts, limit, balance, arrears)
    assert ((probability >= 0.0) & (probability <= 1.0)).all()


def test_single_record_and_more_rows_than_a_block_are_simulated() -> None:
    for rows in (1, synthetic.ROWS_PER_BLOCK, synthetic.ROWS_PER_BLOCK + 1):
        assert simulate_credit_records(rows, seed=0).height == rows


@pytest.mark.parametrize("rows", [0, -1])
def test_fewer_than_one_row_is_refused(rows: int) -> None:
    with pytest.raises(ValueError, match="rows"):
        simulate_credit_records(rows, seed=0)


@pytest.mark.parametrize("fraud_rate", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_fraud_rate_outside_zero_and_one_is_refused(fraud_rate: float) -> None:
    with pytest.raises(ValueError, match="fraud_rate"):
        simulate_credit_records(10, seed=0, fraud_rate=fraud_rate)
    with pytest.raises(ValueError, match="fraud_rate"):
        true_fraud_probability(1, 1, 1, 0, fraud_rate=fraud_rate)


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="broadcast"):
        true_fraud_probability([1, 2], [1, 2, 3], 1, 0)


@pytest.mark.parametrize("behaviours", [LEGITIMATE, FRAUD], ids=["legitimate", "fraud"])
def test_shares_within_a_class_sum_to_one(behaviours: tuple[Behaviour, ...]) -> None:
    assert sum(b.share for b in behaviours) == pytest.approx(1.0, abs=1e-12)
