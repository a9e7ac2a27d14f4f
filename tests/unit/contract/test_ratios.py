"""Ratios that a tuner may add: of columns of one unit, and never a change to what callers send."""

import numpy as np
import pytest

from fraud_detection_api.contract.encoding import Encoder
from fraud_detection_api.contract.loading import contract_from_toml, load_contract, parse_contract
from fraud_detection_api.contract.ratios import MOST_CANDIDATES, candidate_ratios, with_ratios


def contract_of(features: str, rest: str = ""):
    return contract_from_toml(f'name = "x"\n[target]\nname = "bad"\n{features}{rest}', source="x.toml")


def feature(name: str, unit: str, dtype: str = "float") -> str:
    return f'[features."{name}"]\ndtype = "{dtype}"\nunit = "{unit}"\n'


PAYMENT = contract_of(feature("amount", "EUR") + feature("usual amount", "EUR") + feature("age", "years", "int"))


def test_two_columns_of_one_unit_have_a_ratio():
    assert list(candidate_ratios(PAYMENT)) == ["amount / usual amount"]


def test_columns_without_a_unit_have_none():
    assert candidate_ratios(contract_of(feature("a", "") + feature("b", ""))) == {}


def test_a_category_has_none():
    assert candidate_ratios(contract_of(feature("a", "EUR") + feature("b", "EUR", "category"))) == {}


def test_a_ratio_that_the_contract_has_already_is_left_out():
    derived = '[derived.own]\nformula = "`amount` / `usual amount`"\n'
    contract = contract_of(feature("amount", "EUR") + feature("usual amount", "EUR"), derived)
    assert candidate_ratios(contract) == {}


def test_candidates_are_bounded():
    wide = contract_of("".join(feature(f"amount_{n}", "EUR") for n in range(40)))
    assert len(candidate_ratios(wide)) == MOST_CANDIDATES


def test_a_chosen_ratio_is_computed_from_the_record():
    contract = with_ratios(PAYMENT, candidate_ratios(PAYMENT), ["amount / usual amount"])
    columns = {"amount": np.array([30.0, 1.0]), "usual amount": np.array([10.0, 0.0]), "age": np.array([1.0, 2.0])}
    matrix = Encoder(contract).encode(columns)
    assert matrix[0].tolist() == [30.0, 10.0, 1.0, 3.0]
    assert np.isnan(matrix[1, 3])


def test_the_new_contract_has_another_fingerprint_and_the_same_records():
    contract = with_ratios(PAYMENT, candidate_ratios(PAYMENT), ["amount / usual amount"])
    assert contract.fingerprint != PAYMENT.fingerprint
    assert contract.record_fingerprint == PAYMENT.record_fingerprint
    assert parse_contract(contract.as_json(), source="json").fingerprint == contract.fingerprint


def test_no_ratio_chosen_leaves_the_contract_as_it_was():
    assert with_ratios(PAYMENT, candidate_ratios(PAYMENT), []).fingerprint == PAYMENT.fingerprint


def test_another_range_is_another_record():
    narrower = contract_of(feature("amount", "EUR") + "maximum = 5\n")
    assert narrower.record_fingerprint != contract_of(feature("amount", "EUR")).record_fingerprint


@pytest.mark.parametrize("name", ["amount / usual amount"])
def test_a_ratio_explains_itself(name):
    ratio = candidate_ratios(PAYMENT)[name]
    assert ratio.reason.code == "RATIO_AMOUNT_TO_USUAL_AMOUNT"
    assert ratio.reason.text == "amount is {value} times usual amount"


def test_the_credit_contract_has_candidates_beyond_its_own():
    assert set(candidate_ratios(load_contract("credit"))) == {
        "number_of_open_accounts / number_of_accounts_in_arrears",
        "total_credit_limit / total_balance",
    }


def test_purpose_and_the_delay_of_labels_are_nothing_that_callers_send():
    other = contract_from_toml(
        'name = "x"\npurpose = "credit"\n[target]\nname = "bad"\nlabel_delay_days = 30\n' + feature("amount", "EUR"),
        source="x.toml",
    )
    plain = contract_of(feature("amount", "EUR"))
    assert other.fingerprint != plain.fingerprint
    assert other.record_fingerprint == plain.record_fingerprint
