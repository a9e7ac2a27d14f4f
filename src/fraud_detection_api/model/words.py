"""The words of a reason, as they stand in JSON."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pydantic_core import to_json

from fraud_detection_api.contract.declaration import Contract, Derived, Feature
from fraud_detection_api.contract.encoding import records_column
from fraud_detection_api.contract.wording import Reason, without_band
from fraud_detection_api.decision.decided import Shown
from fraud_detection_api.field_texts import plain_number
from fraud_detection_api.model.numbers import readable
from fraud_detection_api.model.placement import LevelPhrases, Phrases, Placement

Direction = Literal["decreases", "increases"]
"""Where a feature moved the risk."""

DIRECTIONS: tuple[Direction, Direction] = ("decreases", "increases")

EndOf = Callable[[Mapping[str, Any], float], tuple[Shown | None, str]]
"""The value of a record, or the derived one given, NaN for none; and the end of the reason."""

_Around = Sequence[str]
"""What stands before, between and after the readable value."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a feature that moved the risk in one direction: what goes before the value, and the end."""

    head: str
    end_of: EndOf

    @classmethod
    def of(cls, contract: Contract, name: str, placement: Placement, *, direction: Direction) -> "Words":
        item, reason = contract.explained[name], _reason(contract, name)
        code = code_of(contract, name)
        if reason is not None and direction == "decreases":
            code = reason.favourable_code or code
        head = f'"code":{_json(code)},"feature":{_json(name)},"value":'
        text = text_of(contract, name, placement, direction=direction)
        is_ratio = isinstance(item, Derived) and item.reason_group not in contract.reason_groups
        at = DIRECTIONS.index(direction)
        bands, levels, around = _bands(name, text, placement, at), *_levels(name, item, text, placement, at)
        floored = _floored(name, item, reason) if is_ratio else ()  # type: ignore[arg-type]
        ends = _Ends(name, end(missing_text(name)), around, *bands, levels, floored)
        return cls(head, _derived_reader(ends) if isinstance(item, Derived) else _reader(ends, item))


def _reason(contract: Contract, name: str) -> Reason | None:
    """The declared reason of a feature: its group's, if that has one."""
    item = contract.explained[name]
    group = contract.reason_groups.get(item.reason_group or "")
    return Reason(code=group.code, text=group.text) if group is not None else item.reason or None


def code_of(contract: Contract, name: str) -> str:
    """The code of a feature's reason."""
    reason = _reason(contract, name)
    return _code(name) if reason is None else reason.code


def missing_text(name: str) -> str:
    """What is said of a feature without a value."""
    return f"{name} is missing"


def text_of(contract: Contract, name: str, placement: Placement, *, direction: Direction) -> str:
    """The text of a feature's reason, with its placeholders."""
    reason = _reason(contract, name)
    if reason is None:
        unit = contract.explained[name].unit if placement.with_units else ""
        value = f"{{value}} {unit}" if unit else "{value}"
        return f"{name} is {value}: {{band}}" if placement.by_default else f"{name} is {value}"
    return (reason.raises if direction == "increases" else reason.lowers) or reason.text


def _bands(name: str, text: str, placement: Placement, at: int) -> tuple[bool, list[float], list[_Around]]:
    """Whether numbers are years, edges of bands, and what is around a value in each."""
    if (bands := placement.numbers.get(name)) is None:
        return False, [], []
    if "{band}" not in text:
        return bands.are_years, [], [_around(text)] if bands.are_years else []
    return bands.are_years, bands.edges, [_around(placed(text, phrases, at)) for phrases in bands.phrases]


def _levels(
    name: str, item: Feature | Derived, text: str, placement: Placement, at: int
) -> tuple[dict[str, _Around], _Around]:
    """What is around each level that has a phrase or a name, which stands in place of the level; and around all others."""
    known, unknown = placement.levels.get(name, LevelPhrases({}))
    shown = item.shown_levels if isinstance(item, Feature) else {}
    phrased = known if "{band}" in text else {}
    levels = {
        level: _around(placed(text, known.get(level, unknown), at).replace("{value}", shown.get(level, "{value}")))
        for level in {**phrased, **shown}
    }
    return levels, _around(placed(text, unknown, at))


def placed(text: str, phrases: Phrases | None, at: int) -> str:
    """The text with the phrase for a direction: 0 for lower, 1 for higher risk."""
    return without_band(text) if phrases is None else text.replace("{band}", phrases[at])


class _Ends(NamedTuple):
    """Ends of a reason: `missing` where there is no value, else with the readable value in between.

    `around` is for values that have no band; `banded[i]` for those below `edges[i]`, and `levels` for levels.
    `are_years` says that numbers are written as years are.
    """

    name: str
    missing: str
    around: _Around
    are_years: bool
    edges: list[float]
    banded: list[_Around]
    levels: dict[str, _Around]
    floored: "tuple[_Floored, ...]"


def _reader(ends: _Ends, item: Feature) -> EndOf:
    """A function for this kind of feature. Names of a function around it are read faster than attributes."""
    name, missing, around, are_years, edges, banded, levels, _floored = ends

    shown = str if are_years else readable

    def of_record(record: Mapping[str, Any], _number: float) -> tuple[Shown | None, str]:
        value: Any = record.get(name)
        return (None, missing) if value is None else (value, _readable_json(value).join(around))

    def of_banded(record: Mapping[str, Any], _number: float) -> tuple[Shown | None, str]:
        value: Any = record.get(name)
        if value is None:
            return None, missing
        return value, shown(value).join(banded[bisect_right(edges, value)])

    def of_level(record: Mapping[str, Any], _number: float) -> tuple[Shown | None, str]:
        value: Any = record.get(name)
        return (None, missing) if value is None else (value, _inner_json(value).join(levels.get(value, around)))

    def of_time(record: Mapping[str, Any], _number: float) -> tuple[Shown | None, str]:
        value: Any = record.get(name)
        if value is None:
            return None, missing
        text = value.isoformat().replace("+00:00", "Z")
        return text, text.join(around)

    if item.dtype == "datetime":
        return of_time
    return of_level if levels else of_banded if banded else of_record


def _derived_reader(ends: _Ends) -> EndOf:
    """As `_reader`, for a derived feature."""
    missing, around, edges, banded, floored = ends.missing, ends.around, ends.edges, ends.banded, ends.floored

    def of_number(record: Mapping[str, Any], number: float) -> tuple[Shown | None, str]:
        if number != number:  # noqa: PLR0124 at half the price of `isnan`
            return None, missing
        for each in floored:
            if each.applies_to(record):
                return number, each.end(number, record)
        return number, readable(number).join(banded[bisect_right(edges, number)] if edges else around)

    return of_number


@dataclass(frozen=True, slots=True)
class _Floored:
    """The end of a reason for records to which a floor applies, with the names of the formula's columns."""

    text: str
    names: tuple[str, ...]
    applies_to: Callable[[Mapping[str, Any]], bool]

    def end(self, value: Shown, record: Mapping[str, Any]) -> str:
        text = self.text.replace("{value}", _readable_json(value))
        for name in self.names:
            text = text.replace(f"{{{_inner_json(name)}}}", _readable_json(record[name]))
        return text


def _floored(name: str, item: Derived, reason: Reason | None) -> tuple[_Floored, ...]:
    declared = reason.floored_text if reason is not None else None
    texts = [
        declared
        or f"{name} is {{value}}, where {floor.divisor.source} below {plain_number(floor.at_least)} counts as "
        f"{plain_number(floor.at_least)}"
        for floor in item.parsed.floors
    ]
    return tuple(
        _Floored(end(text), item.parsed.names, floor.for_one_record())
        for text, floor in zip(texts, item.parsed.floors, strict=True)
    )


def columns_of(name: str, item: Feature | Derived) -> tuple[str, ...]:
    """The columns that the matrix may have for a feature or derived feature."""
    if not isinstance(item, Feature):
        return (name,)
    if item.dtype == "datetime":
        return item.encoded(name)
    return (name, records_column(name)) if item.dtype == "category" else (name,)


def _around(text: str) -> _Around:
    return tuple(end(text).split("{value}"))


def end(text: str) -> str:
    """A reason's description, and its end."""
    return f',"description":"{_inner_json(text)}"}}'


def _json(text: str) -> str:
    return to_json(text).decode()


def _inner_json(text: str) -> str:
    """A text as it stands in JSON, without its quotes."""
    return to_json(text).decode()[1:-1]


def _readable_json(value: Shown) -> str:
    return _inner_json(value) if isinstance(value, str) else readable(value)


def _code(name: str) -> str:
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name.upper())
    return letters if letters[0].isalpha() else f"F_{letters}"
