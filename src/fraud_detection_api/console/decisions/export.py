"""The export of a search as CSV, which a spreadsheet can open without computing anything that a caller sent."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from fraud_detection_api.console.decisions.asked import Asked
from fraud_detection_api.console.decisions.life import main_amount, record_of
from fraud_detection_api.console.decisions.reasons import stored_reasons
from fraud_detection_api.console.decisions.search import MOST_EXPORTED, truth_text
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.services.history.lookup import Found, History, entity_id_of
from fraud_detection_api.telemetry import utc_text

ROWS_A_PAGE, MOST_PAGES = 1_000, 20
"""An export looks at so many pages: with conditions that no index serves, a page may be empty."""

COLUMNS = (
    "decided_at",
    "decision_id",
    "entity",
    "outcome",
    "risk_score",
    "fraud_probability",
    "decided_by",
    "model_version",
    "reason_codes",
    "first_reason",
    "label",
    "label_source",
    "label_known_at",
)

_BYTE_ORDER_MARK = "\ufeff"
"""Without it, Excel takes UTF-8 for the code page of its machine."""

_FORMULA = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""With one of these, blanks aside, a cell begins that a spreadsheet computes; some take the wide forms of the first four for
them. Source: OWASP, CSV Injection.
"""


class Exported(NamedTuple):
    """A file's bytes, and how many decisions it has."""

    content: bytes
    rows: int


@dataclass(frozen=True, slots=True)
class Exporter:
    """Exports what is found."""

    history: History

    def export(self, asked: Asked, cursor: str, contract: Contract | None = None) -> Exported:
        """The first MOST_EXPORTED decisions from the cursor on, with the contract's amount and keys.

        Raises InvalidCursor, StoreUnavailable, NoStore.
        """
        text = io.StringIO(_BYTE_ORDER_MARK)
        text.seek(0, io.SEEK_END)
        writer = csv.writer(text)  # with line ends of RFC 4180
        own = () if contract is None else dict.fromkeys([main_amount(contract), *contract.keys])
        sent = [name for name in own if name is not None]
        writer.writerow([*COLUMNS, *(f"record.{name}" for name in sent)])
        rows, following = 0, cursor or None
        for _ in range(MOST_PAGES):
            page = self.history.page(asked.where, limit=min(ROWS_A_PAGE, MOST_EXPORTED - rows), cursor=following)
            writer.writerows([safe_cell(each) for each in cells_of(found, sent)] for found in page.decisions)
            rows, following = rows + len(page.decisions), page.next_cursor
            if following is None or rows >= MOST_EXPORTED:
                break
        return Exported(text.getvalue().encode("utf-8"), rows)


def cells_of(found: Found, sent: Sequence[str]) -> list[Any]:
    """The values of COLUMNS, and of those columns of the record."""
    record = record_of(found.row.record)
    row, label, reasons = found.row, found.label, stored_reasons(found.row.reasons)
    return [
        utc_text(row.decided_at),
        row.decision_id,
        entity_id_of(row.entity),
        row.outcome,
        row.risk_score,
        row.fraud_probability,
        row.source,
        row.model_version if row.source == "model" else None,
        " ".join(code for code, _ in reasons),
        reasons[0].text if reasons else None,
        None if label is None else truth_text(found),
        None if label is None else label.source,
        None if label is None else utc_text(label.effective_at),
        *(record.get(name) for name in sent),
    ]


def safe_cell(value: Any) -> Any:
    """The value of a cell: a text that a spreadsheet would compute begins with an apostrophe. Numbers stay numbers.

    >>> [safe_cell(value) for value in ("=1+1", " @SUM(A1)", "-5", -5, -0.5, "a=b", None)]
    ["'=1+1", "' @SUM(A1)", "'-5", -5, -0.5, 'a=b', None]
    """
    if not isinstance(value, str):
        return value
    first = value.lstrip(" \xa0\ufeff")[:1]
    return f"'{value}" if first in _FORMULA and first else value
