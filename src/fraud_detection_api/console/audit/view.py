"""The view of the audit trail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, get_args
from urllib.parse import urlencode

from fraud_detection_api.console.decisions.values import clock
from fraud_detection_api.container.accounts import People
from fraud_detection_api.decision.identifiers import is_written
from fraud_detection_api.services.accounts.account_store import AuditLine, Deed, TrailFilter
from fraud_detection_api.services.accounts.trail import MOST_LOOKED_AT

ROWS = 100
DEEDS: tuple[Deed, ...] = get_args(Deed)
_LONGEST = 256


class TrailRow(NamedTuple):
    """A line. `decision_id` is what it is about, if that is a decision."""

    time: str
    who: str
    what: Deed
    about: str
    decision_id: str


@dataclass(frozen=True, slots=True)
class TrailView:
    """The form as it was filled in, and the lines. `next_address` is empty on the last page."""

    texts: Mapping[str, str]
    deeds: Sequence[Deed]
    rows: list[TrailRow]
    next_address: str
    is_partial: bool
    is_filtered: bool
    most_looked_at: str


@dataclass(frozen=True, slots=True)
class TrailReader:
    """Reads the trail; `people` is None without a store, where there is another page."""

    people: People | None

    def view(self, parameters: Mapping[str, str]) -> TrailView:
        """The newest lines that match, from a number in the address on. Raises StoreUnavailable."""
        texts = {name: parameters.get(name, "").strip()[:_LONGEST].replace("\0", "") for name in TrailFilter._fields}
        deed = texts["what"] if texts["what"] in DEEDS else None
        before = parameters.get("before", "")
        assert self.people is not None
        where = TrailFilter(texts["who"] or None, deed, texts["about"] or None)
        number = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
        found = self.people.trail.page(where, limit=ROWS, before=number)
        given = {name: text for name, text in texts.items() if text}
        return TrailView(
            texts=texts,
            deeds=DEEDS,
            rows=[trail_row(each.line) for each in found.lines],
            next_address="" if found.reached is None else urlencode({**given, "before": found.reached}),
            is_partial=found.reached is not None and len(found.lines) < ROWS,
            is_filtered=bool(given),
            most_looked_at=f"{MOST_LOOKED_AT:,}",
        )


def trail_row(line: AuditLine) -> TrailRow:
    """A line as it is listed."""
    decision_id = line.about if is_written(line.about) else ""
    return TrailRow(clock(line.at), line.who, line.what, line.about, decision_id)
