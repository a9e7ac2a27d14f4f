"""Problems of target, id and time say what is near, what the values are, and what to do."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.tables.inference import infer_contract

TIMES = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=30 * n) for n in range(60)]


def draft(columns, *, target="y", **options) -> str:
    rows = max(map(len, columns.values()))
    frame = pl.DataFrame({"x": range(rows), "y": [n % 2 for n in range(rows)], **columns})
    return infer_contract(
        frame, source="file.csv", name="file", target=target, **{"identifier": None, "time": None, **options}
    )


def problem(columns, **options) -> str:
    with pytest.raises(InvalidDataset) as caught:
        draft(columns, **options)
    (only,) = caught.value.problems
    return only


def written(*formats: str) -> list[str]:
    return [f"{each:{formats[n % len(formats)]}}" for n, each in enumerate(TIMES)]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            written("%d/%m/%Y", "%d/%m/%Y", "unknown"),
            "20 rows (3, 6, 9, 12, 15, …); 40 of 60 are in the format '%d/%m/%Y'",
        ),
        (
            written("%Y/%m/%d", "%Y/%m/%d", "%b %d, %Y"),
            (
                "20 rows (3, 6, 9, 12, 15, …); 40 of 60 are in the format '%Y/%m/%d', and 20 in the format '%b %d, %Y': "
                "write all in one form, or in ISO 8601"
            ),
        ),
        (written("%Y-%m-%d", "soon"), "30 rows (2, 4, 6, 8, 10, …); 30 of 60 are in ISO 8601: correct the others"),
        (written("%Y-%m-%d %H:%M:%S EST"), "nearly all are times with the name of a zone: write an offset"),
        (written("week %W"), "write ISO 8601, such as 2025-01-31T10:00:00+01:00 (or Z, or UTC), or a form that docs"),
        ([None, *written("%Y-%m-%d")], "1 row (1); every record needs its time"),
        ([*written("%Y-%m-%d"), None], "1 row (61); is the last row a total or a footer? remove it"),
    ],
)
def test_a_time_column_in_another_form_says_what_is_near_and_what_to_do(values, said):
    found = problem({"t": values}, time="t")
    assert found.startswith("the time column 't' has values that are not times: ")
    assert said in found


@pytest.mark.parametrize(
    ("values", "format_"),
    [
        ([int(each.timestamp() * 1e6) for each in TIMES], "unix_us"),
        ([int(each.timestamp()) * 10**9 for each in TIMES], "unix_ns"),
        ([each.timestamp() + 0.5 for each in TIMES], "unix_s"),
        ([int(f"{each:%Y%m%d%H%M%S}") for each in TIMES], "%Y%m%d%H%M%S"),
        (written("%Y%m%d%H%M%S"), "%Y%m%d%H%M%S"),
        (written("%d-%b-%y %I.%M.%S.%f %p"), "%d-%b-%y %I.%M.%S%.f %p"),
        (written("%a %b %d %H:%M:%S UTC %Y"), "%a %b %d %H:%M:%S UTC %Y"),
        (written("%b %d, %Y", "%Y-%m-%d"), "%b %d, %Y"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"time": "seen_ts"}])
def test_times_of_other_programs_are_recognized(values, format_, options):
    assert f'format = "{format_}"' in draft({"seen_ts": values}, **options)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("X", "did you mean 'x'?"),
        (" x", "did you mean 'x'?"),
        ("amonut", "did you mean 'amount'?"),
        ("q", "columns are 'x',"),
    ],
)
def test_a_role_that_no_column_has_names_what_is_near(target, said):
    assert said in problem({"amount": [1, 2]}, target=target)
    assert said in problem({"amount": [1, 2]}, identifier=target)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            ["no", "yes", "Yes"] * 3,
            '3 different values, "Yes" (3), "no" (3), "yes" (3); it must have two; some differ only',
        ),
        (["yes", "Yes"], "2 different values, "),
        (["0", "1", "NULL?"], "leave out rows whose outcome is not known yet"),
        (["label", "1", "0", "0", "1"], "is row 1 a second header? remove it"),
        (["a", "a"], "has 1 value; it must have two"),
        ([f"name {n}" for n in range(9)], "has 9 different values; it must have two"),
    ],
)
def test_a_target_without_two_values_says_which_and_what_to_do(values, said):
    assert said in problem({"y": values})


@pytest.mark.parametrize("values", [["0", "1", "NULL", ""], [0, 1, None, None], [0.0, 1.0, None, float("nan")]])
def test_rows_without_a_target_are_counted(values):
    assert "# empty, and training refuses that, in 2 rows (3, 4): leave out rows" in draft({"y": values})


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        ([1, 1, 1, 0], ["# 1 (3 rows), 0 (1)", "the more frequent value; if 0 means fraud, write positive = 0"]),
        ([1, 1, 1, -1], ["# 1 (3 rows), -1 (1)", "the more frequent value; if -1 means fraud, write positive = -1"]),
        (["bad", "bad", "good", ""], ['# "bad" (2 rows), "good" (1)', 'write positive = "good"']),
        ([0, 0, 0, 1], ["# 0 (3 rows), 1 (1)", "positive = 1  # the value that means fraud"]),
    ],
)
def test_the_values_of_the_target_are_counted_and_a_frequent_positive_one_is_a_guess(values, lines):
    text = draft({"y": values})
    assert [line for line in lines if line not in text] == []


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (["a", "", "b", " "], "# empty in 2 rows (2, 4): scoring refuses them; give each record an id"),
        ([7, None, 8, None], "# empty in 2 rows (2, 4): scoring refuses"),
        (["7", "7", "7"], "# all ids are the same; is another column the id?"),
        (["1.23457E+17", "a", "b"], "# written in scientific notation: digits are lost; export the column as text"),
        ([1.23457e17, 1.23458e17, 4.0], "# written in scientific notation"),
        (["7", "7", "8", "8", "8"], None),
    ],
)
def test_ids_that_scoring_refuses_or_that_lost_digits_are_said(ids, said):
    section = draft({"id": ids}, identifier="id").partition("[id]")[2].partition("\n\n")[0]
    assert said in section if said else "#" not in section
