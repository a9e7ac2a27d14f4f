"""Tables are checked, and the rows of each problem reported; never a value."""

import io
from datetime import UTC, date, datetime, time, timedelta, timezone

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.tables.checking import check_table, column_types, identifier_problems, read_column, rows_text
from support.builders import every_dtype_contract, every_dtype_frame

LOANS = every_dtype_contract()


def contract_of(dtype: str, *, nullable: bool = False, rest: str = ""):
    parts = 'parts = ["hour"]\n' if dtype == "datetime" else ""
    return contract_from_toml(
        f'name = "a"\n[target]\nname = "y"\n[features.x]\ndtype = "{dtype}"\n'
        f"nullable = {str(nullable).lower()}\n{parts}{rest}",
        source="a.toml",
    )


def check(dtype: str, values, *, nullable: bool = False, rest: str = "", **options):
    series = values if isinstance(values, pl.Series) else pl.Series(values)
    return check_table(pl.DataFrame({"x": series}), contract_of(dtype, nullable=nullable, rest=rest), **options)


def bad_rows(found) -> list[list[int]]:
    """The rows of each problem."""
    return [rows.tolist() for rows in found.bad_rows.values()]


def as_csv_text(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.read_csv(io.BytesIO(frame.write_csv().encode()), infer_schema=False)


def same_columns(left, right) -> None:
    assert set(left) == set(right)
    for name, column in left.items():
        np.testing.assert_array_equal(column, right[name])


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("int", [1, 2], [1, 2]),
        ("int", ["1", " 2 ", "+3", "4.0", "1e3"], [1, 2, 3, 4, 1000]),
        ("int", [1.0, -2.0], [1, -2]),
        ("int", pl.Series([1, 2], dtype=pl.UInt8), [1, 2]),
        ("float", ["1", "-2.5", "1e-3", ".5"], [1, -2.5, 0.001, 0.5]),
        ("float", [1, 2], [1, 2]),
        ("float", pl.Series([0.5], dtype=pl.Float32), [0.5]),
        ("bool", [True, False], [1, 0]),
        ("bool", [1, 0], [1, 0]),
        ("bool", [1.0, 0.0], [1, 0]),
        ("bool", ["true", "False", "TRUE", "1", "0", "1.0", "0.0", " true "], [1, 0, 1, 1, 0, 1, 0, 1]),
        ("category", ["a", " b ", "ünï"], ["a", "b", "ünï"]),
        ("category", [1, 2], ["1", "2"]),
        ("category", [True, False], ["true", "false"]),
        ("category", pl.Series(["a", " b "], dtype=pl.Categorical), ["a", "b"]),
        ("category", pl.Series(["a", "b"], dtype=pl.Enum(["b", "a"])), ["a", "b"]),
        ("datetime", [datetime(1970, 1, 2)], [86400]),  # noqa: DTZ001
        ("datetime", [datetime(1970, 1, 2, 1, tzinfo=timezone(timedelta(hours=1)))], [86400]),
        ("datetime", [date(1970, 1, 2)], [86400]),
        ("datetime", pl.Series([86_400_500], dtype=pl.Datetime("ms")), [86400.5]),
        (
            "datetime",
            [
                "1970-01-02",
                "1970-01-02T00:00",
                "1970-01-02 00:00:00",
                "1970-01-02T00:00:00Z",
                " 1970-01-02T02:00:00+02:00",
            ],
            [86400] * 5,
        ),
        ("datetime", ["1970-01-01T23:30:00-0030", "1970-01-02T00:00:00.500Z"], [86400, 86400.5]),
        ("datetime", ["1970-01-02t00:00:00z", "1970-01-02T00:00:00.123456789"], [86400, 86400.123456]),
        ("datetime", ["9999-12-31T23:59:59.999999"], [253402300799999999 / 10**6]),
    ],
)
def test_values_of_the_declared_dtype_are_read(dtype, values, expected):
    found = check(dtype, values)
    assert not found.problems
    assert found.columns["x"].tolist() == expected


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("int", [1.5, 2.0]),
        ("int", ["x", "1"]),
        ("int", ["0x10", "1"]),
        ("int", [float("inf"), 1.0]),
        ("int", [True, False]),
        ("int", [date(2020, 1, 1), None]),
        ("float", ["1,5", "2"]),
        ("float", ["-inf", "2"]),
        ("float", [1e39, 2]),
        ("float", ["1e999", "2"]),
        ("float", [True, False]),
        ("float", [[1.0], None]),
        ("bool", ["yes", "true"]),
        ("bool", [2, 1]),
        ("bool", [0.5, 1.0]),
        ("category", [1.5, None]),
        ("category", [date(2020, 1, 1), None]),
        ("category", [b"x", None]),
        ("datetime", ["yesterday", "2020-01-01"]),
        ("datetime", ["2020-13-01", "2020-01-01"]),
        ("datetime", ["31.12.2020", "2020-01-01"]),
        ("datetime", ["1577836800", "2020-01-01"]),
        ("datetime", ["2020-01-01T23:59:60Z", "2020-01-01"]),
        ("datetime", ["2020-1-1T00:00:00", "2020-01-01"]),
        ("datetime", ["-001-01-01", "2020-01-01"]),
        ("datetime", ["0000-01-01", "2020-01-01"]),
        ("datetime", [1577836800, None]),
        ("datetime", [time(1), None]),
    ],
)
def test_values_of_another_dtype_are_reported(dtype, values):
    assert bad_rows(check(dtype, values, nullable=True))[0][0] == 1


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("int", [None, 1]),
        ("int", ["", " ", None, "NaN", "nan"]),
        ("float", [None, float("nan")]),
        ("float", ["", "NaN"]),
        ("bool", [None, True]),
        ("bool", ["", "  "]),
        ("category", [None, "", " \t"]),
        ("category", pl.Series(["", None], dtype=pl.Categorical)),
        ("category", pl.Series([None, None])),
        ("datetime", [None, ""]),
        ("datetime", pl.Series([None], dtype=pl.Date)),
    ],
)
def test_missing_values_pass_where_the_contract_says_so(dtype, values):
    missing = [index for index, each in enumerate(values) if each not in (1, True)]
    allowed = check(dtype, values, nullable=True)
    assert not allowed.problems
    column = allowed.columns["x"]
    assert all(column[index] is None or np.isnan(column[index]) for index in missing)
    assert bad_rows(check(dtype, values)) == [[index + 1 for index in missing]]


def test_numbers_outside_the_range_are_counted():
    found = check("int", [0, 1, 2, 3], rest="minimum = 1\nmaximum = 2\n")
    assert bad_rows(found) == [[1, 4]]


@pytest.mark.parametrize("beyond", [2**53, -(2**53), 2**53 + 1, 2**63 - 1])
def test_integers_that_are_not_kept_exactly_are_outside_the_range(beyond):
    assert bad_rows(check("int", [beyond])) == [[1]]


def test_a_missing_number_is_not_outside_the_range():
    assert not check("float", [None, 1.5], nullable=True, rest="minimum = 1\n").problems


def test_a_level_may_have_256_characters():
    assert bad_rows(check("category", ["x" * 257, "x" * 256])) == [[1]]


def test_missing_columns_are_named():
    found = check_table(pl.DataFrame({"amount_eur": [1.0]}), LOANS)
    missing = ("instalments", "is_employed", "channel", "opened_at")
    assert all(repr(name) in problem for name, problem in zip(missing, found.problems, strict=True))
    assert bad_rows(found) == [[]] * 4


def test_unknown_columns_are_left_alone():
    frame = every_dtype_frame(3).with_columns(pl.lit("SECRET").alias("other"))
    assert set(check_table(frame, LOANS).columns) == {*LOANS.features, "applied_at"}


def test_the_time_column_is_optional_and_may_be_missing():
    frame = every_dtype_frame(3)
    without = check_table(frame.drop("applied_at"), LOANS)
    assert not without.problems
    assert np.isnan(without.columns["applied_at"]).all()
    some = frame.with_columns(pl.when(pl.int_range(pl.len()) > 0).then("applied_at").alias("applied_at"))
    assert not check_table(some, LOANS).problems


def test_a_time_column_that_cannot_be_read_is_a_problem():
    frame = every_dtype_frame(2).with_columns(applied_at=pl.lit("yesterday"))
    assert bad_rows(check_table(frame, LOANS)) == [[1, 2]]


def test_broken_constraints_are_counted_and_blame_their_field():
    frame = every_dtype_frame(4).with_columns(amount_eur=pl.Series([0.5, 1e6, 0.5, 1e6]), instalments=pl.lit(2))
    (problem,) = check_table(frame, LOANS).problems
    assert problem == "instalments must be at most amount_eur: 2 rows (1, 3)"


def test_constraints_wait_until_the_columns_pass():
    frame = every_dtype_frame(2).with_columns(amount_eur=pl.Series([-1.0, 0.5]), instalments=pl.lit(2))
    assert bad_rows(check_table(frame, LOANS)) == [[1]]


def test_rows_are_numbered_from_the_first_row_of_the_piece():
    assert bad_rows(check("int", ["x", "1", "y"], first_row=100_001)) == [[100_001, 100_003]]


@pytest.mark.parametrize(
    ("rows", "text"),
    [([7], "1 row (7)"), ([1, 2, 3, 4, 5], "5 rows (1, 2, 3, 4, 5)"), (range(1, 1001), "1000 rows (1, 2, 3, 4, 5, …)")],
)
def test_the_first_five_rows_are_shown(rows, text):
    assert rows_text(np.array(rows)) == text


@pytest.mark.parametrize("dtype", ["int", "float", "bool", "category", "datetime"])
@given(marker=st.text("ABCDEFGHIJ", min_size=12, max_size=20))
def test_no_value_is_in_a_problem(dtype, marker):
    values = [marker, marker * 30] if dtype == "category" else [marker, "1"]
    problems = check(dtype, values).problems
    assert problems
    assert marker not in " ".join(problems)


def test_a_csv_and_a_typed_frame_of_the_same_records_give_the_same_columns():
    typed = every_dtype_frame(500)
    text = as_csv_text(typed)
    assert set(text.dtypes) == {pl.String}
    from_typed, from_text = check_table(typed, LOANS), check_table(text, LOANS)
    assert not from_typed.problems
    assert not from_text.problems
    same_columns(from_typed.columns, from_text.columns)


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**53) + 1, 2**53 - 1),
            st.none() | st.floats(-3e38, 3e38),
            st.none() | st.booleans(),
            st.none() | st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=9),
            st.none() | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_records_are_the_same_columns_from_a_csv_and_typed(rows):
    dtypes = {
        "i": ("int", pl.Int64),
        "f": ("float", pl.Float64),
        "b": ("bool", pl.Boolean),
        "c": ("category", pl.String),
        "d": ("datetime", pl.Datetime("us", "UTC")),
    }
    frame = pl.DataFrame(rows, schema={name: dtype for name, (_, dtype) in dtypes.items()}, orient="row")
    text = as_csv_text(frame)
    for name, (dtype, _) in dtypes.items():
        for typed, read in zip(read_column(frame[name], dtype), read_column(text[name], dtype), strict=True):
            np.testing.assert_array_equal(typed, read)


def test_the_credit_contract_reads_a_csv_of_the_given_record():
    csv = (
        b"customer_id,number_of_open_accounts,total_credit_limit,total_balance,number_of_accounts_in_arrears\n"
        b"345435,23,12345,200000,2\n1,23,12345,200000,24\n"
    )
    found = check_table(pl.read_csv(csv, infer_schema=False), load_contract("credit"))
    assert bad_rows(found) == [[2]]
    assert found.columns["total_balance"].tolist() == [200000, 200000]


def test_a_checked_csv_can_be_written_in_the_contract_s_types():
    frame = every_dtype_frame(50)
    text = as_csv_text(frame)
    typed = {series.name: series for series in check_table(text, LOANS).typed(text, LOANS)}
    assert {name: series.dtype for name, series in typed.items()} == column_types(LOANS)
    for name, series in typed.items():
        assert series.to_list() == frame[name].to_list()


def test_an_absent_time_column_or_id_is_not_written():
    text = as_csv_text(every_dtype_frame(3)).drop("applied_at", "application")
    names = [series.name for series in check_table(text, LOANS).typed(text, LOANS)]
    assert names == list(LOANS.features)


def test_a_contract_without_id_and_time_has_the_types_of_its_features():
    assert column_types(contract_of("bool")) == {"x": pl.Boolean()}


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        ([1, 2], []),
        (["1", " 2 "], []),
        (["1", "x", "", None, "1.5"], ["4 rows (2, 3, 4, 5)"]),
        ([None, 2], ["1 row (1)"]),
    ],
)
def test_an_id_must_be_of_its_type(values, rows):
    problems = identifier_problems(pl.DataFrame({"customer_id": values}), load_contract("credit"))
    assert [problem.rpartition(": ")[2] for problem in problems] == rows


def test_an_id_of_text_must_not_be_empty():
    frame = pl.DataFrame({"application": ["A-1", " ", None]})
    (problem,) = identifier_problems(frame, LOANS, first_row=11)
    assert problem.endswith(": 2 rows (12, 13)")


def test_a_file_needs_no_id():
    assert not identifier_problems(pl.DataFrame({"a": [1]}), LOANS)
    assert not identifier_problems(pl.DataFrame({"a": [1]}), contract_of("int"))


@pytest.mark.parametrize("values", [["WEB", "web", "SHOP", None, "x"], pl.Series(["WEB", "web", "SHOP", None, "x"])])
def test_rows_with_a_refused_level_are_reported_and_the_levels_that_are_allowed(values):
    rest = 'levels = ["WEB", "SHOP"]\n'
    found = check("category", values, nullable=True, rest=f'{rest}unseen = "refuse"', first_row=10)
    assert found.problems == ["x must be one of 'SHOP', 'WEB': 2 rows (11, 14)"]
    assert check("category", values, nullable=True, rest=rest).problems == []
    folded = check("category", values, nullable=True, rest=f'{rest}unseen = "refuse"\nfold_case = true')
    assert bad_rows(folded) == [[5]]


def test_levels_and_markers_are_folded_as_in_requests():
    rest = 'missing = ["NA"]\nfold_case = true'
    found = check(
        "category", [" WEB", "web", "na", "NA", "STRA\N{LATIN SMALL LETTER SHARP S}E"], nullable=True, rest=rest
    )
    assert found.columns["x"].tolist() == ["web", "web", None, None, "strasse"]
