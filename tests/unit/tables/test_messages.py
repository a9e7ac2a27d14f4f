"""What people read about a bad file, and in a drafted contract. Other tests assert rows and names; the prose is here."""

from datetime import date, time

import polars as pl
import pytest

from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.tables.checking import check_table, identifier_problems
from fraud_detection_api.tables.files import read_file
from fraud_detection_api.tables.inference import infer_contract
from fraud_detection_api.tables.whole_files import unwritable
from support.builders import every_dtype_contract, every_dtype_frame

IS_FRAUD = [0, 1, 0, 0]


def contract_of(dtype: str, rest: str = ""):
    parts = 'parts = ["hour"]\n' if dtype == "datetime" else ""
    text = f'name = "a"\n[target]\nname = "y"\n[features.x]\ndtype = "{dtype}"\n{parts}{rest}'
    return contract_from_toml(text, source="a.toml")


@pytest.mark.parametrize(
    ("contract", "values", "problem"),
    [
        (contract_of("int"), [1.5, 2.0], "x must be whole numbers: 1 row (1)"),
        (contract_of("float"), ["1,5", "2"], "x must be numbers: 1 row (1)"),
        (contract_of("bool"), ["yes", "no"], "x must be true or false (or 1 and 0): 2 rows (1, 2)"),
        (contract_of("category"), [1.5], "x must be text: 1 row (1)"),
        (contract_of("category"), ["x" * 257], "x must be at most 256 characters: 1 row (1)"),
        (contract_of("datetime"), ["soon"] * 6, "x must be ISO 8601 times: 6 rows (1, 2, 3, 4, 5, …)"),
        (contract_of("int", "minimum = 1\nmaximum = 2\n"), [0, 1], "x must be within 1 to 2: 1 row (1)"),
        (contract_of("int"), [None, 1], "x is empty and the contract does not say nullable = true: 1 row (1)"),
    ],
)
def test_a_problem_of_a_column_reads(contract, values, problem):
    assert check_table(pl.DataFrame({"x": values}, strict=False), contract).problems == [problem]


def test_other_problems_of_a_table_read():
    assert check_table(pl.DataFrame({"y": [1]}), contract_of("int")).problems == ["column 'x' is missing"]
    short = every_dtype_frame(1).with_columns(amount_eur=pl.lit(0.5), instalments=pl.lit(2))
    assert check_table(short, every_dtype_contract()).problems == ["instalments must be at most amount_eur: 1 row (1)"]
    ids = pl.DataFrame({"customer_id": ["x"], "application": [" "]})
    assert identifier_problems(ids, load_contract("credit")) == [
        "customer_id must be a whole number and not empty: 1 row (1)"
    ]
    assert identifier_problems(ids, every_dtype_contract()) == ["application must be text and not empty: 1 row (1)"]


SEPARATED = "(separated by ','; --separator names another)"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"id,x,x,c\n1,2,3,4\n", "the header repeats 'x'; give every column its own name"),
        (
            b"a,b\n1,2\n3\n",
            f"fewer fields than the header's 2 {SEPARATED}: 1 row (2); is the last row a footer, or was the file cut off?",
        ),
        (b"a,b\n1,2,3\n", f"more fields than the header's 2 {SEPARATED}: 1 row (1)"),
        (b'a,b\n1,2\n3,"4\n5,6\n', "row 2 opens a quote that is never closed"),
        (b'a,b\n1,"' + b"x" * 200_000, "a field in row 1 has no end; is a quote left open?"),
        (b'a,b\n"1"x,2\n', "row 1 has text after a closing quote; write a quote within quotes twice"),
        (b'"a"x,b\n1,2\n', "the header's quotes are not paired"),
        (
            b'a,b\n1,2\nx"y,2\n"a ""b""",0\n',
            'row 2 has a quote in a field that is not in quotes; write "…" around the field, and that quote twice',
        ),
        (b"a,b\r1,2\r", "ends its lines with CR alone; save it with LF or CRLF as line ends"),
        (
            b"a,b\n1,2\n\xff,2\n",
            "line 3 is not UTF-8; save it as UTF-8, for example with `iconv -f CP1252 -t UTF-8`",
        ),
        ("a,b\n1,2\n".encode("utf-16"), "is UTF-16; save it as UTF-8, for example with `iconv -f UTF-16 -t UTF-8`"),
        (
            b"PK\x03\x04\xff",
            "is a ZIP archive or an Excel workbook, whatever its name says; save its sheet as CSV (UTF-8)",
        ),
        (
            b" a,b,a\n1,2,3\n",
            "the names ' a' and 'a' differ only in blanks; give every column its own name",
        ),
        (b"a,,\n1,2,\n3,,4\n", "columns 2 and 3 of the header: no name, but values; name or remove what is there"),
        (
            b"Report\na,b\n1,2\n",
            f"more fields than the header's 1 {SEPARATED}: 2 rows (1, 2); is the first line a title? remove it",
        ),
        (
            b"a,b\n1,2\n3,4\n2 rows\n",
            f"fewer fields than the header's 2 {SEPARATED}: 1 row (3); is the last row a footer, or was the file cut off?",
        ),
        (
            b"# by us\n# today\na,b\n1,2\n3,4\n",
            f"more fields than the header's 1 {SEPARATED}: 3 rows (2, 3, 4); are the first 2 lines a title? remove them",
        ),
        (b"a,b\n1,2\n# page 2\n3,4\n", "lines that begin with # are no records; remove them: 1 row (2)"),
        (b"a,b\n1,2\n\n3,4\n", "blank lines between records; remove them: 1 row (2)"),
        (b"a,b\n1,2\na,b\n3,4\n", "the header is repeated; remove it there: 1 row (2)"),
        (
            b"a,b\n1,2\n1,2,\n3,4, \n5,6\n7,8\n",
            "an empty field after the header's 2: 2 rows (2, 3); remove the separator at the end of these lines",
        ),
        (b"", "is empty"),
    ],
)
def test_a_problem_of_a_csv_reads(content, problem, tmp_path):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InvalidDataset) as caught:
        read_file(tmp_path / "a.csv")
    assert caught.value.problems == (problem,)


def test_a_problem_of_a_file_reads(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    (tmp_path / "a.csv").mkdir()
    problems = {
        "none.csv": "no such file",
        "a.txt": "name the file .csv, .csv.gz or .parquet; the suffix decides how it is read",
        "a.xlsx": "is an Excel workbook; save its sheet as CSV (UTF-8)",
        "a.parquet": "cannot be read as Parquet (ComputeError)",
        "a.csv": "is a folder without Parquet files",
    }
    for name, problem in problems.items():
        with pytest.raises(InvalidDataset) as caught:
            read_file(tmp_path / name)
        assert caught.value.problems == (problem,)
    assert str(unwritable(tmp_path, OSError(28, "full"))) == f"{tmp_path}: cannot be written: full"
    assert str(unwritable(tmp_path, FileNotFoundError(2, "none"))) == f"{tmp_path}: cannot be written: no such folder"


def draft(frame: pl.DataFrame, **options) -> str:
    return infer_contract(
        frame, source="loans.csv", name="loans", **{"target": "y", "identifier": None, "time": None, **options}
    )


@pytest.mark.parametrize(
    ("frame", "options", "problem"),
    [
        ({"x": [1, 2], "y": [0, 1]}, {"time": "z"}, "no column 'z'; the columns are 'x', 'y'"),
        (
            {"a`b": [1, 2], "y": [0, 1]},
            {},
            "column 'a`b': rename it; a name has 1 to 128 characters, and no `, {, } or line break",
        ),
        ({"x": [], "y": []}, {}, "holds no rows"),
        ({"x": [1, 2], "y": [0, 0]}, {}, "the target 'y' has 1 value; it must have two"),
        (
            {"x": ["a", "b"], "y": [0, 1]},
            {"time": "x"},
            (
                "the time column 'x' has values that are not times: 2 rows (1, 2); write ISO 8601, such as "
                "2025-01-31T10:00:00+01:00 (or Z, or UTC), or a form that docs/how-to/files.md lists"
            ),
        ),
        (
            {"x": ["EUR", *"123456789"], "z": ["years", *"123456789"], "y": [None, *[0, 1, 0] * 3]},
            {},
            "no column can be a feature; is row 1 a second header? remove it",
        ),
        ({"x": [1, 1], "y": [0, 1]}, {}, "no column can be a feature; is this the right file?"),
    ],
)
def test_a_file_that_no_contract_can_be_drafted_for_reads(frame, options, problem):
    with pytest.raises(InvalidDataset) as caught:
        draft(pl.DataFrame(frame), **options)
    assert caught.value.problems == (problem,)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([3, 3, 3, 3], "never varies"),
        (["", None, " ", "NA"], "empty in all rows"),
        (["a", "b", "c", "d"], "4 different texts in 4 values: an id or free text, and no category"),
        (["x" * 257, "y", "y", "y"], "has texts of more than 256 characters: 1 row (1)"),
        ([2**60, 1, 2, 3], "whole numbers beyond 2^53 cannot be stored exactly; is it an id?"),
        ([1e300, 1.0, 2.0, 3.0], "has infinite or too large numbers; correct the file"),
        ([time(1), time(2), time(3), time(4)], "a contract has no type for Time"),
        (
            [*map(str, range(20)), "none!"],
            (
                "20 of 21 values are numbers; the other is in row 21: correct the file, declare a category, or, if they "
                'mean missing, declare a number with missing = ["none!"] and nullable = true'
            ),
        ),
        (
            ["none!" if n % 20 == 2 else str(n) for n in range(140)],
            (
                "133 of 140 values are numbers; the others are in rows 3, 23, 43, 63, 83, …: correct the file, declare a "
                'category, or, if they mean missing, declare a number with missing = ["none!"] and nullable = true'
            ),
        ),
    ],
)
def test_the_reason_to_ignore_a_column_reads(values, reason):
    frame = {"plain": range(len(values)), "x": values, "y": (IS_FRAUD * len(values))[: len(values)]}
    assert f'\n  "x",  # {reason}\n' in draft(pl.DataFrame(frame))


def test_a_draft_reads():
    frame = {"x": [1, 2, 3, 4], "true_fraud_probability": [0.5] * 4, "y": IS_FRAUD}
    frame |= {"opened_at": [date(2024, 1, day) for day in (1, 2, 3, 4)]}
    assert draft(pl.DataFrame(frame)) == (
        "# Drafted from 4 rows of loans.csv. Review it, and add units, ranges and the texts of reasons.\n"
        'name = "loans"\n'
        'purpose = "fraud"  # or "credit", where the target says that a credit was not repaid: reasons then say so\n\n'
        '[target]\n# 0 (3 rows), 1 (1)\nname = "y"\npositive = 1  # the value that means fraud\n'
        'known_probability = "true_fraud_probability"  # of simulated data; never a feature\n\n'
        '[features.x]\ndtype = "int"\nminimum = 0\nexample = 3\nreason = { code = "X", text = "x is {value}: {band}" }\n\n'
        "[features.opened_at]\n"
        "# if this is when the record was made, draft again with --time: training is then measured on later records\n"
        'dtype = "datetime"\nparts = ["month", "weekday"]\nelapsed_days_since = "2000-01-01"\n'
        'reason = { code = "OPENED_AT", text = "opened_at is {value}" }\n'
    )
    assert "positive = 2  # the rarer value, as a guess; make sure that it means fraud" in draft(
        pl.DataFrame({"x": [1, 2, 3, 4], "y": [1, 2, 1, 1]})
    )
