"""The model card as Markdown, for a repository or a registry's page: the report's facts without its plots."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

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
    Table,
)
from fraud_detection_api.report.numbers import count
from fraud_detection_api.training.report.contents import contents
from fraud_detection_api.training.report.material import Material


def card_markdown(card: Mapping[str, Any], evidence: Mapping[str, Any]) -> bytes:
    """The card of a model, GitHub-flavoured Markdown in UTF-8, at most 165 lines; the same arguments give the same bytes.

    `evidence` is what `evidence.gather.gather_evidence` returns. Raises KeyError where the card lacks what every card has,
    ValueError for an unknown purpose.
    """
    material = Material.of(card, evidence)
    lines = [f"# Model card: {_text(material.contract_name)}", "", _text(material.identity), ""]
    for section in contents(material):
        if section.in_card:
            lines += [f"## {_text(section.title)}", "", *_blocks(section.blocks)]
    return ("\n".join(lines).rstrip() + "\n").encode()


def _blocks(blocks: Sequence[Block]) -> Iterator[str]:
    """Lines of a section. Consecutive sentences are one paragraph."""
    for is_text, group in groupby(blocks, key=lambda block: isinstance(block, Paragraph | Plot | Gallery)):
        if is_text:
            yield from (_text(" ".join(each for block in group for each in _sentences(block))), "")
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
            yield from ("; ".join(f"{_text(name)}: {_cell(value)}" for name, value in items) + ".", "")
        case Table() if block.rows_in_card:
            yield from _table(block)


def _bullets(bullets: Bullets) -> Iterator[str]:
    most = bullets.items_in_card
    yield from (f"- {_text(item)}" for item in bullets.items[:most])
    if len(bullets.items) > most:
        yield f"- and {count(len(bullets.items) - most)} more"
    yield ""


def _table(table: Table) -> Iterator[str]:
    yield _row([_text(heading) for heading in table.headings])
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
            return _text(text)
        case Measured(value, interval):
            return _text(f"{value} ({interval})")
        case str():
            return _text(cell)


def _text(text: str) -> str:
    r"""Plain text as Markdown: on one line, with every character escaped that Markdown could interpret.

    >>> print(_text("<b> a|b_c *d*\n# _e"))
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
