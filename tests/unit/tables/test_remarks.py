"""A draft names what it does not read: markers that are numbers or days, strays, other units, other readings."""

import numpy as np
import polars as pl
import pytest

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.tables.checking import check_table
from fraud_detection_api.tables.files import read_file
from fraud_detection_api.tables.inference import infer_contract
from fraud_detection_api.tables.remarks import folder_remarks

ROWS = 120


def draft(tmp_path, values, *, name="x", time=None) -> str:
    """The draft of a CSV whose column repeats these values."""
    path = tmp_path / "file.csv"
    column = [values[n % len(values)] for n in range(ROWS)]
    pl.DataFrame({"plain": range(ROWS), name: column, "fraud": [int(n % 3 == 0) for n in range(ROWS)]}).write_csv(path)
    frame = read_file(path, infer_types=True)
    text = infer_contract(frame, source="file.csv", name="file", target="fraud", identifier=None, time=time)
    contract = contract_from_toml(text, source="draft.toml")
    assert check_table(read_file(path), contract).problems == []
    return text


DAYS = [f"2024-{month:02}-{day:02}" for month in (1, 5, 9) for day in range(1, 14)]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([-999, *range(1000, 1009)], "-999 in 12 rows, and all other values are 0 or more; if that means missing"),
        ([-1.0, *(n + 0.5 for n in range(9))], "-1 in 12 rows, and all other values are 0 or more"),
        ([-8, -9, 0, *range(70, 77)], "-8 in 12 rows and -9 in 12 rows, and all other values are 0 or more"),
        ([-9999, -3, *range(8)], "-9999 in 12 rows, and all other values are -3 or more"),
        ([99999, *range(18, 85)], "99999 in 2 rows, and all other values are 84 or less"),
        (["$-99", "?!", *(f"${n}.50" for n in range(8))], "; -99 in 12 rows, and all other values are 0 or more"),
        (["$-99", *(f"${n}.50" for n in range(9))], "-99 in 12 rows, and all other values are 0 or more"),
        (["9999-12-31", *DAYS[:9]], "9999-12-31 in 12 rows, and all other values are earlier; if that means missing"),
        (["31/12/9999", *(f"{day}/07/2024" for day in range(20, 29))], 'missing = ["9999-12-31"] and nullable = true'),
        (["1970-01-01", *DAYS[:9]], "1970-01-01 in 12 rows, and all other values are later"),
        ([-999, -998, *range(9)], None),
        ([-1, 1], None),
        ([999, *range(900, 1100, 7)], None),
        (["1970-01-01", "1961-05-05", *DAYS[:8]], None),
    ],
)
def test_a_frequent_value_far_from_all_others_may_mean_missing(tmp_path, values, said):
    text = draft(tmp_path, values)
    assert said in text if said else "all other values" not in text


@pytest.mark.parametrize("values", [["31/12/9999", "20/07/2024"], ["9999-12-31", "2024-07-20"]])
@pytest.mark.parametrize("typed", [False, True])
def test_a_day_is_a_marker_in_every_spelling_and_type(values, typed):
    format_ = '\nformat = "%d/%m/%Y"' if "/" in values[0] else ""
    contract = contract_from_toml(
        'name = "a"\n[target]\nname = "y"\n[features.x]\ndtype = "datetime"\nparts = ["month"]\nnullable = true\n'
        f'missing = ["9999-12-31"]{format_}',
        source="own.toml",
    )
    column = pl.Series(values).str.to_date("%d/%m/%Y" if format_ else "%Y-%m-%d") if typed else values
    check = check_table(pl.DataFrame({"x": column}), contract)
    assert check.problems == []
    assert np.isnan(check.columns["x"]).tolist() == [True, False]


NINE = range(1, 10)
US_DATES = [f"{n}/2{n % 9}/2024" for n in NINE]


@pytest.mark.parametrize(
    ("values", "kind", "declared"),
    [
        ([f"${n}.5" for n in NINE], "amounts of money", 'a number with format = "currency", missing = ["unknown"]'),
        (
            [f"{n},5 €" for n in NINE],
            "amounts of money",
            'a number with format = "currency_decimal_comma", missing = ["un',
        ),
        ([f"{n}.5%" for n in NINE], "percentages", 'a number with format = "percent", missing = ["unknown"]'),
        ([f"{n},000" for n in NINE], "numbers", 'a number with format = "thousands", missing = ["unknown"]'),
        ([f"{n}.5" for n in NINE], "numbers", 'a number with missing = ["unknown"]'),
        (US_DATES, "times", 'a time with format = "%m/%d/%Y", missing = ["unknown"] and nullable = true'),
        (DAYS[:9], "times", 'a time with missing = ["unknown"] and nullable = true'),
    ],
)
def test_a_column_that_is_nearly_all_in_a_form_names_the_rows_that_are_not(tmp_path, values, kind, declared):
    text = draft(tmp_path, [*values, "unknown"])
    assert f"108 of 120 values are {kind}; the others are in rows 10, 20, 30, 40, 50, …: correct the file" in text
    assert f"declare {declared}" in text
    pasted = text.partition("out of `ignored`, and put this in\n")[2].replace("# ", "")
    contract = contract_from_toml(text.replace('  "x",', "").split("# If the others")[0] + pasted, source="own.toml")
    check = check_table(read_file(tmp_path / "file.csv"), contract)
    assert check.problems == []
    assert np.isnan(check.columns["x"]).sum() == 12


def test_a_second_header_is_said():
    frame = pl.DataFrame({"a": ["EUR", "1", "2"], "b": ["years", "3.5", None], "c": ["x", "y", "x"], "y": [0, 1, 0]})
    text = infer_contract(frame, source="f.csv", name="f", target="y", identifier=None, time=None)
    assert "# Row 1 looks like a second header, or names units: remove it." in text


def test_levels_that_only_look_like_amounts_stay_a_category(tmp_path):
    assert 'dtype = "category"' in draft(tmp_path, ["VIP1", "VIP2", "AGE3", "AGE4", "other"])


def test_many_or_long_other_words_are_not_repeated(tmp_path):
    text = draft(tmp_path, [*(f"${n}" for n in range(40)), "a", "b", "c", "d" * 30])
    assert 'missing = ["…"]' in text


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([f"{n}.5K" for n in range(99)], "numbers with K, M or B"),
        ([hex(n * 77) for n in range(99)], "hexadecimal numbers"),
        ([f"{n % 24:02}:{n % 60:02}" for n in range(99)], "times of day"),
        ([f"2024-01-{n % 28 + 1:02} 10:{n % 60:02}:00 EST" for n in range(99)], "times with the name of a zone"),
    ],
)
def test_texts_that_no_format_reads_are_named(tmp_path, values, kind):
    assert f"an id or free text, and no category; nearly all are {kind}: " in draft(tmp_path, values)


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        (["1\u2009037.50", "8"], ['60 values are written as in "1\u2009037.50": 1,234.5 is 1234.5']),
        (["$12.50", "8"], ['60 values are written as in "$12.50": $1,234.50 is 1234.5', "60 more are plain numbers"]),
        (
            ["58.7%", "0.587"],
            ['60 values are written as in "58.7%"', "60 more lack the sign, and are read as if they had it"],
        ),
        (["$5210", "€3300"], ['values in "$" (60), "€" (60) are read as one unit']),
        (
            ["31/12/2024", "2024-12-30"],
            ['60 values are written as in "31/12/2024"; requests have', "60 more are in ISO 8601"],
        ),
        (["31/12/24", "30/11/69"], ["years 70 to 99 are 1970 to 1999"]),
    ],
)
def test_a_format_says_how_often_and_what_the_other_values_are(tmp_path, values, lines):
    text = draft(tmp_path, values)
    assert [line for line in lines if f"# {line}" not in text] == []


@pytest.mark.parametrize(
    "values", [["$5210", "€3300"], ["5%", "8%"], ["31/12/2024 10:11:12"] * 2 + ["30/12/2024 10:11:13"]]
)
def test_another_reading_that_gives_the_same_values_is_not_named(tmp_path, values):
    assert "as well" not in draft(tmp_path, values)


def test_the_rows_of_long_texts_are_named(tmp_path):
    assert "has texts of more than 256 characters: 40 rows (3, 6, 9, 12, 15, …)" in draft(
        tmp_path, ["a", "b", "x" * 257]
    )


def test_days_that_may_be_those_of_excel_are_said(tmp_path):
    assert "subtract 25569" in draft(tmp_path, list(range(45000, 45120)), name="open_date", time="open_date")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("X", '# one value, "X", in 40 rows'),
        (1, "one value, 1, in 40 rows"),
        (True, 'one value, "True"'),
    ],
)
def test_a_value_that_is_there_or_not_is_a_feature(tmp_path, value, said):
    section = draft(tmp_path, [value, None, None]).partition("[features.x]")[2]
    assert said in section
    assert "nullable = true" in section


def test_numbers_in_other_digits_are_named(tmp_path):
    assert "nearly all are numbers in other digits than 0 to 9" in draft(tmp_path, ["\uff11\uff12", "\uff13"])


def test_folders_that_name_a_column_are_said(tmp_path):
    (tmp_path / "day=1").mkdir()
    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "day=1" / "part.parquet")
    (said,) = folder_remarks(tmp_path)
    assert said.startswith('Folders are named "day=…": not read')
    assert folder_remarks(tmp_path / "day=1") == []


def test_reasons_of_a_draft_have_codes_of_their_own():
    names = ["年齢", "収入", "a b", "a-b", "K\u00fcndigung", *("x" * 99 + str(n) for n in range(3))]
    frame = pl.DataFrame({**{name: [1, 2] for name in names}, "y": [0, 1]})
    text = infer_contract(frame, source="f.csv", name="f", target="y", identifier=None, time=None)
    features = contract_from_toml(text, source="draft.toml").features.values()
    codes = [feature.reason.code for feature in features]
    assert len(set(codes)) == len(names)
    assert codes[:5] == ["F_1", "F_2", "A_B", "A_B_4", "KUNDIGUNG"]


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        (
            "open_date",
            range(45000, 45120),
            "# days of Excel? subtract 25569 in the file, and declare a datetime with format",
        ),
        ("mcc", [5411, 5812], "# a code? declare a category"),
        ("country_code", [1, 2, 3], "# a code? declare a category"),
        ("shop_id", [1, 2, 3], "# a code? declare a category"),
        ("x", ["10:30", "11:45"], "nearly all are times of day"),
        ("x", ["2024-W05", "2024-W06"], "nearly all are weeks"),
        ("x", ["2024-01", "2024-02"], "nearly all are months"),
        ("x", ["2024Q1", "2024Q2"], "nearly all are quarters"),
        ("x", ["a\x00", "b"], "# NUL characters in 60 rows: correct the file"),
        ("opened_days", [45000, 45001], None),
        ("paid", [1, 2, 3], None),
    ],
)
def test_columns_that_may_mean_something_else_are_said(tmp_path, name, values, said):
    section = draft(tmp_path, values, name=name).partition(f"[features.{name}]")[2]
    assert said in section if said else "# " not in section
