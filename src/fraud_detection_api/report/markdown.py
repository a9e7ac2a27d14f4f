"""Sections of a report as Markdown: the facts without the plots."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

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
)
from fraud_detection_api.report.numbers import count


def section_lines(section: Section) -> list[str]:
    """The lines of a section, GitHub-flavoured."""
    return [f"## {markdown_text(section.title)}", "", *_blocks(section.blocks)]


def _blocks(blocks: Sequence[Block]) -> Iterator[str]:
    """Lines of a section. Consecutive sentences are one paragraph."""
    for is_text, group in groupby(blocks, key=lambda block: isinstance(block, Paragraph | Plot | Gallery)):
        if is_text:
            yield from (markdown_text(" ".join(each for block in group for each in _sentences(block))), "")
        else:
            yield from (line for block in group for line in _listed(block))


def _sentences(block: Block) -> Iterator[str]:
    """Sentences: a paragraph, or what a plot shows, for readers who do not see it."""
    match block:
        case Paragraph(text):
            yield text
        case Plot():
            yield from _labelled(block)
        case Gallery(plots):
            yield from (each for plot in plots for each in _labelled(plot))


def _labelled(plot: Plot) -> Iterator[str]:
    if plot.here:
        yield f"{plot.title}: {plot.here}"


def _listed(block: Block) -> Iterator[str]:
    match block:
        case Bullets():
            yield from _bullets(block)
        case Facts(items):
            yield from ("; ".join(f"{markdown_text(name)}: {_cell(value)}" for name, value in items) + ".", "")
        case Table() if block.rows_in_card:
            yield from _table(block)


def _bullets(bullets: Bullets) -> Iterator[str]:
    most = bullets.items_in_card
    yield from (f"- {markdown_text(item)}" for item in bullets.items[:most])
    if len(bullets.items) > most:
        yield f"- and {count(len(bullets.items) - most)} more"
    yield ""


def _table(table: Table) -> Iterator[str]:
    yield _row([markdown_text(heading) for heading in table.headings])
    yield _row(["---"] * len(table.headings))
    yield from (_row([_cell(cell) for cell in row]) for row in table.rows[: table.rows_in_card])
    if (left_out := len(table.rows) - table.rows_in_card) > 0:
        yield _row([f"{count(left_out)} more in the report", *[""] * (len(table.headings) - 1)])
    yield ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(cell: Cell) -> str:
    match cell:
        case Code(text):
            return _code(text)
        case Bar(text, _share):
            return markdown_text(text)
        case Measured(value, interval):
            return markdown_text(f"{value} ({interval})")
        case str():
            return markdown_text(cell)


def markdown_text(text: str) -> str:
    r"""Plain text as Markdown: on one line, with every character escaped that Markdown could interpret.

    >>> print(markdown_text("<b> a|b_c *d*\n# _e"))
    \<b\> a\|b_c \*d\* \# \_e
    """
    escaped = re.sub(r"([\\`*{}\[\]<>|#~&$!@^])", r"\\\1", _one_line(text))
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", escaped)


def _code(text: str) -> str:
    r"""A name in a code span; backticks and bars in it do not end the span.

    >>> print(_code("a`b|c"))
    `` a`b\|c ``
    """
    name = _one_line(text)
    longest = max((len(run) for run in re.findall(r"`+", name)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{name}{space}{fence}".replace("|", "\\|")


def _one_line(text: str) -> str:
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", " ", text).split())
