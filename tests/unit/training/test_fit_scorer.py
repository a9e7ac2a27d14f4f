"""A scorer is made of all records it is given, keeps the contract's directions, and is told what those cost."""

from dataclasses import replace

import numpy as np
import pytest

from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.training.calibrate import deployment_weights, uncalibrated
from fraud_detection_api.training.data.levels import learn_level_codes, split_by_sets
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from fraud_detection_api.training.evaluate import evaluate, score_dataset
from fraud_detection_api.training.fit_scorer import ScorerFitter, measure
from fraud_detection_api.training.train_xgboost import XGBoostSettings
from support.builders import every_dtype_contract, every_dtype_frame, labelled

SETTINGS = XGBoostSettings(folds=2, max_rounds=26, max_bin=64, learning_rate=0.3, colsample_bytree=1.0)
FITTER = ScorerFitter(SETTINGS, seed=1, threads=1)
ROWS = 1500
COLUMNS = 6


def contract_with(**directions: str):
    """A contract of the columns c0 to c5, with directions for some of them."""
    features = [
        f'[features.c{number}]\ndtype = "float"\n'
        + (f'monotone = "{directions[f"c{number}"]}"\n' if f"c{number}" in directions else "")
        for number in range(COLUMNS)
    ]
    return contract_from_toml('name = "x"\n[target]\nname = "bad"\n' + "".join(features), source="x.toml")


def data_of(**directions: str):
    """Records whose probability rises with c0 and falls with c1; the other columns tell nothing."""
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((ROWS, COLUMNS))
    is_fraud = rng.random(ROWS) < 1 / (1 + np.exp(2 - 1.5 * matrix[:, 0] + matrix[:, 1]))
    return labelled(is_fraud, matrix=matrix, contract=contract_with(**directions))


def prices_of(**directions: str):
    data = data_of(**directions)
    return FITTER.constraint_prices(data, FITTER.fit(data))


def test_a_scorer_has_the_codes_of_the_records_it_was_made_from():
    from fraud_detection_api.training.data.load import dataset_from_frame

    data = dataset_from_frame(every_dtype_frame(), every_dtype_contract(), source="x")
    fitted = FITTER.fit(data)
    assert fitted.scorer.encoder.level_codes == learn_level_codes(
        data, split_by_sets(data, SETTINGS.most_levels_by_sets)
    )
    assert fitted.scorer.encoder.contract is data.contract


def test_calibration_is_of_margins_that_no_booster_learned_from():
    fitted = FITTER.fit(data_of())
    assert fitted.held_out_margins.shape == (ROWS,)
    stated = fitted.scorer.calibration.probabilities(fitted.held_out_margins)
    assert stated.mean() == pytest.approx(data_of().base_rate, abs=0.002)


def test_the_contracts_directions_hold_in_the_scorer():
    data = data_of(c2="increasing", c0="decreasing")
    scorer = FITTER.fit(data).scorer
    grid = np.linspace(-3, 3, 40, dtype=np.float32)
    for column, sign in ((2, 1), (0, -1)):
        matrix = np.tile(data.records.matrix[0], (len(grid), 1))
        matrix[:, column] = grid
        assert (sign * np.diff(scorer.forest.margins(matrix)) >= 0).all()


def test_the_number_of_threads_decides_nothing():
    one, two = (replace(FITTER, threads=threads).fit(data_of(c0="increasing")).booster for threads in (1, 2))
    assert one == two


def test_where_another_share_is_met_probabilities_are_of_that_share():
    data = data_of()
    plain, shifted = (
        score_dataset(replace(FITTER, deployed_base_rate=share).fit(data).scorer, data) for share in (None, 0.01)
    )
    np.testing.assert_array_equal(plain[0], shifted[0])
    odds = [probability / (1 - probability) for _margins, probability in (plain, shifted)]
    expected = (0.01 / 0.99) / (data.base_rate / (1 - data.base_rate))
    assert np.median(odds[1] / odds[0]) == pytest.approx(expected, rel=0.02)


def test_without_directions_there_is_nothing_to_price():
    assert prices_of() == []


def test_a_direction_against_the_data_has_a_price_beyond_chance():
    (price,) = prices_of(c0="decreasing")
    assert price["constraints"] == ["c0"]
    for metric in ("average_precision", "roc_auc"):
        assert price[metric]["low"] <= price[metric]["difference"] <= price[metric]["high"] < 0


def test_a_direction_that_the_data_has_costs_next_to_nothing():
    (price,) = prices_of(c0="increasing")
    assert price["roc_auc"]["high"] > 0
    assert abs(price["roc_auc"]["difference"]) < 0.02


def test_of_several_directions_it_is_told_which_one_costs():
    together, honest, absurd = prices_of(c0="increasing", c1="increasing")
    assert [price["constraints"] for price in (together, honest, absurd)] == [["c0", "c1"], ["c0"], ["c1"]]
    assert together["roc_auc"]["high"] < 0
    assert absurd["roc_auc"]["high"] < 0
    assert abs(honest["roc_auc"]["difference"]) < 0.02


@pytest.mark.parametrize(("declared", "entries"), [(1, 1), (2, 3), (5, 6), (6, 1)])
def test_each_direction_is_priced_alone_where_there_are_two_to_five(declared, entries):
    prices = prices_of(**{f"c{number}": "increasing" for number in range(declared)})
    assert [len(price["constraints"]) for price in prices] == [declared, *[1] * (entries - 1)]


@pytest.mark.parametrize("directions", [{"c0": "increasing"}, {"c0": "increasing", "c1": "decreasing"}])
def test_progress_of_pricing_rises_to_1(directions):
    data, shares = data_of(**directions), []
    FITTER.constraint_prices(data, FITTER.fit(data), on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


SMALL_FITTER = ScorerFitter(XGBoostSettings(folds=2, max_rounds=12, max_bin=64, learning_rate=0.3), seed=1, threads=1)


def simulated(seed):
    frame = simulate_credit_records(1000, seed=seed, fraud_rate=0.1)
    return dataset_from_frame(frame, load_contract("credit"), source="simulated")


@pytest.fixture(scope="module")
def test_part():
    return simulated(2)


@pytest.fixture(scope="module")
def fitted():
    return SMALL_FITTER.fit(simulated(1))


def test_it_holds_what_the_scorer_says_and_how_good_that_is(fitted, test_part):
    measured = measure(SMALL_FITTER, fitted, test_part)
    margins, probability = score_dataset(fitted.scorer, test_part)
    np.testing.assert_array_equal(measured.probability, probability)
    np.testing.assert_array_equal(measured.raw_probability, uncalibrated(margins))
    known = test_part.known_probability
    assert measured.after == evaluate(test_part.is_fraud, probability, known_probability=known, seed=1)
    assert measured.before == evaluate(test_part.is_fraud, uncalibrated(margins), known_probability=known, seed=1)


def test_where_another_share_is_met_there_are_weights_and_no_known_limit(fitted, test_part):
    measured = measure(replace(SMALL_FITTER, deployed_base_rate=0.01), fitted, test_part)
    np.testing.assert_array_equal(measured.weights, deployment_weights(test_part.is_fraud, 0.01))
    assert measured.after.bayes_limits == {}


def test_datasets_fitted_side_by_side_give_the_scorers_that_each_gives_alone():
    every, half = data_of(), data_of().take(np.arange(ROWS // 2))
    alone = [FITTER.fit(data).booster for data in (half, every)]
    assert [fitted.booster for fitted in FITTER.fit_each([half, every])] == alone


def test_what_is_fitted_side_by_side_ends_when_its_progress_cannot_be_told():
    endless = XGBoostSettings(folds=2, max_rounds=10_000_000, early_stopping_rounds=10_000_000, max_bin=64)

    def stop(_share):
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        replace(FITTER, settings=endless, threads=2).fit_each([data_of(), data_of()], on_progress=stop)
