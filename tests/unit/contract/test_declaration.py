"""A contract is an immutable value with strict types."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fraud_detection_api.contract.declaration import FLOAT32_MAX, INT_MAX, Feature
from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.contract.shown.presentation import rewordings
from fraud_detection_api.errors import ContractMismatch
from fraud_detection_api.field_texts import plain_number
from support.builders import EVERY_DTYPE, every_dtype_contract


def test_a_contract_cannot_be_changed():
    contract = load_contract("credit")
    with pytest.raises(ValidationError):
        contract.name = "other"
    with pytest.raises(ValidationError):
        contract.features["total_balance"].minimum = 3


@pytest.mark.parametrize(
    ("feature", "lower", "upper"),
    [
        (Feature(dtype="int"), -INT_MAX, INT_MAX),
        (Feature(dtype="float"), -FLOAT32_MAX, FLOAT32_MAX),
        (Feature(dtype="int", minimum=0, maximum=9), 0, 9),
        (Feature(dtype="float", minimum=-0.5), -0.5, FLOAT32_MAX),
    ],
)
def test_an_undeclared_bound_is_the_largest_that_is_kept_exactly(feature, lower, upper):
    assert (feature.lower, feature.upper) == (lower, upper)


def test_no_integer_beyond_the_range_rounds_into_it():
    assert float(INT_MAX + 1) > INT_MAX
    assert float(INT_MAX + 2) > INT_MAX


def test_a_record_is_id_time_and_features_in_order():
    assert every_dtype_contract().record_columns == (
        "application",
        "applied_at",
        "amount_eur",
        "instalments",
        "is_employed",
        "channel",
        "opened_at",
    )


def test_a_record_may_have_neither_id_nor_time():
    text = 'name = "a"\n[target]\nname = "y"\n[features.x]\ndtype = "int"\n'
    assert contract_from_toml(text, source="x").record_columns == ("x",)


def test_monotone_columns_are_signed_features_and_derived_ones():
    text = EVERY_DTYPE.replace("[derived.amount_a_month]", '[derived.amount_a_month]\nmonotone = "decreasing"')
    assert contract_from_toml(text, source="x").monotone_columns == {"amount_eur": 1, "amount_a_month": -1}


def test_the_encoded_columns_of_a_datetime_are_its_parts_and_elapsed_days():
    opened_at = every_dtype_contract().features["opened_at"]
    assert opened_at.encoded("t") == ("t.year", "t.month", "t.day", "t.weekday", "t.hour", "t.minute", "t.elapsed_days")
    assert Feature(dtype="int").encoded("n") == ()


def test_json_leaves_defaults_out():
    assert every_dtype_contract().as_json()["features"]["is_employed"] == {"dtype": "bool", "nullable": True}


def test_a_fingerprint_is_a_sha256():
    algorithm, _, digest = load_contract("credit").fingerprint.partition(":")
    assert algorithm == "sha256"
    assert len(bytes.fromhex(digest)) == 32


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60))
def test_a_bound_is_written_so_that_it_reads_back(number):
    assert float(plain_number(number)) == float(number)


FORMER = """
name = "former"
description = "Payments."
[id]
name = "customer"
description = "Who pays."
[target]
name = "is_fraud"
label_delay_days = 30
[features.amount]
dtype = "float"
unit = "EUR"
example = 12.5
reason = { code = "AMOUNT", favourable_code = "AMOUNT_LOW", text = "The amount is {value}" }
[derived.double]
formula = "amount * 2"
description = "Twice the amount."
[constraints.some]
check = "amount > 0"
field = "amount"
message = "must be more than 0"
"""


def test_fingerprints_of_earlier_releases_stay_what_they_were():
    """Decisions in stores carry them."""
    contract = contract_from_toml(FORMER, source="x")
    assert contract.former_fingerprint == "sha256:9433fe5f1223c69d52ac1b638bcb0a84805d86672d03a8376113c0c25155b744"
    assert contract.record_fingerprints[1] == "sha256:2dd3ee317923895c0eab956e7ecb8f0f3755137e35cd2d934d351cb3e6f89bcd"


def test_a_fingerprint_stays_what_it_was_while_the_contract_does():
    """Keys that contracts may have since, such as the amount at risk, change none of those that have them not."""
    credit = "f0bf85a622402a6f55153d4bd8d2ec3bbe5dbe71c3257fdbe805f73e355c58be"
    assert load_contract("credit").fingerprint == f"sha256:{credit}"


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ('"Payments."', '"Payments by card."'),
        ('"Who pays."', '""'),
        ('unit = "EUR"', ""),
        ("12.5", "7"),
        ('"AMOUNT"', '"HIGH_AMOUNT"'),
        ("The amount is {value}", "You pay {value}"),
        ('favourable_code = "AMOUNT_LOW", ', ""),
        ('favourable_code = "AMOUNT_LOW"', 'raises = "Much", lowers = "Little"'),
        (
            'reason = { code = "AMOUNT", favourable_code = "AMOUNT_LOW", text = "The amount is {value}" }',
            "reason = false",
        ),
        ('unit = "EUR"', 'reason_group = "money"'),
        ("Twice the amount", "Two amounts"),
        ("must be more than 0", "must be above 0"),
    ],
)
def test_wording_changes_no_fingerprint_and_is_content(written, instead):
    assert written in FORMER
    contract, reworded = (contract_from_toml(text, source="x") for text in (FORMER, FORMER.replace(written, instead)))
    assert reworded != contract
    assert (reworded.fingerprint, reworded.record_fingerprint) == (contract.fingerprint, contract.record_fingerprint)
    assert reworded.content_digest != contract.content_digest


def test_a_protected_column_is_of_the_model_s_contract_and_nothing_that_callers_send():
    """A model's contract says so for good: other words cannot take it back."""
    contract, marked = (
        contract_from_toml(text, source="x")
        for text in (FORMER, FORMER.replace("example", "protected = true\nexample"))
    )
    assert marked.fingerprint != contract.fingerprint
    assert marked.record_fingerprints == contract.record_fingerprints
    assert marked.protected == {"amount", "double"}
    with pytest.raises(ContractMismatch, match=r"features\.amount\.protected"):
        rewordings(marked, contract)


def test_the_amount_at_risk_is_declared_and_nothing_that_callers_send():
    plain = every_dtype_contract()
    other = contract_from_toml('amount_at_risk = "amount_eur"\n' + EVERY_DTYPE, source="x")
    assert other.as_json()["amount_at_risk"] == "amount_eur"
    assert other.fingerprint != plain.fingerprint
    assert other.record_fingerprint == plain.record_fingerprint


def declared(keys: str):
    """The every-dtype contract with these keys of its category."""
    return contract_from_toml(EVERY_DTYPE.replace("[features.channel]", f"[features.channel]\n{keys}"), source="x")


@pytest.mark.parametrize(
    ("keys", "changes"),
    [
        ('levels = ["web"]', False),
        ('levels = ["web"]\nunseen = "review"', False),
        ('unseen = "flag"', False),
        ('unseen = "refuse"', True),
        ('levels = ["web"]\nunseen = "refuse"', True),
        ("fold_case = true", True),
    ],
)
def test_levels_change_what_callers_send_where_they_are_refused_or_folded(keys, changes):
    plain, other = every_dtype_contract(), declared(keys)
    assert other.fingerprint != plain.fingerprint
    assert (other.record_fingerprint != plain.record_fingerprint) == changes


def test_the_order_of_levels_changes_nothing_that_callers_send():
    one, other = (declared(f'levels = {levels}\nunseen = "refuse"') for levels in ('["b", "a"]', '["a", "b"]'))
    assert one.record_fingerprint == other.record_fingerprint


def test_what_a_model_learned_is_listed_where_a_contract_refuses_and_lists_nothing():
    contract = declared('unseen = "refuse"')
    assert contract.record_fingerprint
    listed = contract.refusing({"channel": ["web", "branch"]})
    assert listed.features["channel"].levels == ("branch", "web")
    assert listed.fingerprint != contract.fingerprint
    own = declared('levels = ["shop"]\nunseen = "refuse"')
    assert own.refusing({"channel": ["web"]}) is own
    assert declared('unseen = "review"').refusing({"channel": ["web"]}) == declared('unseen = "review"')
