"""Contracts come from TOML. All problems of a file are reported at once, with line and key."""

import json

import pytest

from fraud_detection_api.contract.loading import contract_from_toml, load_contract, parse_contract
from fraud_detection_api.errors import InvalidContract
from support.builders import EVERY_DTYPE, every_dtype_contract

HEAD = 'name = "loans"\n[target]\nname = "is_fraud"\n'
AMOUNT = '[features.amount]\ndtype = "float"\n'
SOUND = HEAD + AMOUNT
INSTALMENTS = '[features.instalments]\ndtype = "int"\nminimum = 1\nmaximum = 600\n'
EMPLOYED = '[features.is_employed]\ndtype = "bool"\nnullable = true\n'


def problems_of(text: str) -> tuple[str, ...]:
    with pytest.raises(InvalidContract) as caught:
        contract_from_toml(text, source="loans.toml")
    assert caught.value.source == "loans.toml"
    return caught.value.problems


def test_the_packaged_credit_contract_is_the_given_record():
    credit = load_contract("credit")
    assert credit.record_columns == (
        "customer_id",
        "number_of_open_accounts",
        "total_credit_limit",
        "total_balance",
        "number_of_accounts_in_arrears",
    )
    assert (credit.identifier.name, credit.identifier.dtype, credit.target.name) == ("customer_id", "int", "is_fraud")
    dtypes = {name: (feature.dtype, feature.minimum) for name, feature in credit.features.items()}
    assert dtypes["number_of_open_accounts"] == dtypes["number_of_accounts_in_arrears"] == ("int", 0)
    assert dtypes["total_credit_limit"] == ("float", 0)
    assert dtypes["total_balance"][1] < 0
    assert {"credit_utilisation", "arrears_share"} <= set(credit.derived)
    assert [(each.field, each.check) for each in credit.constraints.values()] == [
        ("number_of_accounts_in_arrears", "number_of_accounts_in_arrears <= number_of_open_accounts")
    ]


def test_every_feature_of_the_credit_contract_has_unit_range_and_reason():
    credit = load_contract("credit")
    for feature in credit.features.values():
        assert feature.unit
        assert feature.description
        assert feature.reason is not None
        assert feature.minimum is not None
        assert feature.maximum is not None
        assert feature.example is not None
    assert all(derived.reason for derived in credit.derived.values())


def test_utilisation_is_defined_at_limit_zero():
    utilisation = load_contract("credit").derived["credit_utilisation"].parsed
    assert float(utilisation.evaluate({"total_balance": 500.0, "total_credit_limit": 0.0})) == 500


def test_a_file_is_loaded_by_its_path(tmp_path):
    path = tmp_path / "loans.toml"
    path.write_text("\ufeff" + SOUND, encoding="utf-8")
    assert load_contract(path).name == load_contract(str(path)).name == "loans"


@pytest.mark.parametrize("build", [lambda: load_contract("credit"), every_dtype_contract])
def test_json_reads_back_as_the_same_contract(build):
    contract = build()
    read = parse_contract(json.loads(json.dumps(contract.as_json())), source="bundle")
    assert read == contract
    assert read.fingerprint == contract.fingerprint


@pytest.mark.parametrize("positive", ["true", "false", "1", "0", "2", '"fraud"'])
def test_json_keeps_the_positive_value_and_its_type(positive):
    contract = contract_from_toml(SOUND.replace('"is_fraud"\n', f'"is_fraud"\npositive = {positive}\n'), source="x")
    read = parse_contract(json.loads(json.dumps(contract.as_json())), source="bundle")
    assert repr(read.target.positive) == repr(contract.target.positive)


# text, line of the problem (None where the text does not name it), and the key
BROKEN = {
    "unknown key": (SOUND + "minimun = 3\n", 6, "features.amount.minimun"),
    "unknown key, nothing close": (SOUND + "colour = 3\n", 6, "features.amount.colour"),
    "unknown key at the top": ("ignord = []\n" + SOUND, 1, "ignord"),
    "unknown table": (SOUND + '[constrains.a]\ncheck = "a"\n', None, "constrains"),
    "unknown key of the target": (HEAD + "posit = 1\n" + AMOUNT, 4, "target.posit"),
    "unknown key of the id": (SOUND + '[id]\nname = "a"\ntype = "int"\n', 8, "id.type"),
    "unknown key of the time": (SOUND + '[time]\nname = "a"\nunit = "s"\n', 8, "time.unit"),
    "unknown key of a derived one": (
        SOUND + '[derived.a]\nformulas = "amount"\nformula = "amount"\n',
        7,
        "derived.a.formulas",
    ),
    "unknown key of a constraint": (
        SOUND + '[constraints.a]\ncheck = "amount > 0"\nfield = "amount"\nmessage = "x"\nmesage = "x"\n',
        10,
        "constraints.a.mesage",
    ),
    "unknown key of a reason": (
        SOUND + 'reason = { code = "A", txt = "b", text = "b" }\n',
        6,
        "features.amount.reason.txt",
    ),
    "unknown key of a feature called time": (
        SOUND + '[features.time]\ndtype = "int"\nminimun = 1\n',
        8,
        "features.time.minimun",
    ),
    "unknown key of a feature called float": (
        SOUND + '[features.float]\ndtype = "int"\nunitt = "a"\n',
        8,
        "features.float.unitt",
    ),
    "a text for a number": (SOUND + 'minimum = "0"\n', 6, "features.amount.minimum"),
    "a boolean for a number": (SOUND + "minimum = true\n", 6, "features.amount.minimum"),
    "a number for a boolean": (SOUND + "nullable = 1\n", 6, "features.amount.nullable"),
    "a number for a text": (SOUND + "unit = 1\n", 6, "features.amount.unit"),
    "a list for a positive value": (HEAD + "positive = [1]\n" + AMOUNT, 4, "target.positive"),
    "a TOML date for a text": (
        HEAD + '[features.at]\ndtype = "datetime"\nelapsed_days_since = 2020-01-01\n',
        6,
        "features.at.elapsed_days_since",
    ),
    "a value for a table": ("target = 3\n" + 'name = "loans"\n' + AMOUNT, 1, "target"),
    "a wrong dtype": (HEAD + '[features.amount]\ndtype = "decimal"\n', 5, "features.amount.dtype"),
    "a wrong direction": (SOUND + 'monotone = "up"\n', 6, "features.amount.monotone"),
    "a wrong part": (HEAD + '[features.at]\ndtype = "datetime"\nparts = ["hours"]\n', 6, "features.at.parts"),
    "no dtype": (HEAD + '[features.a]\nunit = "x"\n[features.b]\ndtype = "int"\n', 4, "features.a.dtype"),
    "no name": (SOUND.partition("\n")[2], None, "name"),
    "no target": ('name = "loans"\n' + AMOUNT, None, "target"),
    "no name of the target": ('name = "a"\n[target]\npositive = 1\n[id]\nname = "b"\n', 2, "target.name"),
    "no name in an inline target": ('target = { positive = 1 }\nname = "a"\n' + AMOUNT, 1, "target.name"),
    "no features": (HEAD, None, "features"),
    "no formula": (SOUND + '[derived.name]\nunit = "x"\n', 6, "derived.name.formula"),
    "a name with spaces": (SOUND.replace('"loans"', '"my loans"'), 1, "name"),
    "a column with a brace": (HEAD + '[features."a{b"]\ndtype = "int"\n', 4, "features.a{b"),
    "an empty column name": (SOUND.replace('"is_fraud"', '""'), 3, "target.name"),
    "a reason code in small letters": (
        SOUND + 'reason = { code = "amount_high", text = "b" }\n',
        6,
        "features.amount.reason.code",
    ),
    "an empty reason text": (SOUND + 'reason = { code = "A", text = "" }\n', 6, "features.amount.reason.text"),
    "a dotted key": ('target.nam = "y"\nname = "loans"\n' + AMOUNT, 1, "target.nam"),
    "a quoted feature": (HEAD + '[features."a.b"]\ndtype = "int"\nunit = 1\n', 6, "features.a.b.unit"),
}


@pytest.mark.parametrize(("text", "line", "key"), BROKEN.values(), ids=BROKEN.keys())
def test_a_problem_is_reported_with_its_line_and_key(text, line, key):
    (problem,) = [problem for problem in problems_of(text) if f"{key}: " in problem]
    assert problem.startswith(f"line {line}: {key}: " if line else f"{key}: ")


def test_every_problem_is_reported_at_once():
    problems = problems_of('nam = "a"\n[target]\n[features.a]\ndtype = "x"\nunit = 3\n[derived.b]\n')
    for key in ("nam", "name", "target.name", "features.a.dtype", "features.a.unit", "derived.b.formula"):
        assert any(problem.removeprefix("line ").lstrip("0123456789: ").startswith(f"{key}: ") for problem in problems)


def test_every_contradiction_is_reported_at_once():
    problems = problems_of(
        SOUND + 'minimum = 2\nmaximum = 1\nparts = ["hour"]\n[constraints.a]\ncheck = "1"\nfield = "b"\nmessage = "m"\n'
    )
    assert len(problems) == 5


@pytest.mark.parametrize(
    "text",
    ["name = ", "name = 'a'\nname = 'b'", "[features", "a = " + "[" * 3000, "a = " + "1" * 5000, "a = 2020-13-45"],
)
def test_text_that_is_not_toml_is_refused(text):
    assert len(problems_of(text)) == 1


def test_the_line_of_a_syntax_error_is_reported():
    assert "line 2" in problems_of('name = "a"\nid = = 3\n')[0]


def test_a_file_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "loans.toml"
    path.write_bytes(b'name = "\xff"')
    with pytest.raises(InvalidContract):
        load_contract(path)


@pytest.mark.parametrize("name", ["none.toml", "no_such_contract", "../credit"])
def test_a_missing_file_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidContract) as caught:
        load_contract(name)
    assert caught.value.source == name


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(InvalidContract):
        load_contract(tmp_path)


def test_a_problem_of_parsed_values_has_no_line():
    with pytest.raises(InvalidContract) as caught:
        parse_contract({"name": "a", "target": {}, "features": {}}, source="bundle")
    (problem,) = caught.value.problems
    assert problem.startswith("target.name: ")


def test_values_that_are_no_table_are_refused():
    with pytest.raises(InvalidContract):
        parse_contract([], source="bundle")  # type: ignore[arg-type]


def test_comments_layout_and_spelled_out_defaults_leave_the_fingerprint():
    other = "# a comment\n" + EVERY_DTYPE.replace(" = ", "=").replace("[id]", "\n\n[ id ] # the id")
    other = other.replace('dtype="bool"\n', 'dtype="bool"\ndescription=""\nunit=""\n')
    assert contract_from_toml(other, source="x").fingerprint == every_dtype_contract().fingerprint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "every_dtype"', 'name = "other"'),
        ('name = "application"', 'name = "applicant"'),
        ('positive = "fraud"', 'positive = "bad"'),
        ('positive = "fraud"', ""),
        ('positive = "fraud"', "positive = true"),
        ('positive = "fraud"', 'positive = "fraud"\nlabel_delay_days = 30'),
        ('name = "every_dtype"', 'name = "every_dtype"\npurpose = "credit"'),
        ("minimum = 0", "minimum = 1"),
        ("minimum = 0\n", ""),
        ('monotone = "increasing"', 'monotone = "decreasing"'),
        ("nullable = true", "nullable = false"),
        ('"year", "month"', '"month", "year"'),
        ("2020-01-01", "2021-01-01"),
        ("amount_eur / instalments", "amount_eur * instalments"),
        ("instalments <= amount_eur", "instalments < amount_eur"),
        ('ignored = ["note"]', "ignored = []"),
        ('[time]\nname = "applied_at"\n', ""),
        (INSTALMENTS + EMPLOYED, EMPLOYED + INSTALMENTS),
    ],
)
def test_any_change_of_meaning_changes_the_fingerprint(old, new):
    assert old in EVERY_DTYPE
    changed = contract_from_toml(EVERY_DTYPE.replace(old, new, 1), source="x")
    assert changed.fingerprint != every_dtype_contract().fingerprint


def test_a_contract_is_about_fraud_whose_labels_come_at_once_unless_it_says_otherwise():
    plain = every_dtype_contract()
    assert (plain.purpose, plain.target.label_delay_days) == ("fraud", 0)
    said = EVERY_DTYPE.replace('name = "every_dtype"', 'name = "every_dtype"\npurpose = "fraud"', 1)
    said = said.replace('positive = "fraud"', 'positive = "fraud"\nlabel_delay_days = 0', 1)
    assert contract_from_toml(said, source="x").fingerprint == plain.fingerprint


def test_a_contract_that_says_nothing_new_has_the_fingerprint_that_older_programs_gave_it():
    fingerprint = contract_from_toml(SOUND, source="x").fingerprint
    assert fingerprint == "sha256:1c2e4e8035f28f57df205a9bd23ea23a56c738c938099864fb5698ad77eefe91"


@pytest.mark.parametrize("days", ["30", "2.5", "0", "36500"])
def test_a_delay_is_a_number_of_days_and_survives_a_bundle(days):
    contract = contract_from_toml(SOUND.replace('"is_fraud"\n', f'"is_fraud"\nlabel_delay_days = {days}\n'), source="x")
    assert contract.target.label_delay_days == float(days)
    assert parse_contract(contract.as_json(), source="bundle").fingerprint == contract.fingerprint


@pytest.mark.parametrize("days", ["-1", "36501", '"30"', "true", "nan", "inf"])
def test_a_delay_that_is_no_number_of_days_is_refused_by_its_key(days):
    with pytest.raises(InvalidContract, match=r"target\.label_delay_days: "):
        contract_from_toml(SOUND.replace('"is_fraud"\n', f'"is_fraud"\nlabel_delay_days = {days}\n'), source="x")


def test_another_purpose_is_refused_with_those_there_are():
    (problem,) = problems_of('purpose = "churn"\n' + SOUND)
    assert problem.startswith("line 1: purpose: ")
    assert "'fraud'" in problem
    assert "'credit'" in problem


def test_true_and_one_are_different_targets():
    fingerprints = {
        contract_from_toml(
            SOUND.replace('"is_fraud"\n', f'"is_fraud"\npositive = {positive}\n'), source="x"
        ).fingerprint
        for positive in ("true", "1", '"1"')
    }
    assert len(fingerprints) == 3


CONSTRAINT = '[constraints.r]\ncheck = "amount > 0"\nfield = "amount"\nmessage = "m"\n'
EARLIER = CONSTRAINT.replace("constraints", "rules")


def test_the_earlier_name_of_the_constraints_gives_the_same_contract_and_one_warning(caplog):
    contract = contract_from_toml(SOUND + EARLIER, source="earlier.toml")
    assert contract_from_toml(SOUND + EARLIER, source="earlier.toml") == contract
    (warning,) = caplog.records
    assert (warning.levelname, warning.message) == ("WARNING", "contract_deprecated")
    assert contract == contract_from_toml(SOUND + CONSTRAINT, source="loans.toml")
    assert contract.former_fingerprint == "sha256:2a4a774732e5cf1242028ede53682afe32ba30ae917bde7558e885b725e94d5c"


def test_a_bundle_s_contract_says_rules_and_warns_nobody(caplog):
    contract = contract_from_toml(SOUND + CONSTRAINT, source="x")
    document = contract.as_json()
    assert list(document["rules"]) == ["r"]
    assert parse_contract(document, source="bundle") == contract
    assert not caplog.records


def test_a_problem_of_a_constraint_is_reported_under_the_name_that_the_file_uses():
    for text, section in ((CONSTRAINT, "constraints"), (EARLIER, "rules")):
        (problem,) = problems_of(SOUND + text.replace("amount > 0", "sum > 0"))
        assert problem.startswith(f"line 7: {section}.r.check: ")


def test_constraints_under_both_names_are_refused():
    (problem,) = problems_of(SOUND + CONSTRAINT + EARLIER)
    assert problem.startswith("rules: ")
