"""What is wrong with a CSV file's text and header, and what to do."""

import gzip
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from fraud_detection_api.errors import InvalidDataset

_BEGINNINGS = {
    b"\xff\xfe": "is UTF-16; save it as UTF-8, for example with `iconv -f UTF-16 -t UTF-8`",
    b"\xfe\xff": "is UTF-16; save it as UTF-8, for example with `iconv -f UTF-16 -t UTF-8`",
    b"PK": "is a ZIP archive or an Excel workbook, whatever its name says; save its sheet as CSV (UTF-8)",
}


def not_utf8(path: Path) -> InvalidDataset:
    """The error for a file that is not UTF-8: what it is, or its first line that is not."""
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if number == 1 and (known := [text for start, text in _BEGINNINGS.items() if line.startswith(start)]):
                return InvalidDataset(str(path), known)
            if not _is_utf8(line):
                fix = "save it as UTF-8, for example with `iconv -f CP1252 -t UTF-8`"
                return InvalidDataset(str(path), [f"line {number} is not UTF-8; {fix}"])
    return InvalidDataset(str(path), ["is not UTF-8; save it as UTF-8"])


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def column_names(written: Sequence[str], source: str) -> list[str]:
    """The names without blanks around them. Raises InvalidDataset where two are the same, but for those without a name."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name in written:
        alike[name.strip()].append(name)
    repeated = [names for name, names in alike.items() if name and len(names) > 1]
    same = [repr(names[0]) for names in repeated if len(set(names)) == 1]
    problems = [f"the header repeats {', '.join(same)}; give every column its own name"] if same else []
    problems += [
        f"the names {' and '.join(map(repr, names))} differ only in blanks; give every column its own name"
        for names in repeated
        if len(set(names)) > 1
    ]
    if problems:
        raise InvalidDataset(source, problems)
    return [name.strip() for name in written]


def nameless(names: Sequence[str]) -> list[int]:
    """Positions of columns without a name, but for the first, which may hold the row numbers of pandas."""
    return [position for position, name in enumerate(names) if position and not name.strip()]


def columns_text(positions: Sequence[int]) -> str:
    """The columns at positions from 0, as people count them.

    >>> columns_text([3]), columns_text([3, 4])
    ('column 4', 'columns 4 and 5')
    """
    numbers = [str(position + 1) for position in positions]
    return f"columns {', '.join(numbers[:-1])} and {numbers[-1]}" if numbers[1:] else f"column {numbers[0]}"


def header_remarks(written: Sequence[str]) -> list[str]:
    """What a draft says about a header: blanks that are ignored, columns that are left out."""
    padded = [repr(name) for name in written if name.strip() != name and name.strip()]
    remarks = [f"Blanks around names are ignored: {', '.join(padded)}."] if padded else []
    if empty := nameless(written):
        remarks.append(f"Left out: {columns_text(empty)}, without a name and without values.")
    return remarks


_NO_RECORDS = {
    "comment": "lines that begin with # are no records; remove them",
    "blank": "blank lines between records; remove them",
    "header": "the header is repeated; remove it there",
}


def kind_of_row(row: Sequence[str], width: int) -> str:
    """What a row of another length than the header's is.

    >>> kind_of_row(["# page 2"], 3), kind_of_row(["1", "2", ""], 2), kind_of_row([], 2)
    ('comment', 'ending', 'blank')
    """
    if not row:
        return "blank"
    if row[0].lstrip().startswith("#"):
        return "comment"
    if len(row) < width:
        return "short"
    return "long" if any(field.strip() for field in row[width:]) else "ending"


def row_problems(
    width: int, rows: int, odd: Mapping[str, Sequence[int]], separated: str
) -> list[tuple[str, Sequence[int], str]]:
    """Problems of rows by their kind: each with its rows, and a hint.

    `separated` says which separator was taken.
    """
    long, short = odd.get("long", ()), odd.get("short", ())
    more = f"more fields than the header's {width}{separated}"
    if rows > 1 and len(long) > rows / 2:
        lines = long[0]  # the header and the rows above the first long one
        title = (
            "is the first line a title? remove it"
            if lines == 1
            else f"are the first {lines} lines a title? remove them"
        )
        return [(more, long, f"; {title}")]
    footer = "; is the last row a footer, or was the file cut off?" if list(short) == [rows] else ""
    ending = "; remove the separator at the end of these lines"
    found = [
        (f"fewer fields than the header's {width}{separated}", short, footer),
        (more, long, ""),
        (f"an empty field after the header's {width}", odd.get("ending", ()), ending),
        *((text, odd.get(kind, ()), "") for kind, text in _NO_RECORDS.items()),
    ]
    return [(text, numbers, hint) for text, numbers, hint in found if numbers]
