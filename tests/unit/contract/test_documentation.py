"""A contract reads as a table."""

from fraud_detection_api.contract.documentation import HEADINGS, documentation_markdown, documentation_rows
from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from support.builders import every_dtype_contract

PLAIN = 'name = "a"\n[target]\nname = "y"\n[features.x]\ndtype = "float"\n'


def rows_of(contract) -> dict[str, tuple[str, ...]]:
    return {row[0]: row[1:] for row in documentation_rows(contract)}


def test_every_column_of_a_record_and_every_derived_one_has_a_row():
    for contract in (load_contract("credit"), every_dtype_contract()):
        assert [row[0] for row in documentation_rows(contract)] == [*contract.record_columns, *contract.derived]
        assert {len(row) for row in documentation_rows(contract)} == {len(HEADINGS)}


def test_a_contract_may_have_neither_id_nor_time():
    assert documentation_rows(contract_from_toml(PLAIN, source="x")) == [("x", "", "float", "", "", "no")]


def test_a_row_says_type_unit_range_and_whether_it_may_be_missing():
    rows = rows_of(load_contract("credit"))
    assert rows["total_balance"][1:] == ("float", "currency", "-1000000000000 to 1000000000000", "no")
    rows = rows_of(every_dtype_contract())
    assert rows["amount_eur"] == ("", "float", "", "≥ 0", "no")
    assert rows["is_employed"] == ("", "bool", "", "", "yes")
    assert rows["application"] == ("", "str", "id", "", "no")
    assert rows["applied_at"] == ("", "datetime", "", "", "yes")


def test_a_derived_feature_says_how_it_is_computed():
    assert rows_of(every_dtype_contract())["amount_a_month"] == (
        "Computed: `amount_eur / instalments`.",
        "derived",
        "",
        "",
        "where undefined",
    )


def test_a_range_is_written_exactly():
    contract = contract_from_toml(PLAIN + "minimum = 0.1234567\nmaximum = 1234567\n", source="x")
    assert rows_of(contract)["x"][3] == "0.1234567 to 1234567"
    assert rows_of(contract_from_toml(PLAIN + "maximum = 5\n", source="x"))["x"][3] == "≤ 5"


def test_markdown_is_a_table_followed_by_the_rules():
    lines = documentation_markdown(load_contract("credit")).splitlines()
    assert lines[0] == "| column | what it is | type | unit | range | may be missing |"
    assert lines[1] == "| --- | --- | --- | --- | --- | --- |"
    assert lines[-1] == (
        "- `number_of_accounts_in_arrears <= number_of_open_accounts`: "
        "`number_of_accounts_in_arrears` must be at most number_of_open_accounts."
    )


def test_markdown_without_rules_ends_with_the_table():
    assert documentation_markdown(contract_from_toml(PLAIN, source="x")).endswith("| x |  | float |  |  | no |\n")


def test_texts_cannot_break_the_table():
    text = PLAIN.replace(".x]", '."a|b c"]') + 'description = """two\nlines | and a bar"""\n'
    text += '[derived.d]\nformula = "`a|b c` / 2"\n'
    lines = documentation_markdown(contract_from_toml(text, source="x")).splitlines()
    assert lines[2] == "| a\\|b c | two lines \\| and a bar | float |  |  | no |"
    assert lines[3] == "| d | Computed: `` `a\\|b c` / 2 ``. | derived |  |  | where undefined |"
