"""The document of a report: sections and what they may hold. All text is plain, and the renderers escape it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Words:
    """`event` is what the model predicts, `others` are the records without it."""

    event: str
    events: str
    others: str
    rate: str

    @property
    def other(self) -> str:
        """What a record without the event is."""
        return self.others.removesuffix(" records")


FRAUD = Words("fraud", "frauds", "legitimate records", "fraud rate")
PURPOSES = {"fraud": FRAUD, "credit": Words("default", "defaults", "good records", "default rate")}


def words_for(purpose: str) -> Words:
    """Words of a purpose, `fraud` or `credit`. Raises ValueError for any other."""
    if purpose not in PURPOSES:
        raise ValueError(f"a model's purpose is {' or '.join(PURPOSES)}, not {purpose!r}")
    return PURPOSES[purpose]


Paint: TypeAlias = Callable[[Any, Any, Mapping[str, Any], Words], None]
"""Draws data on a matplotlib Figure and its Axes."""


@dataclass(frozen=True, slots=True)
class Code:
    """A name from the contract or the software, in a monospaced typeface."""

    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure beside a bar of that share of the cell, 0 to 1."""

    text: str
    share: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure with its interval."""

    value: str
    interval: str


Cell: TypeAlias = str | Code | Bar | Measured


def cell_text(cell: Cell) -> str:
    """A cell as plain text.

    >>> cell_text(Measured("0.5", "0.4 to 0.6"))
    '0.5 (0.4 to 0.6)'
    """
    match cell:
        case Measured(value, interval):
            return f"{value} ({interval})" if interval else value
        case Code(name) | Bar(name):
            return name
        case str():
            return cell


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list; `items_in_card` is how many items the Markdown card shows."""

    items: Sequence[str]
    items_in_card: int = 4


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with values: a table on the page, a line in the card."""

    items: Sequence[tuple[str, Cell]]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `rows_in_card` is how many rows the Markdown card shows."""

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    rows_in_card: int = 8


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot: `paint` draws `data` onto a figure's axes; `here` says what it shows for this model."""

    paint: Paint
    title: str
    data: Mapping[str, Any]
    reading: str = ""
    here: str = ""


@dataclass(frozen=True, slots=True)
class Gallery:
    """Plots side by side, as many as fit."""

    plots: Sequence[Plot]
    small: bool = False


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the few figures that stand out."""

    label: str
    value: str
    interval: str


@dataclass(frozen=True, slots=True)
class Tiles:
    """The figures that stand out. Only the page shows them, because a table repeats them."""

    tiles: Sequence[Tile]


@dataclass(frozen=True, slots=True)
class Folded:
    """A gallery that readers may open. The card and paper leave it out."""

    title: str
    gallery: Gallery


Block: TypeAlias = Paragraph | Bullets | Facts | Table | Plot | Gallery | Folded | Tiles


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report with a heading. `anchor` is its address in the page. With `in_card`, the card shows it too."""

    anchor: str
    title: str
    blocks: Sequence[Block]
    in_card: bool = True
