"""Files as other programs write them: a draft finds every column, says what it took, and training reads the same values."""

import gzip
import math
import tomllib
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.errors import InvalidContract, InvalidDataset
from fraud_detection_api.tables.checking import check_table
from fraud_detection_api.tables.csv_problems import header_remarks
from fraud_detection_api.tables.files import header_of, read_file
from fraud_detection_api.tables.inference import infer_contract
from fraud_detection_api.training.data.load import load_dataset
from support.refusals import numbers_in

ROWS = 30


class Drafted:
    """A file whose column x repeats these values, its draft, and the column as training reads it."""

    def __init__(self, tmp_path, values, *, name="x", time=None, suffix=".csv"):
        self.path = tmp_path / f"file{suffix}"
        columns = {"plain": range(ROWS), name: [values[n % len(values)] for n in range(ROWS)]}
        frame = pl.DataFrame({**columns, "fraud": [int(n % 3 == 0) for n in range(ROWS)]})
        frame.write_csv(self.path) if suffix == ".csv" else frame.write_parquet(self.path)
        self.text = draft_of(self.path, time=time)
        self.contract = contract_from_toml(self.text, source="draft.toml")
        self.feature = self.contract.features.get(name)
        check = check_table(read_file(self.path), self.contract)
        assert check.problems == []
        self.values = check.columns.get(name, np.array([]))[: len(values)].tolist()


def draft_of(path, *, target="fraud", identifier=None, time=None) -> str:
    frame = read_file(path, infer_types=True)
    return infer_contract(frame, source=path.name, name="file", target=target, identifier=identifier, time=time)


def seconds(year, month, day, hour=0, minute=0, second=0) -> float:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()


MARKERS = ["NA", "N/A", "NaN", "NULL", "null", "None", "\\N", "?", "-", "", "#N/A", "<NA>", "."]


@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize(
    ("texts", "dtype", "values"),
    [
        (["1.5", "2"], "float", [1.5, 2.0]),
        (["1", "2"], "int", [1.0, 2.0]),
        (["true", "False"], "bool", [1.0, 0.0]),
        (["2025-01-01", "2025-01-02"], "datetime", [seconds(2025, 1, 1), seconds(2025, 1, 2)]),
        (["12.5%", "9%"], "float", [12.5, 9.0]),
        (["24/12/2025", "31/12/2025"], "datetime", [seconds(2025, 12, 24), seconds(2025, 12, 31)]),
    ],
)
def test_a_usual_marker_is_a_missing_value_where_the_rest_is_no_text(tmp_path, marker, texts, dtype, values):
    drafted = Drafted(tmp_path, [*texts, marker])
    assert (drafted.feature.dtype, drafted.feature.nullable) == (dtype, True)
    assert drafted.values[:2] == values
    assert math.isnan(drafted.values[2])
    if marker:
        assert "(10)" in next(line for line in drafted.text.splitlines() if line.startswith("# missing"))


def test_a_marker_in_a_text_column_is_a_level_unless_the_contract_says_so(tmp_path):
    drafted = Drafted(tmp_path, ["web", "NA", "app"])
    assert drafted.values == ["web", "NA", "app"]
    assert '"NA" (10)' in drafted.text
    for own in (
        'missing = ["NA"]\n' + drafted.text,
        drafted.text.replace("[features.x]", '[features.x]\nmissing = ["NA"]'),
    ):
        contract = contract_from_toml(own.replace("example", "nullable = true\nexample"), source="own.toml")
        assert check_table(read_file(drafted.path), contract).columns["x"][:3].tolist() == ["web", None, "app"]


@pytest.mark.parametrize("values", [["-999", "1.5"], [-999.0, 1.5], ["-999.0", "1.5"]])
def test_a_number_is_a_marker_where_the_contract_says_so(values):
    contract = contract_from_toml(
        'name = "a"\n[target]\nname = "y"\n[features.x]\ndtype = "float"\nminimum = 0\nnullable = true\nmissing = ["-999"]',
        source="own.toml",
    )
    check = check_table(pl.DataFrame({"x": values}), contract)
    assert check.problems == []
    assert np.isnan(check.columns["x"]).tolist() == [True, False]


@pytest.mark.parametrize(
    ("texts", "format_", "values"),
    [
        (["9.97%", "1,234.5 %", "-2%"], "percent", [9.97, 1234.5, -2]),
        (["9,97%", "1.234,5 %", "0%"], "percent_decimal_comma", [9.97, 1234.5, 0]),
        (["$6,978.00", "-$2.50", "($3)"], "currency", [6978, -2.5, -3]),
        (["EUR 6,978.00", "2.50 EUR", "US$3"], "currency", [6978, 2.5, 3]),
        (["6.978,00 €", "2,50 €", "-3 €"], "currency_decimal_comma", [6978, 2.5, -3]),
        (["1,234,567", "12", "1,234.5"], "thousands", [1234567, 12, 1234.5]),
        (["69,78", "1.234,5", "7"], "decimal_comma", [69.78, 1234.5, 7]),
        (["1'234.5", "1\u2019234", "12"], "thousands", [1234.5, 1234, 12]),
        (["12,34,567.5", "1,234-", "0.5"], "thousands", [1234567.5, -1234, 0.5]),
        (["Rs. 1,234", "CHF 38'274.00", "7.5- €"], "currency", [1234, 38274, -7.5]),
        *(
            ([f"1{blank}037.50", "7", f"12{blank}345"], "thousands", [1037.5, 7, 12345])
            for blank in " \u00a0\u202f\u2009"
        ),
        (["1\u2009234,567", "7,5", "0"], "decimal_comma", [1234.567, 7.5, 0]),
        (["0,123", "0,5", "7"], "decimal_comma", [0.123, 0.5, 7]),
        (["69,78", "1 234,5", "1'234"], "decimal_comma", [69.78, 1234.5, 1234]),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_numbers_in_disguise_are_read(tmp_path, texts, format_, values, suffix):
    drafted = Drafted(tmp_path, texts, suffix=suffix)
    assert (drafted.feature.dtype, drafted.feature.format) == ("float", format_)
    assert drafted.values == values
    assert "requests have the plain number" in drafted.text


def test_a_comma_that_may_group_or_point_is_said(tmp_path):
    drafted = Drafted(tmp_path, ["1,234", "5,678", "9,012"])
    assert (drafted.feature.format, drafted.values) == ("thousands", [1234.0, 5678.0, 9012.0])
    assert '# a guess: the values can be "decimal_comma" as well' in drafted.text


@pytest.mark.parametrize("text", ["12.5", "abc%", "1,23", "1.2.3", "$", "12 $ 5", "--1"])
def test_a_text_in_another_format_is_an_error_with_its_row(text):
    contract = contract_from_toml(
        'name = "a"\n[target]\nname = "y"\n[features.x]\ndtype = "float"\nformat = "currency"', source="own.toml"
    )
    problems = check_table(pl.DataFrame({"x": ["$1", text]}), contract).problems
    assert problems == [] if text == "12.5" else problems[0].endswith("1 row (2)")


TIMES = {
    "%m/%d/%Y": ["12/24/2025", "1/31/2025"],
    "%d/%m/%Y": ["24/12/2025", "31/01/2025"],
    "%d-%m-%Y": ["24-12-2025", "31-01-2025"],
    "%d.%m.%Y": ["24.12.2025", "31.01.2025"],
    "%Y/%m/%d": ["2025/12/24", "2025/01/31"],
    "%m/%d/%y": ["12/24/25", "1/31/25"],
    "%d %b %Y": ["24 Dec 2025", "31 Jan 2025"],
    "%d-%b-%y": ["24-Dec-25", "31-Jan-25"],
    "%Y%m%d": ["20251224", "20250131"],
}
TWO_DAYS = [seconds(2025, 12, 24), seconds(2025, 1, 31)]


@pytest.mark.parametrize(("format_", "texts"), TIMES.items())
def test_dates_in_another_format_are_times(tmp_path, format_, texts):
    drafted = Drafted(tmp_path, texts, name="opened_date")
    assert (drafted.feature.dtype, drafted.feature.format) == ("datetime", format_)
    assert drafted.values == TWO_DAYS


@pytest.mark.parametrize(
    ("clock", "texts"),
    [
        (" %H:%M", ["2/24/15 22:55", "2/25/15 7:05"]),
        (" %H:%M:%S", ["2/24/15 22:55:00", "2/25/15 07:05:00"]),
        (" %I:%M %p", ["2/24/15 10:55 PM", "2/25/15 7:05 AM"]),
    ],
)
def test_dates_in_another_format_may_have_a_clock(tmp_path, clock, texts):
    drafted = Drafted(tmp_path, texts)
    assert drafted.feature.format == f"%m/%d/%y{clock}"
    assert drafted.values == [seconds(2015, 2, 24, 22, 55), seconds(2015, 2, 25, 7, 5)]


def test_day_and_month_that_cannot_be_told_apart_are_said(tmp_path):
    drafted = Drafted(tmp_path, ["01/02/2025", "03/04/2025"])
    assert '# a guess: the values can be "%d/%m/%Y" as well' in drafted.text


def test_the_order_of_a_file_tells_day_and_month_apart(tmp_path):
    path = tmp_path / "file.csv"
    days = [f"{day:02}-{month:02}-2025" for month in (1, 2) for day in range(1, 13)]
    path.write_text("at,x,fraud\n" + "".join(f"{day},{n},{n % 2}\n" for n, day in enumerate(days)))
    contract = contract_from_toml(draft_of(path, time="at"), source="draft.toml")
    assert contract.time.format == "%d-%m-%Y"
    assert load_dataset(path, contract).seconds[:2].tolist() == [seconds(2025, 1, 1), seconds(2025, 1, 2)]


@pytest.mark.parametrize(
    ("unit", "values"), [("unix_s", [1735689600, 1735714800]), ("unix_ms", [1735689600000, 1735714800000])]
)
def test_numbers_since_1970_are_times_where_the_name_says_so(tmp_path, unit, values):
    drafted = Drafted(tmp_path, values, name="created_at")
    assert (drafted.feature.dtype, drafted.feature.format) == ("datetime", unit)
    assert drafted.values == [1735689600.0, 1735714800.0]
    assert Drafted(tmp_path, values, name="amount_cents").feature.dtype == "int"


def test_the_steps_of_a_simulation_are_days(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("step,x,fraud\n" + "".join(f"{n // 2},{n},{n % 2}\n" for n in range(30)))
    draft = draft_of(path, time="step")
    contract = contract_from_toml(draft, source="draft.toml")
    assert contract.time.format == "days"
    assert '"hours"' in draft
    assert load_dataset(path, contract).seconds[-1] == 14 * 86_400


@pytest.mark.parametrize(
    "text",
    ["2025-01-01 10:00:00+00", "2025-01-01 10:00:00 UTC", "2025-01-01T12:00:00.000 +02", "2025-01-01 10:00:00.0"],
)
def test_times_as_databases_write_them_are_iso_8601(tmp_path, text):
    drafted = Drafted(tmp_path, [text, "2025-01-02 10:00:00+00"])
    assert (drafted.feature.dtype, drafted.feature.format) == ("datetime", None)
    assert drafted.values == [seconds(2025, 1, 1, 10), seconds(2025, 1, 2, 10)]


def test_codes_with_leading_zeros_stay_text(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("account,mcc,fraud\n" + "".join(f"{n:08},{[742, 5411][n % 2]:04},{n % 2}\n" for n in range(30)))
    contract = contract_from_toml(draft_of(path, identifier="account"), source="draft.toml")
    assert (contract.identifier.dtype, contract.features["mcc"].dtype) == ("str", "category")
    assert contract.features["mcc"].example == "0742"


@pytest.mark.parametrize(
    ("ids", "dtype"), [(["98765432109876543210", "1"], "str"), (["77001.0", "77002.0"], "int"), (["7", ""], "int")]
)
def test_ids_are_numbers_only_where_64_bits_hold_them(tmp_path, ids, dtype):
    path = tmp_path / "file.csv"
    path.write_text("id,x,fraud\n" + "".join(f"{ids[n % 2]},{n},{n // 2 % 2}\n" for n in range(30)))
    contract = contract_from_toml(draft_of(path, identifier="id"), source="draft.toml")
    assert contract.identifier.dtype == dtype
    entities = load_dataset(path, contract).entity
    assert len(set(entities[::2])) == 1


@pytest.mark.parametrize("name", ["Unnamed: 0", "__index_level_0__", "Unnamed: 0.1", ""])
def test_row_numbers_of_pandas_are_set_aside_with_a_word(tmp_path, name):
    path = tmp_path / "file.csv"
    path.write_text(f"{name},x,fraud\n" + "".join(f"{n},{n % 7},{n % 2}\n" for n in range(30)))
    draft = draft_of(path)
    contract = contract_from_toml(draft, source="draft.toml")
    assert list(contract.features) == ["x"]
    assert f'# Left out: "{name}"' in draft
    assert len(load_dataset(path, contract).rows) == 30


@pytest.mark.parametrize("separator", [";", "\t", "|", ","])
def test_other_separators_are_recognized(tmp_path, separator):
    path = tmp_path / "file.csv"
    lines = [["a;b|c,d", "fraud"], *(["1,5", str(n % 2)] if n % 3 else ["2,25", "0"] for n in range(30))]
    path.write_text("\n".join(separator.join(f'"{field}"' for field in line) for line in lines))
    frame = read_file(path)
    assert frame.columns == lines[0]
    assert frame.row(1) == ("1,5", "1")


@pytest.mark.parametrize("separator", [":", ";", " "])
def test_a_separator_that_is_named_is_taken(tmp_path, separator):
    path = tmp_path / "file.csv"
    path.write_text(f"a,,,b{separator}c\n1,5{separator}0\n2,25{separator}1\n")
    frame = read_file(path, separator=separator)
    assert (frame.columns, frame.row(1)) == (["a,,,b", "c"], ("2,25", "1"))


def test_a_bare_quote_is_found_with_the_separator_that_is_named(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text('a,,,b:c\n"1":x"y\n2:z\n')
    with pytest.raises(InvalidDataset) as caught:
        read_file(path, separator=":")
    assert numbers_in(caught.value.problems[0]) == [1]


def test_a_compressed_csv_and_capital_suffixes_are_read(tmp_path):
    content = "x,fraud\n1,0\n2,1\n"
    with gzip.open(tmp_path / "a.csv.gz", "wt") as file:
        file.write(content)
    (tmp_path / "b.CSV").write_text(content)
    pl.DataFrame({"x": ["1", "2"], "fraud": ["0", "1"]}).write_parquet(tmp_path / "c.PARQUET")
    for name in ("a.csv.gz", "b.CSV", "c.PARQUET"):
        assert read_file(tmp_path / name).rows() == [("1", "0"), ("2", "1")]


def test_a_folder_of_parquet_files_is_one_table(tmp_path):
    for part in (1, 2):
        (tmp_path / "data" / f"day={part}").mkdir(parents=True)
        pl.DataFrame({"x": [part], "fraud": [0]}).write_parquet(tmp_path / "data" / f"day={part}" / "a.parquet")
    assert read_file(tmp_path / "data")["x"].to_list() == [1, 2]


def parts(folder, *frames):
    """A folder with a Parquet file for each frame, named 0.parquet and so on."""
    for number, frame in enumerate(frames):
        pl.DataFrame(frame).write_parquet(folder / f"{number}.parquet")
    return folder


@pytest.mark.parametrize(
    ("one", "other", "values"),
    [
        ({"x": [1]}, {"x": [2.5]}, [1.0, 2.5]),
        ({"x": pl.Series([1.5], dtype=pl.Float32)}, {"x": [2]}, [1.5, 2.0]),
        ({"x": [1]}, {"x": [None]}, [1, None]),
        ({"x": [1], "y": [2]}, {"y": [4], "x": [3]}, [1, 3]),
        ({" x ": [1]}, {" x ": [2]}, [1, 2]),
        (
            {"x": pl.Series(["a"], dtype=pl.Enum(["a"]))},
            {"x": pl.Series(["b"], dtype=pl.Enum(["b"]))},
            ["a", "b"],
        ),
    ],
)
def test_numbers_of_several_parquet_files_are_merged(tmp_path, one, other, values):
    assert read_file(parts(tmp_path, one, other))["x"].to_list() == values


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ({"x": [1]}, {"x": ["a"]}, "1.parquet has 'x' as String, which is Int64 in 0.parquet"),
        ({"x": [1]}, {"y": [1]}, "1.parquet has no column 'x', which is in 0.parquet"),
        ({"x": [1]}, {"x": [1], "y": [1]}, "1.parquet has a column 'y', which is not in 0.parquet"),
    ],
)
def test_parquet_files_that_differ_are_named_with_column_and_types(tmp_path, one, other, said):
    with pytest.raises(InvalidDataset) as caught:
        read_file(parts(tmp_path, one, other))
    assert said in caught.value.problems


def test_blanks_around_names_and_columns_without_anything_are_set_aside(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text(" x ;v;fraud ; ;\n" + "".join(f"{n};{n % 7};{n % 2};;\n" for n in range(30)))
    assert read_file(path).columns == ["x", "v", "fraud"]
    assert header_remarks(header_of(path)) == [
        "Blanks around names are ignored: ' x ', 'fraud '.",
        "Left out: columns 4 and 5, without a name and without values.",
    ]
    contract = contract_from_toml(draft_of(path), source="draft.toml")
    assert len(load_dataset(path, contract).rows) == 30
    other = contract_from_toml(draft_of(path).replace("[features.x]", '[features." X "]'), source="other.toml")
    with pytest.raises(InvalidDataset) as caught:
        load_dataset(path, other)
    assert caught.value.problems == (
        "column ' X ' is missing; 'x' is there: write the name alike in the file and the contract",
        "the contract does not declare the columns 'x'; declare them, or list them under `ignored`",
    )


@pytest.mark.parametrize("footer", ["Total,,,435,", "30 rows exported,,,,", ",,,,0"])
def test_a_last_row_that_looks_like_a_footer_is_said(tmp_path, footer):
    path = tmp_path / "file.csv"
    path.write_text("a,b,c,x,fraud\n" + "".join(f"{n},q,r,{n % 7},{n % 2}\n" for n in range(30)))
    assert "last row" not in draft_of(path)
    path.write_text(path.read_text() + footer + "\n")
    assert "# The last row looks like a total or a footer" in draft_of(path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.xlsx", b"PK", "Excel"),
        ("a.csv.zst", b"", "zstd -d"),
        ("a.csv", b"x,fraud\r1,0\r2,1\r", "CR alone"),
        ("a.csv", b'x,fraud\n1,0\nSE"CRET,1\n"a ""b""",0\n', "row 2 has"),
        ("a.csv.gz", b"not compressed", "cannot be read"),
        ("a.parquet.gz", b"", ".csv.gz"),
        ("a.json", b"[]", ".csv.gz"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidDataset, match=said) as caught:
        read_file(tmp_path / name)
    assert "CRET" not in str(caught.value)


@pytest.mark.parametrize("name", ["outcome", "fraud_probability", "risk_score"])
def test_a_feature_whose_name_is_taken_is_left_out_with_a_word(tmp_path, name):
    drafted = Drafted(tmp_path, ["a", "b"], name=name)
    assert drafted.feature is None
    assert drafted.contract.ignored == (name,)
    assert "scoring adds" in drafted.text


@pytest.mark.parametrize("given", [{"identifier": "decision_id"}, {"target": "risk_score"}, {"time": "outcome"}])
def test_an_id_target_or_time_whose_name_is_taken_is_refused(tmp_path, given):
    path = tmp_path / "file.csv"
    path.write_text(f"{next(iter(given.values()))},x,fraud\n1,2,0\n0,3,1\n")
    with pytest.raises(InvalidDataset, match="rename it"):
        draft_of(path, **given)


def test_parts_of_a_time_that_are_named_as_another_column_are_left_out(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("at,at.weekday,fraud\n" + "".join(f"2025-01-{n + 1:02},{n % 7},{n % 2}\n" for n in range(30)))
    contract = contract_from_toml(draft_of(path), source="draft.toml")
    assert (list(contract.features), contract.ignored) == (["at.weekday"], ("at",))


def test_composed_and_decomposed_accents_are_one_level(tmp_path):
    drafted = Drafted(tmp_path, ["Malm\u00f6", "Malmo\u0308"])
    assert drafted.values == ["Malm\u00f6"] * 2


@pytest.mark.parametrize(
    ("dtype", "format_"),
    [("float", "%d"), ("float", "percents"), ("datetime", "percent"), ("datetime", "%H:%M"), ("category", "percent")],
)
def test_a_format_that_does_not_fit_is_refused(dtype, format_):
    parts = 'parts = ["hour"]' if dtype == "datetime" else ""
    text = f'name = "a"\n[target]\nname = "y"\n[features.x]\ndtype = "{dtype}"\nformat = "{format_}"\n{parts}'
    with pytest.raises(InvalidContract, match=r"line 6: features\.x\.format"):
        contract_from_toml(text, source="own.toml")


def test_how_files_write_values_is_no_matter_of_requests(tmp_path):
    drafted = Drafted(tmp_path, ["12.5%", "9%"])
    plain = contract_from_toml(drafted.text.replace('format = "percent"\n', ""), source="plain.toml")
    assert drafted.contract.fingerprint != plain.fingerprint
    assert drafted.contract.record_fingerprint == plain.record_fingerprint
    assert tomllib.loads(drafted.text)["features"]["x"]["format"] == "percent"
