"""A contract reads as tables."""

from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.contract.shown.documentation import contract_tables, documentation_markdown
from support.builders import every_dtype_contract
from support.payments import payments_contract

PLAIN = 'name = "a"\n[target]\nname = "y"\n[features.x]\ndtype = "float"\n'


def rows_of(contract, title="Record") -> dict[str, tuple[str, ...]]:
    (table,) = [table for table in contract_tables(contract) if table.title == title]
    return {row[0]: row[1:] for row in table.rows}


def test_every_column_of_a_record_every_derived_one_and_every_constraint_has_a_row():
    for contract in (load_contract("credit"), every_dtype_contract()):
        record, derived, constraints = contract_tables(contract)
        assert [row[0] for row in record.rows] == list(contract.record_columns)
        assert [row[0] for row in derived.rows] == list(contract.derived)
        assert [row[0] for row in constraints.rows] == [each.check for each in contract.constraints.values()]


def test_every_row_has_a_cell_for_every_heading():
    for table in contract_tables(every_dtype_contract()):
        assert {len(row) for row in table.rows} == {len(table.headings)}


def test_a_contract_may_have_neither_id_nor_time_nor_derived_features_nor_constraints():
    (record,) = contract_tables(contract_from_toml(PLAIN, source="x"))
    assert record.rows == [("x", "", "float", "", "", "no", "")]


def test_a_row_says_type_unit_range_and_whether_it_may_be_missing():
    rows = rows_of(load_contract("credit"))
    assert rows["total_balance"][1:] == ("float", "currency", "-1000000000000 to 1000000000000", "no", "")
    rows = rows_of(every_dtype_contract())
    assert rows["amount_eur"] == ("", "float", "", "≥ 0", "no", "increasing")
    assert rows["is_employed"] == ("", "bool", "", "", "yes", "")
    assert rows["application"] == ("", "str", "id", "", "no", "")
    assert rows["applied_at"] == ("", "datetime", "", "", "yes", "")


def test_a_derived_feature_says_how_it_is_computed():
    rows = rows_of(every_dtype_contract(), "Derived features")
    assert rows["amount_a_month"] == ("amount_eur / instalments", "", "", "")


def test_keys_and_history_features_have_rows():
    tables = contract_tables(payments_contract())
    assert [table.title for table in tables] == ["Record", "History features", "Derived features", "Constraints"]
    for table in tables:
        assert {len(row) for row in table.rows} == {len(table.headings)}
    rows = rows_of(payments_contract())
    assert rows["terminal"] == ("Where the card was used.", "int", "key", "", "no", "")
    assert (rows["device"][4], rows["paid_at"][4]) == ("yes", "no")
    rows = rows_of(payments_contract(), "History features")
    assert rows["mean_amount_7d"] == ("card", "mean of amount", "7d", "1h", "", "", "", "")
    assert rows["terminals_7d"][:2] == ("card, channel", "distinct of terminal, with the record itself")
    markdown = documentation_markdown(payments_contract())
    assert "| payments_1d | card | count | 1d | 0s |  |  |  | increasing |" in markdown
    assert "`channel == 'web' and amount > 0`" in markdown


def test_a_range_is_written_exactly():
    contract = contract_from_toml(PLAIN + "minimum = 0.1234567\nmaximum = 1234567\n", source="x")
    assert rows_of(contract)["x"][3] == "0.1234567 to 1234567"
    assert rows_of(contract_from_toml(PLAIN + "maximum = 5\n", source="x"))["x"][3] == "≤ 5"


def test_markdown_has_a_section_for_each_table():
    lines = documentation_markdown(load_contract("credit")).splitlines()
    assert [line for line in lines if line.startswith("#")] == ["## Record", "## Derived features", "## Constraints"]
    assert lines[2] == "| column | what it is | type | unit | range | may be missing | monotone |"
    assert lines[3] == "| --- | --- | --- | --- | --- | --- | --- |"
    assert lines[-1] == (
        "| `number_of_accounts_in_arrears <= number_of_open_accounts` | number_of_accounts_in_arrears "
        "| must be at most number_of_open_accounts |"
    )


def test_texts_cannot_break_the_table():
    text = PLAIN.replace(".x]", '."a|b c"]') + 'description = """two\nlines | and a bar"""\n'
    text += '[derived.d]\nformula = "`a|b c` / 2"\n'
    lines = documentation_markdown(contract_from_toml(text, source="x")).splitlines()
    assert "| a\\|b c | two lines \\| and a bar | float |  |  | no |  |" in lines
    assert "| d | `` `a\\|b c` / 2 `` |  |  |  |" in lines
