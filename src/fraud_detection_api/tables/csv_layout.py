"""The shape of a CSV file. Polars does not check it: it renames a repeated column, and fills a short row with nulls."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.tables.checking import rows_text

_QUOTE_PROBLEMS = {  # by the csv module's message
    "unexpected end of data": "row {row} opens a quote that is never closed",
    "field larger than field limit": "a field in row {row} has no end; is a quote left open?",
}
_OTHER_QUOTE_PROBLEM = "row {row} has text after a closing quote; write a quote within quotes twice"


def count_records(path: Path) -> int:
    """The number of records in a CSV file. Blank lines at its end are not records.

    Takes about half a second for a million rows of six columns. Raises InvalidDataset, with row numbers and no values: not
    UTF-8, empty, a repeated column, rows of another length, stray quotes; OSError where the file cannot be opened.
    """
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = _rows(csv.reader(lines, strict=True), path)
        width = len(_header(rows, path))
        short: list[int] = []
        long: list[int] = []
        blank: list[int] = []
        last = 0
        for number, row in enumerate(rows, 1):
            if len(row) == width:
                last = number
            elif not row:
                blank.append(number)
            else:
                last = number
                (short if len(row) < width else long).append(number)
    lengths = {"fewer": sorted(short + [number for number in blank if number < last]), "more": long}
    if problems := [
        f"{length} fields than the header's {width}: {rows_text(numbers)}"
        for length, numbers in lengths.items()
        if numbers
    ]:
        raise InvalidDataset(str(path), problems)
    return last


def _rows(reader: Iterator[list[str]], path: Path) -> Iterator[list[str]]:
    """The header, and every row after it. Raises InvalidDataset where text or quotes cannot be read."""
    read = 0
    try:
        for fields in reader:
            read += bool(fields or read)  # blank lines above the header are not rows
            yield fields
    except UnicodeDecodeError:
        raise InvalidDataset(str(path), ["is not UTF-8; save it as UTF-8"]) from None
    except csv.Error as error:
        texts = (text for message, text in _QUOTE_PROBLEMS.items() if message in str(error))
        problem = next(texts, _OTHER_QUOTE_PROBLEM).format(row=read) if read else "the header's quotes are not paired"
        raise InvalidDataset(str(path), [problem]) from None


def _header(rows: Iterator[list[str]], path: Path) -> list[str]:
    header = next((row for row in rows if row), None)
    if header is None:
        raise InvalidDataset(str(path), ["is empty"])
    if len(header) == 1:
        for separator, name in ((";", "';'"), ("\t", "tabs")):
            if separator in header[0]:
                raise InvalidDataset(str(path), [f"the header has no comma; is it separated by {name}?"])
    if repeated := [name for name, count in Counter(header).items() if count > 1]:
        listed = ", ".join(repr(name) for name in repeated)
        raise InvalidDataset(str(path), [f"the header repeats {listed}; give every column its own name"])
    return header
