"""A contradiction in a contract is reported with the line and the key."""

import re

import pytest

from fraud_detection_api.contract.consistency import contract_problems
from fraud_detection_api.contract.declaration import DECISION_FIELDS, PROBABILITY, Contract
from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.errors import InvalidContract
from support.builders import every_dtype_contract

HEAD = """
name = "loans"
[target]
name = "is_fraud"
known_probability = "truth"
[id]
name = "customer"
[time]
name = "applied_at"
[features.amount]
dtype = "float"
[features.channel]
dtype = "category"
[features.opened_at]
dtype = "datetime"
elapsed_days_since = "applied_at"
[features.closed_at]
dtype = "datetime"
"""
SINCE = HEAD + "elapsed_days_since = "
CONSTRAINT = '[constraints.r]\nmessage = "m"\nfield = "amount"\n'
SOUND = SINCE + '"opened_at"\n'


def keys_of(text: str) -> list[str]:
    """The key of each problem, after its line where it has one."""
    with pytest.raises(InvalidContract) as caught:
        contract_from_toml(text, source="loans.toml")
    return [problem[: re.match(r"(line \d+: )?[^:]*", problem).end()] for problem in caught.value.problems]


def key_of(text: str) -> str:
    """The key of the only problem, without its line."""
    (key,) = keys_of(text)
    return key.rpartition(": ")[2]


@pytest.mark.parametrize("contract", [load_contract("credit"), every_dtype_contract()], ids=lambda c: c.name)
def test_a_sound_contract_has_no_problem(contract):
    assert not list(contract_problems(contract))


@pytest.mark.parametrize(
    "since",
    ["2020-01-01", "2020-01-01T10:00:00+02:00", "applied_at", "opened_at"],
    ids=["date", "time", "column", "feature"],
)
def test_elapsed_days_count_from_a_date_the_time_column_or_another_feature(since):
    assert contract_from_toml(f'{SINCE}"{since}"', source="x").features["closed_at"].elapsed_days_since == since


@pytest.mark.parametrize("since", ["closed_at", "channel", "amount", "yesterday", "", "2020-13-01"])
def test_elapsed_days_since_anything_else_is_refused(since):
    assert keys_of(f'{SINCE}"{since}"') == ["line 19: features.closed_at.elapsed_days_since"]


def test_a_datetime_must_say_how_it_is_read():
    assert key_of(HEAD) == "features.closed_at.parts"


@pytest.mark.parametrize("option", ['parts = ["hour"]', 'elapsed_days_since = "2020-01-01"'])
@pytest.mark.parametrize("dtype", ["int", "float", "bool", "category"])
def test_only_a_datetime_has_parts_and_elapsed_days(dtype, option):
    key = option.partition(" ")[0]
    assert key_of(f'{SOUND}[features.x]\ndtype = "{dtype}"\n{option}\n') == f"features.x.{key}"


@pytest.mark.parametrize(
    ("dtype", "keys"),
    [
        ("int", 'level_names = { a = "x" }'),
        ("category", 'levels = ["a"]\nlevel_names = { b = "x" }'),
        ("category", 'fold_case = true\nlevel_names = { a = "x", A = "y" }'),
    ],
)
def test_names_are_of_levels_that_a_category_may_have_once(dtype, keys):
    assert key_of(f'{SOUND}[features.x]\ndtype = "{dtype}"\n{keys}\n') == "features.x.level_names"


@pytest.mark.parametrize("dtype", ["bool", "category", "datetime"])
@pytest.mark.parametrize("bound", ["minimum", "maximum"])
def test_only_numbers_have_a_range(dtype, bound):
    parts = 'parts = ["hour"]' if dtype == "datetime" else ""
    assert key_of(f'{SOUND}[features.x]\ndtype = "{dtype}"\n{bound} = 1\n{parts}\n') == f"features.x.{bound}"


@pytest.mark.parametrize("dtype", ["category", "datetime"])
def test_what_has_no_order_cannot_be_monotone(dtype):
    parts = 'parts = ["hour"]' if dtype == "datetime" else ""
    text = f'{SOUND}[features.x]\ndtype = "{dtype}"\nmonotone = "increasing"\n{parts}\n'
    assert key_of(text) == "features.x.monotone"


def test_a_minimum_above_the_maximum_is_refused():
    keys = keys_of(f'{SOUND}[features.x]\ndtype = "int"\nminimum = 2\nmaximum = 1\n')
    assert keys == ["line 22: features.x.minimum"]


@pytest.mark.parametrize("bound", ["inf", "nan", "1e39", "1" + "0" * 400])
def test_a_bound_beyond_float32_is_refused(bound):
    assert key_of(f'{SOUND}[features.x]\ndtype = "float"\nmaximum = {bound}\n') == "features.x.maximum"


@pytest.mark.parametrize("bound", ["-9007199254740992", "-1e300", "-inf"])
def test_a_bound_beyond_exact_integers_is_refused(bound):
    assert key_of(f'{SOUND}[features.x]\ndtype = "int"\nminimum = {bound}\n') == "features.x.minimum"


def test_a_fractional_bound_of_an_integer_is_refused():
    assert key_of(f'{SOUND}[features.x]\ndtype = "int"\nminimum = 0.5\n') == "features.x.minimum"


@pytest.mark.parametrize(
    ("declared", "example"),
    [
        ('dtype = "int"', '"3"'),
        ('dtype = "int"', "3.0"),
        ('dtype = "int"', "true"),
        ('dtype = "int"\nmaximum = 5', "6"),
        ('dtype = "float"\nminimum = 1', "0.5"),
        ('dtype = "float"', "nan"),
        ('dtype = "float"', "false"),
        ('dtype = "bool"', "1"),
        ('dtype = "category"', "3"),
        ('dtype = "category"', '" "'),
        ('dtype = "category"', '"' + "x" * 257 + '"'),
        ('dtype = "datetime"\nparts = ["hour"]', '"yesterday"'),
        ('dtype = "datetime"\nparts = ["hour"]', '"2026-11-22"'),
    ],
)
def test_an_example_that_would_be_refused_is_refused(declared, example):
    assert key_of(f"{SOUND}[features.x]\n{declared}\nexample = {example}\n") == "features.x.example"


@pytest.mark.parametrize(
    ("declared", "example"),
    [
        ('dtype = "int"', "0"),
        ('dtype = "float"\nmaximum = 5', "5"),
        ('dtype = "float"', "0.5"),
        ('dtype = "bool"', "false"),
        ('dtype = "category"', '"web"'),
        ('dtype = "datetime"\nparts = ["hour"]', '"2026-11-22T10:00:00Z"'),
    ],
)
def test_an_example_that_passes_is_kept(declared, example):
    assert contract_from_toml(f"{SOUND}[features.x]\n{declared}\nexample = {example}\n", source="x").features["x"]


@pytest.mark.parametrize(
    ("text", "section"),
    [
        (SOUND + '[features.is_fraud]\ndtype = "int"\n', "features"),
        (SOUND + '[features.customer]\ndtype = "int"\n', "id"),
        (SOUND + '[features.applied_at]\ndtype = "int"\n', "time"),
        (SOUND + '[features.truth]\ndtype = "int"\n', "target"),
        (SOUND + '[derived.amount]\nformula = "amount + 1"\n', "derived"),
        ('ignored = ["amount"]' + SOUND, "ignored"),
        ('ignored = ["a", "a"]' + SOUND, "ignored"),
        (SOUND.replace('"truth"', '"is_fraud"'), "target"),
        (
            SOUND
            + '[features.opened_at.reason]\ncode = "A"\ntext = "b"\n[features."opened_at.elapsed_days"]\ndtype = "int"\n',
            "features",
        ),
        (SOUND + 'parts = ["hour", "hour"]\n', "features"),
    ],
)
def test_a_name_used_twice_is_refused_in_the_later_section(text, section):
    assert key_of(text) == section


@pytest.mark.parametrize("name", ["fraud_probability", "risk_score", "outcome"])
def test_a_column_that_scoring_adds_can_be_no_column_of_a_record(name):
    assert key_of(f'{SOUND}[features.{name}]\ndtype = "float"\n') == "features"


def test_a_label_may_be_called_outcome():
    assert contract_from_toml(SOUND.replace("is_fraud", "outcome"), source="x").target.name == "outcome"


@pytest.mark.parametrize("name", sorted({*DECISION_FIELDS} - {PROBABILITY}))
def test_an_id_is_not_named_as_a_field_of_a_decision(name):
    assert key_of(SOUND.replace('name = "customer"', f'name = "{name}"')) in ("id", "id.name")


def test_a_contract_without_features_is_refused():
    assert keys_of('name = "a"\n[target]\nname = "b"\n[features]\n') == ["line 4: features"]


@pytest.mark.parametrize(
    "formula",
    [
        "amount +",
        "log(amount)",
        "amount > 1",
        "1 + 1",
        "amont + 1",
        "channel + 1",
        "opened_at + 1",
        "is_fraud + 1",
        "d + 1",
    ],
)
def test_a_derived_feature_with_a_bad_formula_is_refused(formula):
    assert keys_of(f'{SOUND}[derived.d]\nformula = "{formula}"\n') == ["line 21: derived.d.formula"]


@pytest.mark.parametrize("check", ["amount <", "amount + 1", "1 < 2", "amount < limit", "channel == 1"])
def test_a_constraint_with_a_bad_check_is_refused(check):
    assert keys_of(f'{SOUND}{CONSTRAINT}check = "{check}"\n') == ["line 23: constraints.r.check"]


@pytest.mark.parametrize("field", ["limit", "customer", "applied_at", "is_fraud"])
def test_a_constraint_must_blame_a_feature(field):
    text = SOUND + CONSTRAINT.replace('"amount"', f'"{field}"') + 'check = "amount > 1"\n'
    assert keys_of(text) == ["line 22: constraints.r.field"]


@pytest.mark.parametrize("text", ["{amount}", "{value} {", "}", "{value:.2f}", "{}"])
@pytest.mark.parametrize("section", ['[features.x]\ndtype = "int"', '[derived.x]\nformula = "amount + 1"'])
def test_a_reason_text_has_one_placeholder(section, text):
    assert key_of(f'{SOUND}{section}\nreason = {{ code = "A", text = "{text}" }}\n').endswith(".x.reason")


@pytest.mark.parametrize("text", ["no value", "{value} and {value}"])
def test_a_reason_text_may_repeat_or_leave_out_the_value(text):
    section = f'[features.x]\ndtype = "int"\nreason = {{ code = "A", text = "{text}" }}\n'
    assert isinstance(contract_from_toml(SOUND + section, source="x"), Contract)


RATIO = """[features.x]
dtype = "int"
[derived.d]
formula = "{}"
reason = {{ code = "A", text = "a", floored_text = "{}" }}
"""


@pytest.mark.parametrize("text", ["none", "{value} of {x}"])
def test_the_text_of_a_floored_ratio_may_name_the_columns_of_the_formula(text):
    assert isinstance(contract_from_toml(SOUND + RATIO.format("1 / max(x, 1)", text), source="x"), Contract)


@pytest.mark.parametrize("text", ["{y}", "{d}", "{x", "{{x}}"])
def test_the_text_of_a_floored_ratio_names_nothing_else(text):
    assert key_of(SOUND + RATIO.format("1 / max(x, 1)", text)) == "derived.d.reason"


@pytest.mark.parametrize("formula", ["1 / x", "max(x, 1)", "max(x, 1) / 2"])
def test_a_text_for_floored_ratios_is_refused_where_no_divisor_has_a_floor(formula):
    assert key_of(SOUND + RATIO.format(formula, "a")) == "derived.d.reason"


def with_amount(name: str) -> str:
    features = '[features.is_new]\ndtype = "bool"\n[features.count]\ndtype = "int"\n'
    return f'amount_at_risk = "{name}"\n{SOUND}{features}'


@pytest.mark.parametrize("name", ["amount", "count"])
def test_the_amount_at_risk_is_a_number_of_the_record(name):
    assert contract_from_toml(with_amount(name), source="x").amount_at_risk == name


@pytest.mark.parametrize("name", ["channel", "opened_at", "is_new", "sum", "is_fraud", "customer", "applied_at"])
def test_an_amount_at_risk_that_is_no_numeric_feature_is_refused(name):
    assert keys_of(with_amount(name)) == ["line 1: amount_at_risk"]


@pytest.mark.parametrize(
    ("column", "keys", "key"),
    [
        ("amount", 'levels = ["1"]', "levels"),
        ("amount", 'unseen = "flag"', "unseen"),
        ("amount", "fold_case = true", "fold_case"),
        ("channel", 'levels = ["web", " web"]', "levels"),
        ("channel", 'levels = ["web", "Web"]\nfold_case = true', "levels"),
        ("channel", 'levels = ["web", " "]', "levels"),
        ("channel", 'levels = ["web", "none"]\nmissing = ["None"]\nfold_case = true', "levels"),
        ("channel", 'levels = ["web"]\nexample = "shop"', "example"),
        ("channel", 'unseen = "warn"', "unseen"),
    ],
)
def test_levels_that_cannot_be_are_reported(column, keys, key):
    text = SOUND.replace(f"[features.{column}]", f"[features.{column}]\n{keys}")
    assert key_of(text) == f"features.{column}.{key}"
