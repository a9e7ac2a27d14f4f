"""A report as one HTML file: no script, nothing to load, and a policy in the page that forbids both."""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources

from fraud_detection_api.report.canvas import draw, html_text
from fraud_detection_api.report.document import (
    Bar,
    Block,
    Bullets,
    Cell,
    Code,
    Facts,
    Gallery,
    Measured,
    Paragraph,
    Plot,
    Section,
    Table,
    Tiles,
    Words,
)

WIDE = 4
"""A table with this many columns or more, or with intervals, becomes a list on a narrow screen."""


def page_html(title: str, lead: str, sections: Sequence[Section], words: Words) -> bytes:
    """A page of these sections, UTF-8, complete in itself; `lead` follows the title."""
    header = f'<header><h1>{_text(title)}</h1><p class="lead">{_text(lead)}</p></header>'
    body = "\n".join([header, _toc(sections), *(_section(each, words) for each in sections)])
    return f"{_head(title)}\n<body>\n{body}\n</body>\n</html>\n".encode()


@cache
def _style_sheet() -> str:
    return "\n" + resources.files("fraud_detection_api.report").joinpath("style.css").read_text(encoding="utf-8")


def _head(title: str) -> str:
    style = _style_sheet()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html_text(title)}</title>\n<style>{style}</style>\n</head>"
    )


def _toc(sections: Sequence[Section]) -> str:
    items = "".join(f'<li><a href="#{each.anchor}">{_text(each.title)}</a></li>' for each in sections)
    return f'<nav aria-label="Contents"><ol>{items}</ol></nav>'


def _section(section: Section, words: Words) -> str:
    blocks = "\n".join(_block(block, f"{section.anchor}-{k}", words) for k, block in enumerate(section.blocks))
    return f'<section id="{section.anchor}">\n<h2>{_text(section.title)}</h2>\n{blocks}\n</section>'


def _block(block: Block, name: str, words: Words) -> str:
    match block:
        case Plot():
            return f'<div class="solo">{_figure(block, name, words, small=False)}</div>'
        case Gallery(plots, small):
            figures = "".join(_figure(each, f"{name}-{k}", words, small=small) for k, each in enumerate(plots))
            return f'<div class="gallery{" small" if small else ""}">{figures}</div>'
        case Paragraph(text):
            return f"<p>{_text(text)}</p>"
        case Bullets(items):
            return f"<ul>{''.join(f'<li>{_text(item)}</li>' for item in items)}</ul>"
        case _:
            return _tabular(block)


def _tabular(block: Facts | Table | Tiles) -> str:
    match block:
        case Facts():
            return _facts(block)
        case Table():
            return _table(block)
        case Tiles():
            return _tiles(block)


def _facts(facts: Facts) -> str:
    rows = "".join(f'<tr><th scope="row">{_text(name)}</th><td>{_cell(value)}</td></tr>' for name, value in facts.items)
    return f'<div class="table facts"><table><tbody>{rows}</tbody></table></div>'


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{_text(heading)}</th>' for heading in table.headings)
    rows = "".join(f"<tr>{''.join(_cells(table, row))}</tr>" for row in table.rows)
    kinds = ["table", *(["wide"] if len(table.headings) >= WIDE or _holds(table, Measured) else [])]
    kinds += ["bars"] if _holds(table, Bar) else []
    caption = f"<caption>{_text(table.caption)}</caption>"
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
        case Code(text):
            return f"<code>{_text(text)}</code>"
        case Bar(text, share):
            width = f"{100 * min(max(share, 0.0), 1.0):.1f}"
            bar = '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
            return f'<span>{_text(text)}{bar}<rect width="{width}" height="10"/></svg></span>'
        case Measured(value, interval):
            return f'<span>{_text(value)}<span class="interval">{_text(interval)}</span></span>'
        case str():
            return f"<span>{_text(cell)}</span>"


def _tiles(tiles: Tiles) -> str:
    return (
        '<dl class="tiles">'
        + "".join(
            f'<div><dt>{_text(tile.label)}</dt><dd class="value">{_text(tile.value)}</dd>'
            f'<dd class="interval">{_text(tile.interval)}</dd></div>'
            for tile in tiles.tiles
        )
        + "</dl>"
    )


def _figure(plot: Plot, name: str, words: Words, *, small: bool) -> str:
    here = f' <span class="here">{_text(plot.here)}</span>' if plot.here else ""
    caption = f"<figcaption><b>{_text(plot.title)}</b>{_text(plot.reading)}{here}</figcaption>"
    drawing = draw(
        lambda figure, axes: plot.paint(figure, axes, plot.data, words),
        name=name,
        title=plot.title,
        description=f"{plot.reading} {plot.here}".strip(),
        small=small,
    )
    return f"<figure>{caption}{drawing}</figure>"


def _text(text: str) -> str:
    """Plain text between tags.

    A line never breaks between a number and its percent sign; it may break long names at their underscores.
    """
    return re.sub(r"(?<=\d) %", "&nbsp;%", html_text(text)).replace("_", "_<wbr>")
