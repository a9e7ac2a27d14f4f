"""Reasons are the strongest contributions, in the contract's words, stable, and never more than four."""

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from fraud_detection_api.contract.columns import columns_from_records
from fraud_detection_api.contract.encoding import Encoder, LevelCodes
from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.model.numbers import readable
from fraud_detection_api.model.placement import LevelPhrases, NumberBands, Placement
from fraud_detection_api.model.reasons import (
    MOST_REASONS,
    Reasoner,
    choose_compiled,
    choose_plainly,
    fold_compiled,
    fold_plainly,
)
from support.builders import record

CONTRACT = contract_from_toml(
    """
name = "loans"
[target]
name = "is_fraud"
[features.amount]
dtype = "float"
reason = { code = "AMOUNT", text = "The amount is {value}" }
[features.open]
dtype = "int"
nullable = true
reason = { code = "OPEN", text = "{value} accounts are open" }
[features."2nd job"]
dtype = "bool"
[features.opened]
dtype = "datetime"
parts = ["hour", "weekday"]
reason = { code = "OPENED", text = "Opened at {value}" }
[derived.share]
formula = "amount / max(open, 1)"
reason = { code = "SHARE", text = "{value} of it" }
""",
    source="loans",
)
NAMES = Encoder(CONTRACT).column_names
RECORD = {"amount": 1234.5, "open": 3, "2nd job": True, "opened": datetime(2026, 1, 2, 10, tzinfo=UTC)}
ENCODED = np.array([1234.5, 3, 1, 10, 4, 411.5], dtype=np.float32)


def reasons(contributions, *, record=RECORD, encoded=ENCODED, adverse=True, contract=CONTRACT, names=NAMES):
    """The reasons of one record. They are written by hand, so their JSON must be what a library makes of it."""
    reasoner, row = Reasoner(contract, names), np.array([contributions], dtype=np.float64)
    [text] = reasoner.texts(row, [record], encoded[np.newaxis], np.array([adverse]))
    assert to_json(from_json(text)).decode() == text
    return [SimpleNamespace(**reason) for reason in from_json(text)]


def test_the_columns_are_those_expected():
    assert NAMES == ("amount", "open", "2nd job", "opened.hour", "opened.weekday", "share")


def test_the_strongest_come_first_and_are_worded_by_the_contract():
    found = reasons([0.1, 0.3, 0, 0, 0, 0.2])
    assert [(reason.rank, reason.code, reason.description) for reason in found] == [
        (1, "OPEN", "3 accounts are open"),
        (2, "SHARE", "412 of it"),
        (3, "AMOUNT", "The amount is 1,234"),
    ]
    assert found[1].value == 411.5
    assert found[0].contribution_log_odds == 0.3


def test_an_adverse_outcome_is_explained_by_what_pushed_towards_fraud_alone():
    assert [reason.code for reason in reasons([-5, 0.3, 0, 0, 0, -1])] == ["OPEN"]
    both = reasons([-5, 0.3, 0, 0, 0, -1], adverse=False)
    assert [(reason.code, reason.direction) for reason in both] == [
        ("AMOUNT", "decreases_risk"),
        ("SHARE", "decreases_risk"),
        ("OPEN", "increases_risk"),
    ]


@pytest.mark.parametrize(
    ("name", "contribution", "code"),
    [
        ("credit_utilisation", 0.3, "UTILISATION_HIGH"),
        ("credit_utilisation", -0.3, "UTILISATION_LOW"),
        ("arrears_share", -0.3, "ARREARS_SHARE"),
    ],
)
def test_what_lowers_the_risk_has_the_favourable_code_where_one_is_declared(name, contribution, code):
    contract = load_contract("credit")
    encoder = Encoder(contract)
    encoded = encoder.encode(columns_from_records(contract, [record()]))[0]
    contributions = [contribution * (column == name) for column in encoder.column_names]
    names = encoder.column_names
    (found,) = reasons(contributions, record=record(), encoded=encoded, adverse=False, contract=contract, names=names)
    assert found.code == code


def test_the_parts_of_a_time_are_one_reason():
    found = reasons([0.4, 0, 0, 0.3, 0.2, 0])
    assert [(reason.code, reason.contribution_log_odds) for reason in found] == [("OPENED", 0.5), ("AMOUNT", 0.4)]
    assert found[0].description == "Opened at 2026-01-02T10:00:00Z"


def test_equal_contributions_stand_in_the_contract_s_order():
    assert [reason.feature for reason in reasons([0.2, 0.2, 0.2, 0.1, 0.1, 0.2])] == [
        "amount",
        "open",
        "2nd job",
        "opened",
    ]


def test_a_missing_value_is_said_to_be_missing():
    record = {name: value for name, value in RECORD.items() if name != "open"}
    encoded = np.array([1234.5, np.nan, 1, 10, 4, np.nan], dtype=np.float32)
    found = reasons([0, 0.3, 0, 0, 0, 0.2], record=record, encoded=encoded)
    assert [(reason.value, reason.description) for reason in found] == [
        (None, "open is missing"),
        (None, "share is missing"),
    ]


def described(contract, record, name):
    """The one reason of a record whose other columns played no part."""
    encoder = Encoder(contract)
    encoded = encoder.encode(columns_from_records(contract, [record]))[0]
    contributions = [float(column == name) for column in encoder.column_names]
    (found,) = reasons(contributions, record=record, encoded=encoded, contract=contract, names=encoder.column_names)
    return found.description


@pytest.mark.parametrize(
    ("limit", "name", "text"),
    [
        (0.0, "credit_utilisation", "The balance is 200,000 at a credit limit of 0"),
        (0.5, "credit_utilisation", "The balance is 200,000 at a credit limit of 0.5"),
        (1.0, "credit_utilisation", "The balance is 200,000 times the credit limit"),
        (0.0, "arrears_share", "No account is open, and none is in arrears"),
        (0.0, "balance_per_account", "No account is open, and the balance is 200,000"),
        (900.0, "limit_per_account", "No account is open, and the total credit limit is 900"),
    ],
)
def test_a_ratio_whose_divisor_counts_as_more_than_it_is_is_not_said_to_be_one(limit, name, text):
    changes = {"number_of_open_accounts": 0, "number_of_accounts_in_arrears": 0, "total_balance": 200_000.0}
    assert described(load_contract("credit"), record(total_credit_limit=limit, **changes), name) == text


def test_without_a_text_of_its_own_a_floored_ratio_says_what_the_divisor_counts_as():
    few = {**RECORD, "open": 0}
    assert described(CONTRACT, few, "share") == "share is 1,234, where open below 1 counts as 1"
    assert described(CONTRACT, RECORD, "share") == "412 of it"


def test_a_feature_without_a_declared_reason_has_one_made_of_its_name():
    found = reasons([0, 0, 1, 0, 0, 0])
    assert (found[0].code, found[0].description) == ("F_2ND_JOB", "2nd job is yes")


@given(st.lists(st.floats(-5, 5), min_size=len(NAMES), max_size=len(NAMES)))
def test_no_more_than_four_and_none_without_a_part_in_it(contributions):
    found = reasons(contributions)
    assert len(found) <= MOST_REASONS
    assert all(reason.contribution_log_odds > 0 for reason in found)
    assert [reason.rank for reason in found] == list(range(1, len(found) + 1))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-16.25, "-16.2"),
        (999.96, "1,000"),
        (0.1 + 0.2, "0.3"),
        (-0.0, "0"),
        (99.96, "100"),
        (0.09999, "0.1"),
        (0.0001, "0.0001"),
        (0.000099996, "0.0001"),
        (1e16, "1e+16"),
        (1e300, "1e+300"),
        (-3, "-3"),
        (False, "no"),
    ],
)
def test_numbers_are_rounded_as_people_read_them(value, text):
    assert readable(value) == text


QUOTED = contract_from_toml(
    """
name = "quoted"
[target]
name = "is_fraud"
[features.'a "b"']
dtype = "category"
reason = { code = "AB", text = "\\"{value}\\" is\\ta \\\\ {value}" }
[features.amount]
dtype = "float"
""",
    source="quoted",
)


@pytest.mark.parametrize("level", ['"', "\\", "{value}", "é\U0001f600", "</script>", "a,b"])
def test_texts_of_contracts_and_records_are_quoted_as_json(level):
    found = reasons(
        [1, 0], record={'a "b"': level, "amount": 1.0}, encoded=ENCODED[:2], contract=QUOTED, names=['a "b"', "amount"]
    )
    assert (found[0].feature, found[0].value) == ('a "b"', level)
    assert found[0].description.startswith(f'"{level}" is\ta \\ ')


@given(amount=st.floats(-3e38, 3e38), contribution=st.floats(1e-300, 10))
def test_numbers_are_those_of_record_and_model_to_the_bit(amount, contribution):
    (found,) = reasons([contribution, 0, 0, 0, 0, 0], record={**RECORD, "amount": amount})
    assert (found.value.hex(), found.contribution_log_odds.hex()) == (amount.hex(), contribution.hex())


FLOATS = st.floats(width=32, allow_infinity=False) | st.floats(-100, 100, width=32) | st.integers(-30, 30).map(float)


@given(
    values=st.lists(FLOATS, min_size=1, max_size=20),
    strengths=st.lists(st.sampled_from([-0.5, -0.0, 0.0, 0.5, 0.25, 1e-9]), min_size=6, max_size=6),
    adverse=st.booleans(),
)
def test_compiled_loops_choose_the_same_reasons_and_numbers(values, strengths, adverse):
    matrix = np.array(values, dtype=np.float32)[:, np.newaxis]
    totals = np.array([strengths] * len(values)) * np.arange(1, len(values) + 1)[:, np.newaxis]
    columns = np.array([0, -1, 0, 0, -1, 0])
    told = (totals, np.full(len(values), adverse), matrix, columns)
    assert repr(choose_compiled(*told)) == repr(choose_plainly(*told))


def test_the_number_of_a_derived_feature_is_the_shortest_for_all_that_it_can_be():
    """Numbers beside powers of two and of ten, where the digits of a nearest number and of the shortest may differ."""
    edges = np.concatenate([2.0 ** np.arange(-14, 26), 10.0 ** np.arange(-5, 8)]).astype(np.float32).view(np.int32)
    values = np.concatenate([(edges + step).view(np.float32) for step in range(-20, 21)])[:, np.newaxis]
    chosen = choose_compiled(np.ones(values.shape), np.ones(len(values), bool), values, np.zeros(1, np.int64))
    assert chosen.numbers == [float(str(value)) for value in values[:, 0]]


def test_without_compiled_loops_the_reasons_are_the_same(monkeypatch):
    contributions = [0.2, -0.3, 0, 0.1, 0.2, 0.2]
    compiled = reasons(contributions, adverse=False)
    monkeypatch.setattr("fraud_detection_api.model.reasons.kernels", lambda: None)
    assert reasons(contributions, adverse=False) == compiled


WORDED = """
name = "loans"
purpose = "credit"
[target]
name = "bad"
[features.income]
dtype = "float"
nullable = true
reason_group = "income"
reason = { code = "INCOME", text = "Your income is {value}, {band}", raises = "Your income is low: {value} ({band})" }
[features.age]
dtype = "int"
protected = true
[features.channel]
dtype = "category"
reason = { code = "CHANNEL", text = "You came by {value}; {band}.", lowers = "{value} is good" }
[features.born]
dtype = "datetime"
protected = true
elapsed_days_since = "2000-01-01"
[features.since]
dtype = "datetime"
elapsed_days_since = "born"
[features.noise]
dtype = "float"
reason = false
[features.since_year]
dtype = "int"
[features.term]
dtype = "int"
unit = "months"
[features.limit_year]
dtype = "int"
reason = { code = "LIMIT_YEAR", text = "Limit of {value}" }
[features.plan]
dtype = "category"
level_names = { A11 = "a \\"basic\\" plan" }
reason = { code = "PLAN", text = "You have {value}: {band}" }
[derived.part]
formula = "income / 2"
reason_group = "income"
reason = { code = "PART", text = "Half of it is {value}" }
[derived.by_age]
formula = "income / age"
"""
BANDS = Placement(
    {
        "income": NumberBands([10.0, 20.0], [("a", "A"), ("b", "B"), ("c", "C")]),
        "since_year": NumberBands([2000.0, 2020.0], [("a", "A")] * 3, are_years=True),
        "term": NumberBands([12.0], [("a", "A")] * 2),
        "limit_year": NumberBands([2000.0], [("a", "A")] * 2, are_years=True),
    },
    {
        "channel": LevelPhrases({"web": ("as few", "as others")}),
        "plan": LevelPhrases({"A11": ("rare", "often"), "A12": ("rare", "seldom")}, ("new", "unknown")),
    },
    by_default=True,
    with_units=True,
)
PEOPLE = {"income": 15.0, "channel": "web", "noise": 1.0, "age": 30}


def worded(contributions, *, record=PEOPLE, text=WORDED, adverse=True):
    """Codes and texts of a record's reasons, by what each column adds."""
    contract = contract_from_toml(text, source="x")
    codes = {name: LevelCodes({}, 0.0, 0.0) for name in ("channel", "plan") if name in contract.features}
    names = Encoder(contract, codes).column_names
    row = np.array([[contributions.get(name, 0.0) for name in names]])
    matrix = np.full((1, len(names)), 7.5, np.float32)
    (told,) = Reasoner(contract, names, BANDS).texts(row, [record], matrix, np.array([adverse]))
    return [(reason["code"], reason["description"], reason["contribution_log_odds"]) for reason in from_json(told)]


@pytest.mark.parametrize(
    ("contribution", "record", "text"),
    [
        (1, {"income": 9.9}, "Your income is low: 9.9 (A)"),
        (1, {"income": 20.0}, "Your income is low: 20 (C)"),
        (-1, {"income": 15}, "Your income is 15, b"),
        (1, {"income": None}, "income is missing"),
    ],
)
def test_a_text_says_where_the_value_stands_and_may_differ_by_direction(contribution, record, text):
    assert worded({"income": contribution}, record=record, adverse=False) == [("INCOME", text, contribution)]


@pytest.mark.parametrize(
    ("contribution", "level", "text"),
    [(1, "web", "You came by web; as others."), (1, "fax", "You came by fax."), (-1, "web", "web is good")],
)
def test_a_level_without_a_phrase_leaves_no_trace_of_it(contribution, level, text):
    assert worded({"channel": contribution}, record={"channel": level}, adverse=False)[0][1] == text


@pytest.mark.parametrize(
    ("level", "text"),
    [
        ("A11", 'You have a "basic" plan: often'),
        ("A12", "You have A12: seldom"),
        ("A13", "You have A13: unknown"),
    ],
)
def test_a_level_is_shown_by_its_name_and_an_unknown_one_has_a_phrase(level, text):
    assert worded({"plan": 1}, record={"plan": level})[0][1] == text


@pytest.mark.parametrize(("name", "text"), [("since_year", "since_year is 2006: A"), ("limit_year", "Limit of 2006")])
def test_a_year_has_no_separator_of_thousands(name, text):
    assert worded({name: 1}, record={name: 2006})[0][1] == text


def test_a_default_text_has_the_unit():
    assert worded({"term": 1}, record={"term": 45})[0][1] == "term is 45 months: A"


def test_protected_and_barred_columns_and_what_is_computed_from_them_are_no_reasons():
    barred = {"age": 9, "born.elapsed_days": 8, "since.elapsed_days": 7, "noise": 6, "by_age": 5}
    assert [code for code, *_ in worded({**barred, "channel": 1})] == ["CHANNEL"]


def test_a_group_is_one_reason_with_the_sum_and_the_words_of_its_strongest_part():
    assert [(code, added) for code, _, added in worded({"income": 0.25, "part": 0.5, "channel": 0.6})] == [
        ("PART", 0.75),
        ("CHANNEL", 0.6),
    ]
    assert worded({"income": 0.75, "part": -0.5}) == [("INCOME", "Your income is low: 15 (B)", 0.25)]
    assert worded({"income": 0.25, "part": -0.5}) == []  # together they lowered the risk
    assert worded({"income": 0.25, "part": -0.5}, adverse=False)[0][::2] == ("PART", -0.25)


def test_a_declared_group_has_words_of_its_own():
    group = '[reason_groups.income]\ncode = "MONEY"\ntext = "Your income and what it must pay"\n'
    assert worded({"income": 0.25, "part": 0.5}, text=WORDED + group) == [
        ("MONEY", "Your income and what it must pay", 0.75)
    ]


@given(st.lists(st.lists(st.floats(-5, 5), min_size=6, max_size=6), min_size=1, max_size=5))
def test_compiled_loops_fold_groups_to_the_same_bits(rows):
    members, starts = np.array([5, 0, 3, 1, 4]), np.array([0, 3, 5])
    plain, compiled = np.array(rows), np.array(rows)
    fold_plainly(plain, members, starts)
    fold_compiled(compiled, members, starts)
    assert plain.tobytes() == compiled.tobytes()
    assert np.array_equal(plain[:, 2], np.array(rows)[:, 2])
