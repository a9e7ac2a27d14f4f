"""A report as one HTML file: no script, nothing to load, and a policy in the page that forbids both."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources

from fraud_detection_api.report.canvas import draw
from fraud_detection_api.report.document import Block, Folded, Gallery, Plot, Section, Words
from fraud_detection_api.report.html import html_text, text, written_block


def page_html(title: str, lead: str, sections: Sequence[Section], words: Words) -> bytes:
    """A page of these sections, UTF-8, complete in itself; `lead` follows the title."""
    header = f'<header><h1>{text(title)}</h1><p class="lead">{text(lead)}</p></header>'
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
    items = "".join(f'<li><a href="#{each.anchor}">{text(each.title)}</a></li>' for each in sections)
    return f'<nav aria-label="Contents"><ol>{items}</ol></nav>'


def _section(section: Section, words: Words) -> str:
    blocks = "\n".join(_block(block, f"{section.anchor}-{k}", words) for k, block in enumerate(section.blocks))
    return f'<section id="{section.anchor}">\n<h2>{text(section.title)}</h2>\n{blocks}\n</section>'


def _block(block: Block, name: str, words: Words) -> str:
    match block:
        case Plot():
            return f'<div class="solo">{_figure(block, name, words, small=False)}</div>'
        case Gallery(plots, small):
            figures = "".join(_figure(each, f"{name}-{k}", words, small=small) for k, each in enumerate(plots))
            return f'<div class="gallery{" small" if small else ""}">{figures}</div>'
        case Folded(title, gallery):
            return f"<details><summary>{text(title)}</summary>{_block(gallery, name, words)}</details>"
        case _:
            return written_block(block)


def _figure(plot: Plot, name: str, words: Words, *, small: bool) -> str:
    here = f' <span class="here">{text(plot.here)}</span>' if plot.here else ""
    caption = f"<figcaption><b>{text(plot.title)}</b>{text(plot.reading)}{here}</figcaption>"
    drawing = draw(
        lambda figure, axes: plot.paint(figure, axes, plot.data, words),
        name=name,
        title=plot.title,
        description=f"{plot.reading} {plot.here}".strip(),
        small=small,
    )
    return f"<figure>{caption}{drawing}</figure>"
