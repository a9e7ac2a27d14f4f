"""A draft fits the file that it was made from, and always loads."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.contract.wording import COLUMN_NAME_LENGTH
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.tables.checking import check_table
from fraud_detection_api.tables.files import read_file
from fraud_detection_api.tables.inference import infer_contract
from support.builders import every_dtype_frame

IS_FRAUD = [0, 1, 0, 0]


def draft(frame: pl.DataFrame, *, target="y", identifier=None, time=None, source="loans.csv", name="loans") -> str:
    return infer_contract(frame, source=source, name=name, target=target, identifier=identifier, time=time)


def drafted(frame: pl.DataFrame, **options):
    return contract_from_toml(draft(frame, **options), source="draft.toml")


def drafted_column(values, name="x"):
    """Feature of the draft for these values, beside a plain one."""
    repeats = len(values) // 4 + 1
    contract = drafted(
        pl.DataFrame({"plain": range(len(values)), name: values, "y": (IS_FRAUD * repeats)[: len(values)]})
    )
    return contract.features.get(name)


def problems_of(frame: pl.DataFrame, **options) -> tuple[str, ...]:
    with pytest.raises(InvalidDataset) as caught:
        draft(frame, **options)
    return caught.value.problems


def test_a_typed_file_is_drafted_by_its_types():
    contract = drafted(every_dtype_frame(), target="outcome", identifier="application", time="applied_at")
    assert {name: feature.dtype for name, feature in contract.features.items()} == {
        "amount_eur": "float",
        "instalments": "int",
        "is_employed": "bool",
        "channel": "category",
        "opened_at": "datetime",
    }
    assert (contract.identifier.name, contract.identifier.dtype) == ("application", "str")
    assert contract.time.name == "applied_at"
    assert (contract.target.name, contract.target.positive) == ("outcome", "fraud")
    assert contract.ignored == ("note",)
    assert [name for name, feature in contract.features.items() if feature.nullable] == ["is_employed", "channel"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_draft_accepts_the_file_it_was_made_from(suffix, tmp_path):
    path = tmp_path / f"loans.{suffix}"
    frame = every_dtype_frame(200)
    frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
    inferred = read_file(path, infer_types=True)
    contract = drafted(inferred, target="outcome", identifier="application", time="applied_at", source=str(path))
    assert not check_table(read_file(path), contract).problems
    assert contract.features["opened_at"].dtype == "datetime"


def test_dates_have_no_hours_to_learn_from():
    assert drafted_column([date(2024, 1, day) for day in (1, 2, 3, 4)]).parts == ("month", "weekday")
    assert drafted_column(["2024-01-01", "2024-01-02", None, "2024-01-03"]).parts == ("month", "weekday")
    assert drafted_column([datetime(2024, 1, 1, hour, tzinfo=UTC) for hour in (1, 2, 3, 4)]).parts == (
        "weekday",
        "hour",
    )


def test_a_minimum_is_declared_only_where_nothing_is_negative():
    assert drafted_column([0, 1, 2, 3]).minimum == 0
    assert drafted_column([-1, 1, 2, 3]).minimum is None
    assert drafted_column([0.5, 1, 2, 3]).maximum is None


@pytest.mark.parametrize(
    "values",
    [[1, None, 2, 3], [1.5, float("nan"), 2, 3], ["a", "", "b", "a"], ["a", " ", "b", "a"], [True, None, False, True]],
)
def test_a_column_with_missing_values_is_nullable(values):
    assert drafted_column(values).nullable


def test_the_example_of_a_category_is_its_most_frequent_level():
    assert drafted_column(["b", "a", "b", "c", "b", "a"]).example == "b"


def test_equally_frequent_levels_give_the_same_draft_each_time():
    frame = pl.DataFrame({"x": [f"level {n % 50}" for n in range(200)], "y": ["p", "q"] * 100})
    assert len({draft(frame) for _ in range(5)}) == 1


@pytest.mark.parametrize(
    "values",
    [
        [3, 3, 3, 3],
        [None, None, None, None],
        [f"text {n}" for n in range(400)],
        ["a", "b", "c", "d"],
        ["x" * 257, "y", "y", "y"],
        [2**60, 1, 2, 3],
        [float("inf"), 1.0, 2.0, 3.0],
        [1e300, 1.0, 2.0, 3.0],
        [time(1), time(2), time(3), time(4)],
        [timedelta(1), timedelta(2), timedelta(3), timedelta(4)],
        [[1], [2], [3], [4]],
        [{"a": 1}, {"a": 2}, {"a": 3}, {"a": 4}],
        [b"a", b"b", b"c", b"d"],
    ],
)
def test_a_column_that_cannot_be_a_feature_is_ignored_with_a_comment(values):
    frame = pl.DataFrame({"plain": range(len(values)), "x": values, "y": (IS_FRAUD * len(values))[: len(values)]})
    assert '\n  "x",  # ' in draft(frame)
    assert drafted(frame).ignored == ("x",)


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "dot.ted",
        "q\"uo'te",
        "ünï",
        "€",
        "日本",
        "back\\slash",
        "#",
        "[x]",
        "=",
        "name",
        "dtype",
        "features",
        "1",
        "-",
        "\x7f",
        "%s",
        "x" * COLUMN_NAME_LENGTH,
    ],
)
def test_odd_column_names_are_kept(name):
    frame = pl.DataFrame({name: [1, 2, 3, 4], "note": ["n"] * 4, "y": IS_FRAUD})
    contract = drafted(frame)
    assert list(contract.features) == [name]
    assert not check_table(frame, contract).problems
    assert drafted(frame.rename({"y": "z", name: "y", "note": name}), target="z").ignored == (name,)
    assert drafted(frame.rename({"y": "z", name: "y"}).rename({"z": name}), target=name).target.name == name


@pytest.mark.parametrize("name", ["`tick`", "br{ace", "new\nline", "x" * (COLUMN_NAME_LENGTH + 1)])
def test_a_column_that_a_contract_cannot_name_is_refused(name):
    (problem,) = problems_of(pl.DataFrame({name: [1, 2, 3, 4], "y": IS_FRAUD}))
    assert repr(name) in problem


@pytest.mark.parametrize(
    ("values", "positive"),
    [
        ([0, 1, 1, 1], 1),
        ([1, 2, 1, 1], 2),
        ([1, 2, 2, 2], 1),
        ([1, 2, 1, 2], 2),
        ([-1, 1, 1, 1], 1),
        ([0.0, 1.0, 1.0, None], 1),
        ([0.0, 1.0, float("nan"), 0.0], 1),
        ([0.5, 1.5, 0.5, 0.5], "1.5"),
        ([True, False, True, True], True),
        (["no", "yes", "yes", "yes"], "yes"),
        (["no", "yes ", "", None], "yes"),
        (["Good", "Bad", "Bad", "Bad"], "Bad"),
        (["fraud", "legitimate", "fraud", "fraud"], "fraud"),
        (["paid", "default", "paid", "paid"], "default"),
        ([Decimal(1), Decimal(0), Decimal(1), Decimal(1)], "1"),
        (pl.Series(["t", "f", "t", "t"], dtype=pl.Categorical), "t"),
    ],
)
def test_the_positive_value_is_the_one_that_means_fraud(values, positive):
    contract = drafted(pl.DataFrame({"x": [1, 2, 3, 4], "y": values}))
    assert repr(contract.target.positive) == repr(positive)


def test_a_guessed_positive_value_is_marked_as_a_guess():
    assert "guess" in draft(pl.DataFrame({"x": [1, 2, 3, 4], "y": [1, 2, 1, 1]}))
    assert "guess" not in draft(pl.DataFrame({"x": [1, 2, 3, 4], "y": IS_FRAUD}))


@pytest.mark.parametrize(("values", "count"), [([1, 2, 3, 1], 3), ([1, 1, 1, 1], 1), ([None] * 4, 0)])
def test_a_target_that_is_not_binary_is_refused(values, count):
    (problem,) = problems_of(pl.DataFrame({"x": [1, 2, 3, 4], "y": values}))
    assert f" {count} " in problem


def test_every_missing_column_is_reported():
    problems = problems_of(pl.DataFrame({"x": [1, 2, 3, 4], "z": IS_FRAUD}), identifier="id", time="when")
    assert [problem.partition(";")[0].rpartition(" ")[2] for problem in problems] == ["'y'", "'id'", "'when'"]


@pytest.mark.parametrize("columns", [{"x": [], "y": []}, {"x": [1] * 4, "y": IS_FRAUD}, {"y": IS_FRAUD}])
def test_a_file_without_rows_or_a_possible_feature_is_refused(columns):
    assert len(problems_of(pl.DataFrame(columns))) == 1


@pytest.mark.parametrize(
    ("given_name", "name"), [("my loans.2024", "my_loans_2024"), ("", "my"), ("ü", "_"), ("x" * 99, "x" * 64)]
)
def test_the_name_is_made_of_letters_digits_and_dashes(given_name, name):
    assert drafted(pl.DataFrame({"x": [1, 2, 3, 4], "y": IS_FRAUD}), name=given_name).name == name


@pytest.mark.parametrize("source", ["/data/loans.csv", "C:\\data\\loans.csv", "loans.csv"])
def test_the_head_names_the_file_alone(source):
    first = draft(pl.DataFrame({"x": [1, 2, 3, 4], "y": IS_FRAUD}), source=source).partition("\n")[0]
    assert " 4 rows of loans.csv. " in first


def test_a_file_name_cannot_break_out_of_its_comment():
    frame = pl.DataFrame({"x": [1, 2, 3, 4], "y": IS_FRAUD})
    assert drafted(frame, source='a\nname = "b"\x7f.csv').name == "loans"


@pytest.mark.parametrize(("values", "dtype"), [([1, 2, 3, 4], "int"), (["a", "b", "c", "d"], "str")])
def test_an_id_is_a_number_or_text(values, dtype):
    contract = drafted(pl.DataFrame({"id": values, "x": [1, 2, 3, 4], "y": IS_FRAUD}), identifier="id")
    assert contract.identifier.dtype == dtype


COLUMNS = st.one_of(
    *(
        st.lists(st.none() | values, min_size=6, max_size=6)
        for values in (
            st.integers(-(2**63), 2**63 - 1),
            st.integers(0, 3),
            st.floats(),
            st.booleans(),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
            st.sampled_from(["a", "b", " b ", ""]),
            st.dates(),
            st.datetimes(),
        )
    )
)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="`{}"), min_size=1, max_size=8)


@given(st.dictionaries(NAMES, COLUMNS, min_size=1, max_size=4), NAMES)
def test_a_draft_of_any_small_file_loads_and_accepts_that_file(columns, target):
    frame = pl.DataFrame({**columns, target: [0, 1, 0, 1, 0, 0], "plain feature": [1, 2, 3, 4, 5, 6]})
    contract = drafted(frame, target=target)
    assert not check_table(frame, contract).problems


def test_the_unnamed_row_numbers_that_pandas_writes_are_ignored():
    frame = pl.DataFrame({"": range(4), "x": [1, 2, 3, 4], "y": IS_FRAUD})
    contract = drafted(frame)
    assert list(contract.features) == ["x"]
    assert contract.ignored == ()


def csv_draft(tmp_path, *values: object, **options) -> str:
    """The draft of a CSV whose column x holds these texts."""
    path = tmp_path / "loans.csv"
    lines = [f'{n},"{value}",{int(n % 3 == 0)}' for n, value in enumerate(values)]
    path.write_text("\n".join(["plain,x,y", *lines]))
    return draft(read_file(path, infer_types=True), **options)


def test_a_decimal_is_a_float():
    values = [Decimal("1.5"), None, Decimal(3), Decimal(4)]
    feature = drafted_column(values)
    assert (feature.dtype, feature.nullable, feature.minimum) == ("float", True, 0)
    frame = pl.DataFrame({"x": values, "y": IS_FRAUD})
    assert not check_table(frame, drafted(frame)).problems


@pytest.mark.parametrize("stray", ["hello", "3,14", "inf", "-inf", "n.a."])
def test_a_column_of_numbers_with_another_value_is_ignored_and_the_row_reported(tmp_path, stray):
    text = csv_draft(tmp_path, *(n + 0.5 for n in range(20)), stray)
    (line,) = [line for line in text.splitlines() if line.startswith('  "x",')]
    assert "row 21:" in line or stray.endswith("inf")


def test_the_first_of_many_rows_without_numbers_are_reported(tmp_path):
    values = ["none!" if n % 20 == 2 else n for n in range(140)]
    assert "rows 3, 23, 43, 63, 83, …:" in csv_draft(tmp_path, *values)


def test_a_category_that_has_some_numbers_stays_a_category(tmp_path):
    contract = contract_from_toml(csv_draft(tmp_path, *["1", "2", "3+", "2"] * 5), source="draft.toml")
    assert contract.features["x"].dtype == "category"


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, "NaN", 2, 3], "int"),
        ([1, "nan", 2, 3], "int"),
        ([1.5, "nan", 2, 3], "float"),
        ([1.5, " NAN ", 2, 3], "float"),
    ],
)
def test_nan_in_a_csv_is_a_missing_number(tmp_path, values, dtype):
    contract = contract_from_toml(csv_draft(tmp_path, *values), source="draft.toml")
    assert (contract.features["x"].dtype, contract.features["x"].nullable) == (dtype, True)
    assert not check_table(read_file(tmp_path / "loans.csv"), contract).problems


def test_blanks_around_numbers_do_not_make_them_text(tmp_path):
    contract = contract_from_toml(csv_draft(tmp_path, 1.5, " 2", "3 ", 4), source="draft.toml")
    assert (contract.features["x"].dtype, contract.features["x"].nullable) == ("float", False)


def test_text_in_a_typed_file_stays_text_although_it_reads_as_numbers():
    assert drafted_column(["01", "02", "01", "02"]).dtype == "category"


def test_a_known_probability_is_no_feature():
    frame = pl.DataFrame({"x": [1, 2, 3, 4], "true_fraud_probability": [0.0, 0.5, 0.25, 1.0], "y": IS_FRAUD})
    contract = drafted(frame)
    assert list(contract.features) == ["x"]
    assert contract.target.known_probability == "true_fraud_probability"
    assert contract.target.positive == 1


@pytest.mark.parametrize("odd", [[0.0, 0.5, 0.25, 1.5], [0.0, None, 0.25, 1.0], [0.0, float("nan"), 0.25, 1.0]])
def test_a_column_of_that_name_that_holds_no_probabilities_is_a_feature(odd):
    contract = drafted(pl.DataFrame({"x": [1, 2, 3, 4], "true_fraud_probability": odd, "y": IS_FRAUD}))
    assert list(contract.features) == ["x", "true_fraud_probability"]
    assert contract.target.known_probability is None


@pytest.mark.parametrize(
    ("values", "rows"),
    [(["a", "b", "c", "d"], "4 rows (1, 2, 3, 4)"), (["2024-01-31", "soon", None, "2024-02-28"], "2 rows (2, 3)")],
)
def test_a_time_column_without_times_is_refused(values, rows):
    frame = pl.DataFrame({"x": [1, 2, 3, 4], "age": values, "y": IS_FRAUD})
    (problem,) = problems_of(frame, time="age")
    assert f" not times: {rows}; " in problem


def test_days_are_counted_to_the_time_of_the_record_where_that_is_named():
    frame = pl.DataFrame(
        {
            "applied_at": [f"2026-01-{day:02}T10:00:00Z" for day in range(1, 21)],
            "opened_at": [f"2020-02-{day:02}T08:00:00Z" for day in range(1, 21)],
            "bad": [0, 1] * 10,
        }
    )
    draft = infer_contract(frame, name="loans", source="x.csv", target="bad", identifier=None, time="applied_at")
    assert 'elapsed_days_since = "applied_at"' in draft
    undecided = infer_contract(frame, name="loans", source="x.csv", target="bad", identifier=None, time=None)
    assert undecided.count("--time") == 2
    assert 'elapsed_days_since = "2000-01-01"' in undecided


@pytest.mark.parametrize(("levels", "read"), [(32, "split by sets"), (400, "read as a rate and a frequency")])
def test_a_category_of_any_number_of_levels_is_drafted_with_how_it_will_be_read(levels, read):
    frame = pl.DataFrame(
        {"city": [f"city {row % levels}" for row in range(1000)], "bad": [row % 2 for row in range(1000)]}
    )
    drafted = infer_contract(frame, source="f.csv", name="f", target="bad", identifier=None, time=None)
    assert f"# {levels} levels, {read}" in drafted


def test_few_and_frequent_levels_are_listed():
    assert drafted_column(["web", "shop", "caf\N{LATIN SMALL LETTER E}\N{COMBINING ACUTE ACCENT} "] * 20).levels == (
        "caf\N{LATIN SMALL LETTER E WITH ACUTE}",
        "shop",
        "web",
    )
    assert drafted_column([*["web", "shop"] * 20, "rare"]).levels == ()
    assert drafted_column([f"L{number % 33}" for number in range(33 * 20)]).levels == ()


@pytest.mark.parametrize(
    ("levels", "named"),
    [
        (["A11", "A12"], True),
        (["2", "10"], True),
        (["N", "Y"], True),
        (["web", "A11"], True),
        (["rent", "own home"], False),
        ([f"L{number}" for number in range(33)], False),
    ],
)
def test_a_draft_has_a_place_for_the_names_of_codes(levels, named):
    frame = pl.DataFrame({"x": levels * 20, "y": ([0, 1] * len(levels) * 10)})
    drafted = draft(frame)
    assert ("# level_names = {" in drafted) == named
    filled = drafted.replace("# level_names", "level_names").replace('"…"', '"a name"')
    names = contract_from_toml(filled, source="x").features["x"].level_names
    assert names == (dict.fromkeys(levels, "a name") if named else {})


def test_levels_that_differ_in_case_alone_are_pointed_out():
    frame = pl.DataFrame({"x": ["web", "Web", "shop"] * 20, "y": [0, 1] * 30})
    assert "# levels that differ in case alone: 1; fold_case = true makes them one" in draft(frame)
