"""The contract's JSON Schema is a sound schema and says the same as the parser, where a schema can."""

import json

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.errors import InvalidRecords
from fraud_detection_api.schemas.contract import contract_schema, example_record, record_schema
from fraud_detection_api.schemas.records.parser import RecordParser
from fraud_detection_api.tables.inference import infer_contract
from support.builders import EVERY_DTYPE, OVERDRAWN, every_dtype_contract, every_dtype_frame
from support.payments import PAYMENTS, payments_contract

HEAD = 'name = "a"\n[target]\nname = "y"\n'


def inferred_contract():
    frame = every_dtype_frame()
    text = infer_contract(
        frame, source="loans.csv", name="loans", target="outcome", identifier="application", time="applied_at"
    )
    return contract_from_toml(text, source="draft.toml")


CONTRACTS = [load_contract("credit"), every_dtype_contract(), inferred_contract(), payments_contract()]
LOAN = {"application": "A-1", "amount_eur": 100.5, "instalments": 12, "opened_at": "2020-01-01T00:00:00Z"}


def parses(contract, record) -> bool:
    try:
        RecordParser(contract).parse(json.dumps([record]).encode(), limit=1)
    except InvalidRecords:
        return False
    return True


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_the_schema_is_draft_2020_12(contract):
    schema = contract_schema(contract)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)
    Draft202012Validator.check_schema(record_schema(contract))


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_the_example_passes_parser_and_schema(contract):
    example = example_record(contract)
    assert parses(contract, example)
    assert Draft202012Validator(contract_schema(contract)).is_valid(example)


def test_keys_and_history_are_declared_beside_the_record():
    schema = contract_schema(payments_contract())
    assert schema["properties"]["terminal"]["x-key"]
    assert schema["properties"]["terminal"]["x-dtype"] == "int"
    assert {"terminal", "paid_at"} <= {*schema["required"]}
    assert not {"device", *payments_contract().history} & {*schema["required"]}
    assert schema["x-history"]["mean_amount_7d"] == {
        "by": ["card"],
        "measure": "mean",
        "of": "amount",
        "window": "7d",
        "delay": "1h",
    }


def test_the_example_of_the_credit_contract_is_the_given_record():
    assert example_record(load_contract("credit")) == OVERDRAWN


@pytest.mark.parametrize(
    ("features", "check"),
    [
        ('[features.a]\ndtype = "float"\nmaximum = -5\n', ""),
        ('[features.a]\ndtype = "int"\nminimum = 7\n', ""),
        ('[features.a]\ndtype = "bool"\n', "a == 1"),
        ('[features.a]\ndtype = "int"\n', "a > 5"),
        ('[features.a]\ndtype = "int"\nmaximum = 3\n', "a > 2"),
        ('[features.a]\ndtype = "float"\n[features.b]\ndtype = "float"\n', "a < b"),
        ('[features.a]\ndtype = "float"\nexample = 3\n[features.b]\ndtype = "float"\n', "a < b"),
        ('[features.a]\ndtype = "category"\n[features.b]\ndtype = "bool"\nnullable = true\n', ""),
        ('[features.a]\ndtype = "category"\nexample = "web"\n', ""),
    ],
)
def test_an_example_is_found_within_ranges_and_constraints(features, check):
    constraint = f'[constraints.r]\nfield = "a"\nmessage = "m"\ncheck = "{check}"\n' if check else ""
    contract = contract_from_toml(HEAD + features + constraint, source="a.toml")
    assert parses(contract, example_record(contract))


def test_an_example_has_a_level_that_is_declared_and_the_time_that_is_given():
    text = PAYMENTS.replace('dtype = "category"', 'dtype = "category"\nlevels = ["web", "app"]')
    example = example_record(contract_from_toml(text, source="a.toml"), at="2025-01-31T10:00:00Z")
    assert (example["channel"], example["paid_at"]) == ("web", "2025-01-31T10:00:00Z")


def test_constraints_that_nothing_simple_passes_leave_an_example_of_the_right_types():
    text = HEAD + '[features.a]\ndtype = "float"\n[constraints.r]\nfield = "a"\nmessage = "m"\ncheck = "a == 0.123"\n'
    assert example_record(contract_from_toml(text, source="a.toml")) == {"a": 0}


def test_a_record_has_no_fields_but_the_declared_ones():
    schema = contract_schema(load_contract("credit"))
    assert schema["additionalProperties"] is False
    assert list(schema["properties"]) == list(OVERDRAWN)
    assert schema["required"] == list(OVERDRAWN)


def test_ranges_types_and_examples_are_in_the_schema():
    opened = contract_schema(load_contract("credit"))["properties"]["number_of_open_accounts"]
    assert (opened["type"], opened["minimum"], opened["maximum"], opened["examples"]) == ("integer", 0, 10_000, [23])
    assert opened["description"] == "Credit accounts open at the bureau. (accounts)"
    assert (opened["x-dtype"], opened["x-unit"]) == ("int", "accounts")


def test_what_may_be_missing_is_not_required_and_may_be_null():
    schema = contract_schema(every_dtype_contract())
    assert schema["required"] == ["application", "amount_eur", "instalments", "opened_at"]
    assert {"type": "null"} in schema["properties"]["channel"]["anyOf"]
    assert "x-unit" not in schema["properties"]["channel"]


def test_what_a_schema_cannot_say_is_under_x_keys():
    contract = load_contract("credit")
    schema = contract_schema(contract)
    assert schema["x-contract"] == "credit"
    assert schema["x-fingerprint"] == contract.fingerprint
    assert schema["$id"].endswith(contract.fingerprint)
    assert schema["x-target"] == "is_fraud"
    assert list(schema["x-derived"]) == list(contract.derived)
    assert schema["x-rules"]["arrears_within_open_accounts"]["field"] == "number_of_accounts_in_arrears"


def test_the_amount_at_risk_is_in_the_schema_where_there_is_one():
    contract = contract_from_toml('amount_at_risk = "amount_eur"\n' + EVERY_DTYPE, source="x")
    assert contract_schema(contract)["x-amount-at-risk"] == "amount_eur"
    assert "x-amount-at-risk" not in contract_schema(every_dtype_contract())


def test_the_schema_is_json():
    for contract in CONTRACTS:
        assert json.loads(json.dumps(contract_schema(contract), allow_nan=False)) == contract_schema(contract)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_eur": -1},
        {"amount_eur": "1"},
        {"amount_eur": True},
        {"amount_eur": None},
        {"instalments": 0},
        {"instalments": 601},
        {"instalments": 1.5},
        {"instalments": 12.0},
        {"is_employed": 1},
        {"is_employed": "true"},
        {"channel": ""},
        {"channel": " "},
        {"channel": "x" * 257},
        {"channel": 1},
        {"opened_at": 1},
        {"opened_at": None},
        {"application": 1},
        {"application": ""},
        {"extra": 1},
        {"is_employed": None, "channel": None, "applied_at": None},
        {"is_employed": True, "channel": "web", "applied_at": "2026-01-01T00:00:00Z"},
        {},
    ],
)
def test_schema_and_parser_agree(changes):
    contract, record = every_dtype_contract(), {**LOAN, **changes}
    assert Draft202012Validator(contract_schema(contract)).is_valid(record) == parses(contract, record)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.none() | st.booleans() | st.integers(-5, 20_000) | st.floats(0.1, 0.9) | st.text(max_size=2)
            for name in (*OVERDRAWN, "extra")
        },
    )
)
def test_schema_and_parser_agree_on_credit_records(changes):
    contract, record = load_contract("credit"), {**OVERDRAWN, **changes}
    arrears, accounts = record["number_of_accounts_in_arrears"], record["number_of_open_accounts"]
    assume(
        not (type(arrears) is int and type(accounts) is int and arrears > accounts)
    )  # a schema knows no such constraint
    assert Draft202012Validator(contract_schema(contract)).is_valid(record) == parses(contract, record)


def test_a_contract_of_odd_names_has_a_sound_schema():
    frame = pl.DataFrame({'q"u/o~te': [1, 2, 3, 4], "a b": [True, False, True, True], "y": [0, 1, 0, 0]})
    text = infer_contract(frame, source="a.csv", name="a", target="y", identifier=None, time=None)
    contract = contract_from_toml(text, source="a.toml")
    Draft202012Validator.check_schema(contract_schema(contract))
    assert parses(contract, example_record(contract))


def test_the_schema_names_the_fingerprint_that_kept_decisions_have():
    contract = load_contract("credit")
    assert contract_schema(contract)["x-record-fingerprint"] == contract.record_fingerprint


def test_a_contract_in_other_words_has_its_own_schema():
    text = EVERY_DTYPE.replace("[features.instalments]", '[features.instalments]\ndescription = "{}"')
    schemas = [contract_schema(contract_from_toml(text.replace("{}", words), source="x")) for words in ("a", "b")]
    assert [schema["properties"]["instalments"]["description"] for schema in schemas] == ["a", "b"]
    assert schemas[0]["x-fingerprint"] == schemas[1]["x-fingerprint"]
