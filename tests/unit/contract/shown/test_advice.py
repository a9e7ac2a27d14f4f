"""What a valid contract should still be changed in."""

import pytest

from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.contract.shown.advice import advice
from support.payments import PAYMENTS, payments_contract

CREDIT = """
name = "loans"
purpose = "credit"
[target]
name = "bad"
[features.age]
dtype = "int"
protected = true
[features.income]
dtype = "float"
reason = { code = "INCOME", text = "Your income is {value}, {band}" }
[features.dti]
dtype = "float"
reason = { code = "DTI", text = "dti is {value}: {band}" }
[features.noise]
dtype = "float"
reason = false
[features.terms]
dtype = "int"
[derived.by_age]
formula = "income / age"
"""


def test_protected_untold_and_generic_columns_are_named():
    found = advice(contract_from_toml(CREDIT, source="x"))
    assert [line.partition(" is ")[0] for line in found] == ["'age'", "'by_age'", "'terms'", "'dti'"]


@pytest.mark.parametrize("text", [CREDIT.replace('purpose = "credit"', "")])
def test_a_fraud_model_owes_no_notice(text):
    found = advice(contract_from_toml(text, source="x"))
    assert [line.partition(" is ")[0] for line in found] == ["'age'", "'by_age'"]


def test_keys_that_no_history_feature_reads_are_named():
    (line,) = advice(payments_contract())
    assert line.partition(" is ")[0] == "'device'"


def test_a_share_of_fraud_before_labels_are_known_is_named():
    contract = payments_contract()
    target = contract.target.model_copy(update={"label_delay_days": 30})
    found = advice(contract.model_copy(update={"target": target}))
    assert [line.partition(" is ")[0] for line in found] == ["'device'", "'terminal_fraud_28d'"]
    assert found[1].endswith('"30d"')


def test_a_count_of_values_of_which_an_entity_has_one_is_named():
    counts = '[history.terminals]\nby = "terminal"\nmeasure = "distinct"\nof = "terminal"\nwindow = "1d"\n'
    _, line = advice(contract_from_toml(PAYMENTS + counts, source="payments.toml"))
    assert line.partition(" is ")[0] == "'terminals'"


def test_the_packaged_contract_needs_no_advice():
    document = load_contract("credit").model_copy(update={"purpose": "credit"})
    assert advice(document) == []
