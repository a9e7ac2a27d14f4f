"""What the entity of a decision did around it: a line of time with the windows of history features, and a table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from pydantic_core import from_json

from fraud_detection_api.console.decisions.values import clock, value_text
from fraud_detection_api.console.figures.money import money
from fraud_detection_api.console.words import say
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.times import epoch_milliseconds, parse_time
from fraud_detection_api.contract.windows import FOREVER
from fraud_detection_api.policy.outcomes import Outcome
from fraud_detection_api.services.history.surroundings import EntityLife, KnownEvent, Labelled

WIDTH, AXIS, ROW = 720, 40, 16
"""The drawing's width, where its axis is, and the height of a window's row below it."""
_EDGE = 12
_MOST_WINDOWS = 5

Truth = Literal["fraud", "legitimate", "unknown"]


class LifeRow(NamedTuple):
    """A decision or an event of the entity. `name` is the decision's id, or the caller's of an event."""

    at: int
    time: str
    kind: Literal["decision", "event"]
    name: str
    outcome: Outcome | None
    risk_score: str
    amount: str
    truth: Truth
    is_own: bool

    @property
    def words(self) -> str:
        """All of it in a line."""
        what = say(f"outcome.{self.outcome}") if self.outcome is not None else say("life.event")
        return ", ".join(part for part in (self.time, what, self.amount, say(f"truth.{self.truth}")) if part)


class Mark(NamedTuple):
    """A mark on the line of time, and the row that it stands for."""

    x: float
    row: LifeRow


class Span(NamedTuple):
    """A window of history features before the decision, in the drawing; `is_cut` says that it began before it."""

    x: float
    width: float
    y: int
    words: str
    is_cut: bool

    @property
    def is_at_end(self) -> bool:
        """Whether its words have more room before it than after."""
        return self.x > WIDTH * 0.75


class Tick(NamedTuple):
    """A time below the axis."""

    x: float
    words: str
    anchor: Literal["start", "middle", "end"]


class Timeline(NamedTuple):
    """The drawing: WIDTH wide and `height` high."""

    marks: list[Mark]
    spans: list[Span]
    ticks: list[Tick]
    own_x: float
    height: int


class Life(NamedTuple):
    """What the entity did, newest first; `timeline` is None where there is nothing else than the decision."""

    rows: list[LifeRow]
    timeline: Timeline | None
    has_earlier: bool
    has_later: bool


def life_of(own: Labelled, around: EntityLife, contract: Contract | None) -> Life:
    """The decision among what else its entity did."""
    decisions = [*around.later[::-1], own, *around.earlier]
    rows = [_decision(each, contract, is_own=each is own) for each in decisions]
    rows = sorted([*rows, *(_event(each, contract) for each in around.events)], key=lambda row: row.at, reverse=True)
    at = next(row.at for row in rows if row.is_own)
    windows = _windows(contract)
    timeline = _timeline(rows, at, windows) if len(rows) > 1 else None
    return Life(rows, timeline, around.has_earlier, around.has_later)


def _decision(labelled: Labelled, contract: Contract | None, *, is_own: bool) -> LifeRow:
    row, label = labelled
    at, amount = _told(row.record, contract, row.decided_at)
    truth: Truth = "unknown" if label is None else "fraud" if label.is_fraud else "legitimate"
    score = "" if row.risk_score is None else str(row.risk_score)
    return LifeRow(at, clock(at), "decision", row.decision_id, row.outcome, score, amount, truth, is_own)


def _event(known: KnownEvent, contract: Contract | None) -> LifeRow:
    event, is_fraud = known
    at, amount = _told(event.record, contract, event.recorded_at)
    truth: Truth = "unknown" if is_fraud is None else "fraud" if is_fraud else "legitimate"
    return LifeRow(at, clock(at), "event", event.external_id, None, "", amount, truth, is_own=False)


def _told(record: str | None, contract: Contract | None, otherwise: int) -> tuple[int, str]:
    """The time of a record, or that of its decision, and its amount."""
    sent, time = record_of(record), None if contract is None else contract.time
    if not sent or contract is None:
        return otherwise, ""
    moment = parse_time(sent[time.name]) if time is not None and isinstance(sent.get(time.name), str) else None
    return (otherwise if moment is None else epoch_milliseconds(moment)), amount_text(contract, sent)


def record_of(text: str | None) -> dict[str, Any]:
    """A stored record; empty where it was erased, or a row that was changed has none."""
    try:
        record = from_json(text or "{}")
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def amount_text(contract: Contract | None, record: Mapping[str, Any]) -> str:
    """The money at risk in a record as people read it; empty where there is none."""
    name = None if contract is None else main_amount(contract)
    if contract is None or name is None or record.get(name) is None:
        return ""
    unit, sent = contract.inputs[name].unit, record[name]
    return (
        f"{money(float(sent))} {unit}".rstrip() if isinstance(sent, int | float) else value_text(contract, name, sent)
    )


def main_amount(contract: Contract) -> str | None:
    """The feature that says how much money is at risk: the declared one, or one that is called `amount`."""
    if contract.amount_at_risk is not None:
        return contract.amount_at_risk
    return "amount" if "amount" in contract.features else None


class _Window(NamedTuple):
    begin_ms: int
    end_ms: int
    words: str


def _windows(contract: Contract | None) -> list[_Window]:
    """The different windows of history features that end, as milliseconds before the record, the shortest first."""
    if contract is None:
        return []
    named: dict[tuple[int, int], list[str]] = {}
    for name, each in contract.history.items():
        if each.window_us < FOREVER:
            named.setdefault((each.delay_us + each.window_us, each.delay_us), []).append(name)
    return [_Window(begin // 1000, end // 1000, ", ".join(names)) for (begin, end), names in sorted(named.items())][
        :_MOST_WINDOWS
    ]


def _timeline(rows: Sequence[LifeRow], at: int, windows: Sequence[_Window]) -> Timeline:
    oldest, newest = min(row.at for row in rows), max(row.at for row in rows)
    longest = max((each.begin_ms for each in windows), default=0)
    # windows that reach far beyond what is shown would press it together
    begin = max(min(oldest, at - longest), min(oldest, at - 2 * max(at - oldest, 1)))
    span = max(newest - begin, 1)

    def place(moment: int) -> float:
        return round(_EDGE + (WIDTH - 2 * _EDGE) * (moment - begin) / span, 1)

    spans = [_span(each, at, begin, place, row) for row, each in enumerate(windows)]
    marks = [Mark(place(row.at), row) for row in rows]
    return Timeline(marks, spans, _ticks(begin, newest, place), place(at), AXIS + 22 + ROW * len(spans))


_Place: TypeAlias = Callable[[int], float]
"""Where in the drawing a time is."""


def _span(window: _Window, at: int, begin: int, place: _Place, row: int) -> Span:
    first, last = at - window.begin_ms, at - window.end_ms
    x, end = place(max(first, begin)), place(max(last, begin))
    return Span(x, max(1.0, round(end - x, 1)), AXIS + 26 + ROW * row, window.words, first < begin)


def _ticks(begin: int, end: int, place: _Place) -> list[Tick]:
    if end - begin < 1000:
        return [Tick(place(end), clock(end), "start")]
    middle = (begin + end) // 2
    return [
        Tick(place(begin), _short(begin, end - begin), "start"),
        Tick(place(middle), _short(middle, end - begin), "middle"),
        Tick(place(end), _short(end, end - begin), "end"),
    ]


def _short(moment: int, span: int) -> str:
    """A time as exact as a span of time asks for."""
    return clock(moment)[:10] if span > 4 * 86_400_000 else clock(moment)[5:16]
