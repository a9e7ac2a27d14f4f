"""The shape of a CSV file, which Polars takes on trust: it renames a repeated column and fills up a short row with nulls."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.tables.checking import rows_text

_QUOTE_FAULTS = {  # by what the csv module says
    "unexpected end of data": "a quote is opened in row {row} and never closed",
    "field larger than field limit": "a field in row {row} has no end; is a quote left open?",
}
_OTHER_QUOTE_FAULT = "in row {row} text follows a closing quote; a quote within quotes is doubled"


def count_records(path: Path) -> int:
    """Records of a CSV file of which every row has the header's fields; blank lines at its end are no records.

    About half a second for a million rows of six columns. Raises InvalidDataset: not UTF-8, empty, a repeated column,
    rows of another length, stray quotes (first row numbers, no values); OSError where the file cannot be opened.
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
    faults = {"few": sorted(short + [number for number in blank if number < last]), "many": long}
    if problems := [
        f"too {fault} fields, where the header has {width}: {rows_text(numbers)}"
        for fault, numbers in faults.items()
        if numbers
    ]:
        raise InvalidDataset(str(path), problems)
    return last


def _rows(reader: Iterator[list[str]], path: Path) -> Iterator[list[str]]:
    """The header, and every row after it. Raises InvalidDataset where text or quotes cannot be read."""
    read = 0
    try:
        for fields in reader:
            read += bool(fields or read)  # blank lines above the header are no rows
            yield fields
    except UnicodeDecodeError:
        raise InvalidDataset(str(path), ["is not UTF-8; save it as UTF-8"]) from None
    except csv.Error as error:
        fault = next((mend for said, mend in _QUOTE_FAULTS.items() if said in str(error)), _OTHER_QUOTE_FAULT)
        place = fault.format(row=read) if read else "the header's quotes do not pair"
        raise InvalidDataset(str(path), [place]) from None


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
        raise InvalidDataset(str(path), [f"the header repeats {listed}; every column needs a name of its own"])
    return header
