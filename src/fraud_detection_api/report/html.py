"""Text and tables of a report as HTML. Plots are `page`'s, because they need matplotlib."""

import re
from collections.abc import Iterator, Sequence
from html import escape

from fraud_detection_api.report.document import (
    Bar,
    Bullets,
    Cell,
    Code,
    Facts,
    Folded,
    Gallery,
    Measured,
    Paragraph,
    Plot,
    Section,
    Table,
    Tiles,
)

WIDE = 4
"""A table with this many columns or more, or with intervals, becomes a list on a narrow screen."""


def section_html(section: Section) -> str:
    """A section without plots."""
    blocks = "\n".join(
        written_block(block) for block in section.blocks if not isinstance(block, Plot | Gallery | Folded)
    )
    return f'<section id="{section.anchor}">\n<h2>{text(section.title)}</h2>\n{blocks}\n</section>'


def written_block(block: Paragraph | Bullets | Facts | Table | Tiles) -> str:
    """A block without plots."""
    match block:
        case Paragraph(said):
            return f"<p>{text(said)}</p>"
        case Bullets(items):
            return f"<ul>{''.join(f'<li>{text(item)}</li>' for item in items)}</ul>"
        case Facts():
            return _facts(block)
        case Table():
            return _table(block)
        case Tiles():
            return _tiles(block)


def _facts(facts: Facts) -> str:
    rows = "".join(f'<tr><th scope="row">{text(name)}</th><td>{_cell(value)}</td></tr>' for name, value in facts.items)
    return f'<div class="table facts"><table><tbody>{rows}</tbody></table></div>'


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{text(heading)}</th>' for heading in table.headings)
    rows = "".join(f"<tr>{''.join(_cells(table, row))}</tr>" for row in table.rows)
    kinds = ["table", *(["wide"] if len(table.headings) >= WIDE or _holds(table, Measured) else [])]
    kinds += ["bars"] if _holds(table, Bar) else []
    caption = f"<caption>{text(table.caption)}</caption>"
    content = f"{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return f'<div class="{" ".join(kinds)}"><table>{content}</table></div>'


def _holds(table: Table, kind: type[Cell]) -> bool:
    return any(isinstance(cell, kind) for row in table.rows for cell in row)


def _cells(table: Table, row: Sequence[Cell]) -> Iterator[str]:
    for index, (heading, cell) in enumerate(zip(table.headings, row, strict=True)):
        if index == 0:
            yield f'<th scope="row" data-label="{html_text(heading)}">{_cell(cell)}</th>'
        else:
            yield f'<td data-label="{html_text(heading)}">{_cell(cell)}</td>'


def _cell(cell: Cell) -> str:
    match cell:
        case Code(name):
            return f"<code>{text(name)}</code>"
        case Bar(figure, share):
            width = f"{100 * min(max(share, 0.0), 1.0):.1f}"
            bar = '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
            return f'<span>{text(figure)}{bar}<rect width="{width}" height="10"/></svg></span>'
        case Measured(value, interval):
            return f'<span>{text(value)}<span class="interval">{text(interval)}</span></span>'
        case str():
            return f"<span>{text(cell)}</span>"


def _tiles(tiles: Tiles) -> str:
    return (
        '<dl class="tiles">'
        + "".join(
            f'<div><dt>{text(tile.label)}</dt><dd class="value">{text(tile.value)}</dd>'
            f'<dd class="interval">{text(tile.interval)}</dd></div>'
            for tile in tiles.tiles
        )
        + "</dl>"
    )


def text(plain: str) -> str:
    """Plain text between tags.

    A line never breaks between a number and its percent sign; it may break long names at their underscores.
    """
    return re.sub(r"(?<=\d) %", "&nbsp;%", html_text(plain)).replace("_", "_<wbr>")


_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """The text, with a replacement for each character that HTML forbids.

    >>> printable("a" + chr(7))
    'a�'
    """
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def html_text(text: str) -> str:
    """The text for use between tags, or in an attribute in double quotes.

    >>> html_text('<a href="b">')
    '&lt;a href=&quot;b&quot;&gt;'
    """
    return escape(printable(text))
