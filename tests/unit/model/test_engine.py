"""The engine says the same of a record alone and among others, by compiled loops and by plain arrays, to the bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.model import engine as engine_module
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.model.calibration import Calibration, RiskScale
from fraud_detection_api.model.engine import Engine
from fraud_detection_api.policy.outcomes import Policy
from support.builders import credit_files, record

MARGINS = st.lists(st.floats(-40, 40, width=32) | st.sampled_from([-16.0, 16.0, 1e30, -1e30]), max_size=30)
AMOUNTS = st.sampled_from([np.nan, 0.0, -5.0, 1.0, 1e15]) | st.floats(0, 1e15)
MONEY = st.floats(0, 1e6)


@pytest.fixture(scope="module")
def bundle():
    return read_bundle(credit_files(), source="test")


def plain(engine: Engine, monkeypatch) -> Engine:
    """The same engine on a platform without compiled loops."""
    monkeypatch.setattr(engine_module, "kernels", lambda: None)
    return Engine(engine.scorer, engine.policy, engine.risk, engine.amount_at_risk)


def bits(assessment):
    return [(array.dtype, array.shape, array.tobytes()) for array in assessment if isinstance(array, np.ndarray)]


@given(MARGINS, st.data(), MONEY, MONEY, MONEY, MONEY)
def test_the_compiled_finish_has_the_bits_of_calibration_scale_and_policy(margins, data, loss, review, wrong, amount):
    calibration = Calibration.tabulate(lambda grid: 1 / (1 + np.exp(-grid)))
    scale = RiskScale.of(np.linspace(-9, 9, 700).astype(np.float32).repeat(3))
    policy = Policy(loss_given_fraud=loss, review_cost=review, wrong_decline_cost=wrong, amount_at_risk=amount)
    given_amounts = data.draw(st.lists(AMOUNTS, min_size=len(margins), max_size=len(margins)) | st.none())
    column = np.array(margins, dtype=np.float32)
    amounts = None if given_amounts is None else np.array(given_amounts, dtype=np.float64)
    probabilities = calibration.probabilities(column)
    expected = (probabilities, scale.scores(column), policy.outcomes(probabilities, amounts))
    finish = engine_module._Finish(calibration, scale, policy)
    assert finish._loop is not None
    assert bits(finish(column, amounts)) == bits(expected)


def test_without_compiled_loops_every_bit_is_the_same(bundle, monkeypatch):
    records = [record(total_balance=50 * number, customer_id=number) for number in range(300)]
    compiled = bundle.engine.assess_records(records)
    assert bits(plain(bundle.engine, monkeypatch).assess_records(records)) == bits(compiled)


def test_a_record_alone_has_the_bits_that_it_has_among_others(bundle):
    records = [record(total_balance=50 * number) for number in range(300)]
    among_others = bundle.engine.assess_records(records)
    for index in (0, 7, 299):
        alone = bundle.engine.assess_records([records[index]])
        assert bits(alone) == bits(array[index : index + 1] for array in among_others[:-1])


def test_no_records_have_nothing_said_of_them(bundle):
    assert [len(array) for array in bundle.engine.assess_records([])] == [0] * 6


@given(st.lists(st.tuples(AMOUNTS | st.none(), st.floats(0, 1)), max_size=8), MONEY, MONEY)
def test_losses_one_by_one_have_the_bits_of_the_policys(bundle, drawn, loss, amount):
    policy = Policy(loss_given_fraud=loss, amount_at_risk=amount)
    engine = Engine(bundle.engine.scorer, policy, bundle.engine.risk, "amount")
    records, probabilities = [{"amount": each} for each, _ in drawn], [probability for _, probability in drawn]
    expected = policy.losses(np.array(probabilities, dtype=np.float64), engine.amounts(records))
    assert engine.losses(records, probabilities) == expected.tolist()
