"""A population in cells stands for its records, and tells of none of them."""

import json

import numpy as np
import pytest

from fraud_detection_api.policy.consequences import consequences
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.policy.population import CELL_ROWS, Population


def simulated(rows=40_000, *, seed=0, amounts=True, missing=0.1, weights=None):
    rng = np.random.default_rng(seed)
    probabilities = 1 / (1 + np.exp(-rng.normal(-5, 1.5, rows)))
    spent = np.where(rng.random(rows) < missing, np.nan, rng.lognormal(6, 1, rows)) if amounts else None
    return Population.of_records(rng.random(rows) < probabilities, probabilities, spent, weights)


def shares(policy, population):
    codes = policy.outcomes(population.probabilities, population.amounts)
    return np.bincount(codes, weights=population.counts, minlength=3) / population.counts.sum()


@pytest.mark.parametrize("rows", [1, 19, 80, 81, 400, 40_000])
@pytest.mark.parametrize("amounts", [True, False])
def test_cells_count_every_record_once(rows, amounts):
    population = simulated(rows, amounts=amounts)
    cells = population.cells()
    assert cells.counts.sum() == rows
    assert cells.fraud.sum() == population.fraud.sum()


def test_no_cell_with_an_amount_is_of_few_records():
    cells = simulated(missing=0.0).cells()
    assert cells.counts.min() >= CELL_ROWS


def test_cells_are_few():
    assert len(simulated().cells().counts) * 4 < 5000
    assert len(simulated(400_000).cells().counts) * 4 < 8000


@pytest.mark.parametrize("amounts", [True, False])
@pytest.mark.parametrize("review_cost", [5.0, 20.0, 50.0, 150.0])
def test_cells_give_the_shares_of_their_records(amounts, review_cost):
    population, policy = simulated(amounts=amounts), Policy(review_cost=review_cost)
    expected = shares(policy, population)
    assert shares(policy, population.cells()) == pytest.approx(expected, rel=0.12, abs=20 / 40_000)


def test_records_without_an_amount_have_cells_of_their_own():
    cells = simulated().cells()
    without = np.isnan(cells.amounts)
    assert cells.counts[without].sum() == pytest.approx(4000, rel=0.1)


def test_cells_are_finest_where_probabilities_are_high():
    cells = simulated(missing=0.0).cells()
    likely = cells.counts[cells.probabilities > np.quantile(cells.probabilities, 0.5)]
    assert likely.mean() < 0.6 * cells.counts.mean()


@pytest.mark.parametrize("review_cost", [5.0, 20.0, 50.0])
def test_cells_give_nearly_the_cost_of_their_records(review_cost):
    population, policy = simulated(), Policy(review_cost=review_cost)
    exact, cost = (consequences(policy, people).cost for people in (population, population.cells()))
    assert cost == pytest.approx(exact, rel=0.05)


def test_weights_count_records_as_more_or_fewer():
    weights = np.full(40_000, 0.5)
    assert simulated(weights=weights).cells().counts.sum() == 20_000


@pytest.mark.parametrize("amounts", [True, False])
def test_json_reads_back_as_the_same_cells(amounts):
    cells = simulated(3000, amounts=amounts).cells()
    read = Population.from_json(json.loads(json.dumps(cells.as_json(), allow_nan=False)))
    assert np.array_equal(read.probabilities, cells.probabilities)
    assert np.array_equal(read.fraud, cells.fraud)
    assert np.array_equal(read.legitimate, cells.legitimate)
    assert (read.amounts is None) == (cells.amounts is None)
    assert not amounts or np.array_equal(read.amounts, cells.amounts, equal_nan=True)


SOUND = {"probability": [0.1, 0.2], "amount": None, "fraud": [1, 2], "legitimate": [3, 4]}


@pytest.mark.parametrize(
    "broken",
    [
        {"probability": [0.1]},
        {"probability": [0.1, 1.2]},
        {"probability": [0.1, None]},
        {"probability": [[0.1, 0.2]]},
        {"amount": [1]},
        {"fraud": [1, -1]},
        {"fraud": [1, None]},
        {"fraud": [0, 0], "legitimate": [0, 0]},
    ],
    ids=str,
)
def test_cells_that_cannot_be_are_refused(broken):
    with pytest.raises(ValueError, match="a population"):
        Population.from_json({**SOUND, **broken})
