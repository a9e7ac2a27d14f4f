"""What contradicts itself in a contract is told by key and mend."""

import pytest

from fraud_detection_api.contract.checks import contract_problems
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


def problems_of(text: str) -> tuple[str, ...]:
    with pytest.raises(InvalidContract) as caught:
        contract_from_toml(text, source="loans.toml")
    return caught.value.problems


def the_problem_of(text: str) -> str:
    (problem,) = problems_of(text)
    return problem


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
    problem = the_problem_of(f'{SINCE}"{since}"')
    assert problem.startswith("line 19: features.closed_at.elapsed_days_since: must be an ISO date, another datetime")


def test_a_datetime_must_say_how_it_is_read():
    assert "features.closed_at.parts: say how the model reads it" in the_problem_of(HEAD)


@pytest.mark.parametrize("option", ['parts = ["hour"]', 'elapsed_days_since = "2020-01-01"'])
@pytest.mark.parametrize("dtype", ["int", "float", "bool", "category"])
def test_only_a_datetime_has_parts_and_elapsed_days(dtype, option):
    problem = the_problem_of(f'{SOUND}[features.x]\ndtype = "{dtype}"\n{option}\n')
    assert f"features.x.{option.partition(' ')[0]}: only datetime features have it, and this one is {dtype}" in problem


@pytest.mark.parametrize("dtype", ["bool", "category", "datetime"])
@pytest.mark.parametrize("bound", ["minimum", "maximum"])
def test_only_numbers_have_a_range(dtype, bound):
    parts = 'parts = ["hour"]' if dtype == "datetime" else ""
    problem = the_problem_of(f'{SOUND}[features.x]\ndtype = "{dtype}"\n{bound} = 1\n{parts}\n')
    assert f"features.x.{bound}: only int and float features have a range, and this one is {dtype}" in problem


@pytest.mark.parametrize("dtype", ["category", "datetime"])
def test_what_has_no_order_cannot_be_monotone(dtype):
    parts = 'parts = ["hour"]' if dtype == "datetime" else ""
    problem = the_problem_of(f'{SOUND}[features.x]\ndtype = "{dtype}"\nmonotone = "increasing"\n{parts}\n')
    assert f"features.x.monotone: a {dtype} has no order" in problem


def test_a_minimum_above_the_maximum_is_refused():
    problem = the_problem_of(f'{SOUND}[features.x]\ndtype = "int"\nminimum = 2\nmaximum = 1\n')
    assert problem == "line 22: features.x.minimum: is above the maximum; swap or mend them"


@pytest.mark.parametrize("bound", ["inf", "nan", "1e39", "1" + "0" * 400])
def test_a_bound_beyond_float32_is_refused(bound):
    assert "features.x.maximum: must be within" in the_problem_of(
        f'{SOUND}[features.x]\ndtype = "float"\nmaximum = {bound}\n'
    )


@pytest.mark.parametrize("bound", ["-9007199254740992", "-1e300", "-inf"])
def test_a_bound_beyond_exact_integers_is_refused(bound):
    assert "features.x.minimum: must be within" in the_problem_of(
        f'{SOUND}[features.x]\ndtype = "int"\nminimum = {bound}\n'
    )


def test_a_fractional_bound_of_an_integer_is_refused():
    assert "must be a whole number" in the_problem_of(f'{SOUND}[features.x]\ndtype = "int"\nminimum = 0.5\n')


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
    problem = the_problem_of(f"{SOUND}[features.x]\n{declared}\nexample = {example}\n")
    assert "features.x.example: must be a value of this" in problem


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
    ("text", "places"),
    [
        (SOUND + '[features.is_fraud]\ndtype = "int"\n', "target, features"),
        (SOUND + '[features.customer]\ndtype = "int"\n', "features, id"),
        (SOUND + '[features.applied_at]\ndtype = "int"\n', "features, time"),
        (SOUND + '[features.truth]\ndtype = "int"\n', "features, target"),
        (SOUND + '[derived.amount]\nformula = "amount + 1"\n', "features, derived"),
        ('ignored = ["amount"]' + SOUND, "features, ignored"),
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
def test_a_name_used_twice_is_refused(text, places):
    assert f"is declared more than once ({places}); keep one" in the_problem_of(text)


@pytest.mark.parametrize("name", ["fraud_probability", "risk_score", "outcome"])
def test_a_column_that_scoring_adds_can_be_no_column_of_a_record(name):
    problem = the_problem_of(f'{SOUND}[features.{name}]\ndtype = "float"\n')
    assert f"the column {name!r} is one that scoring adds; give yours another name" in problem


def test_a_label_may_be_called_outcome():
    assert contract_from_toml(SOUND.replace("is_fraud", "outcome"), source="x").target.name == "outcome"


@pytest.mark.parametrize("name", sorted({*DECISION_FIELDS} - {PROBABILITY}))
def test_an_id_is_not_named_as_a_field_of_a_decision(name):
    problem = the_problem_of(SOUND.replace('name = "customer"', f'name = "{name}"'))
    assert "give yours another name" in problem
    assert name in problem


def test_a_clash_is_told_at_its_later_place():
    assert problems_of(SOUND + '[derived.amount]\nformula = "amount + 1"\n')[0].startswith(
        "derived: the column 'amount'"
    )


def test_a_contract_without_features_is_refused():
    problem = the_problem_of('name = "a"\n[target]\nname = "b"\n[features]\n')
    assert problem.startswith("line 4: features: declare at least one feature")


@pytest.mark.parametrize(
    ("formula", "mend"),
    [
        ("amount +", "is not a formula"),
        ("log(amount)", r"only + - * / min(a, b)"),
        ("min(amount)", "min takes 2 arguments"),
        ("amount > 1", "is a comparison; a derived feature is a number"),
        ("1 + 1", "reads no feature"),
        ("amont + 1", "reads 'amont', which is no feature of this contract"),
        ("channel + 1", "reads 'channel', which is a category and not a number"),
        ("opened_at + 1", "reads 'opened_at', which is a datetime and not a number"),
        ("is_fraud + 1", "reads 'is_fraud', which is no feature"),
        ("d + 1", "reads 'd', which is no feature"),
    ],
)
def test_a_derived_feature_with_a_bad_formula_is_refused(formula, mend):
    problem = the_problem_of(f'{SOUND}[derived.d]\nformula = "{formula}"\n')
    assert problem.startswith("line 21: derived.d.formula: ")
    assert mend in problem


@pytest.mark.parametrize(
    ("check", "mend"),
    [
        ("amount <", "is not a formula"),
        ("amount + 1", "must be a comparison, such as"),
        ("1 < 2", "reads no feature"),
        ("amount < limit", "reads 'limit', which is no feature"),
        ("channel == 1", "is a category and not a number"),
    ],
)
def test_a_constraint_with_a_bad_check_is_refused(check, mend):
    problem = the_problem_of(f'{SOUND}{CONSTRAINT}check = "{check}"\n')
    assert problem.startswith("line 23: constraints.r.check: ")
    assert mend in problem


@pytest.mark.parametrize("field", ["limit", "customer", "applied_at", "is_fraud"])
def test_a_constraint_must_blame_a_feature(field):
    problem = the_problem_of(SOUND + CONSTRAINT.replace('"amount"', f'"{field}"') + 'check = "amount > 1"\n')
    assert problem.startswith("line 22: constraints.r.field: must be a feature of this contract")


@pytest.mark.parametrize("text", ["{amount}", "{value} {", "}", "{value:.2f}", "{}"])
@pytest.mark.parametrize("section", ['[features.x]\ndtype = "int"', '[derived.x]\nformula = "amount + 1"'])
def test_a_reason_text_has_one_placeholder(section, text):
    problem = the_problem_of(f'{SOUND}{section}\nreason = {{ code = "A", text = "{text}" }}\n')
    assert "x.reason: the only placeholder in the text is {value}" in problem


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
    problem = the_problem_of(SOUND + RATIO.format("1 / max(x, 1)", text))
    assert "d.reason: the placeholders in floored_text are {value} and the columns that the formula reads" in problem


@pytest.mark.parametrize("formula", ["1 / x", "max(x, 1)", "max(x, 1) / 2"])
def test_a_text_for_floored_ratios_is_refused_where_no_divisor_has_a_floor(formula):
    problem = the_problem_of(SOUND + RATIO.format(formula, "a"))
    assert "d.reason: floored_text is for formulas that divide by max(column, number)" in problem


def with_amount(name: str) -> str:
    features = '[features.is_new]\ndtype = "bool"\n[features.count]\ndtype = "int"\n'
    return f'amount_at_risk = "{name}"\n{SOUND}{features}'


@pytest.mark.parametrize("name", ["amount", "count"])
def test_the_amount_at_risk_is_a_number_of_the_record(name):
    assert contract_from_toml(with_amount(name), source="x").amount_at_risk == name


@pytest.mark.parametrize("name", ["channel", "opened_at", "is_new"])
def test_an_amount_at_risk_that_is_no_amount_is_refused(name):
    problem = the_problem_of(with_amount(name))
    assert problem.startswith(f"line 1: amount_at_risk: '{name}' is a ")
    assert problem.endswith("name an int or float feature")


@pytest.mark.parametrize("name", ["sum", "is_fraud", "customer", "applied_at"])
def test_an_amount_at_risk_that_is_no_feature_is_refused(name):
    assert f"'{name}' is no feature of this contract; name an int or float one" in the_problem_of(with_amount(name))
