"""A report's page as text and as a tree."""

from html.parser import HTMLParser

import pytest

from fraud_detection_api.report.canvas import draw
from fraud_detection_api.training.report.card import card_markdown
from fraud_detection_api.training.report.contents import report_html
from support.scored import card, evidence
from support.sketches import plots_made_by

VOID = {"meta", "br", "wbr"}


class Page(HTMLParser):
    """Tags with their attributes, the text of each section, and whether every tag is closed."""

    def __init__(self, document: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.document = document
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.sections: dict[str, str] = {}
        self.open: list[str] = []
        self._section = ""
        self.feed(document.decode())
        self.close()

    def handle_starttag(self, tag, attrs):
        self._part(tag)
        self.tags.append((tag, dict(attrs)))
        if tag == "section":
            self._section = dict(attrs)["id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self._part(tag)
        if tag == "section":
            self._section = ""

    def handle_data(self, data):
        self._append(data.replace("\N{NO-BREAK SPACE}", " "))

    def _part(self, tag):
        if tag != "wbr":  # a chance to break a long name parts no words
            self._append(" ")

    def _append(self, text):
        self.sections[self._section] = self.sections.get(self._section, "") + text

    def attributes(self, name: str) -> list[str]:
        return [value or "" for _tag, attributes in self.tags for key, value in attributes.items() if key == name]


@pytest.fixture(scope="session")
def page():
    """The page of the card and the evidence that have everything, with its plots drawn."""
    return drawn(card(), evidence())


@pytest.fixture(scope="session")
def drawn_page_of():
    """Makes a page whose plots are drawn. It takes a second: use it where the drawing is the point."""
    return drawn


@pytest.fixture(scope="session")
def page_of():
    """Makes a page whose plots are sketches."""
    return lambda card, evidence: Page(report_html(card, evidence))


def drawn(card, evidence) -> Page:
    with plots_made_by(draw):
        return Page(report_html(card, evidence))


@pytest.fixture
def markdown_of():
    return lambda card, evidence: card_markdown(card, evidence).decode()
