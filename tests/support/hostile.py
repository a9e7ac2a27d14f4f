"""Texts that would do harm if a page took them for markup, and pages as a browser reads them."""

import re
from functools import cache
from html.parser import HTMLParser
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any
from urllib.parse import urlsplit

TEXTS = {
    "a script": "<script>hostile()</script>",
    "an image": "<img src=x onerror=hostile()>",
    "a double quote": '" onfocus="hostile()" autofocus tabindex="1',
    "a single quote": "' onfocus='hostile()' autofocus='",
    "no quote": "x onmouseover=hostile() hostile=1",
    "the end of a drawing": "</text></svg><svg onload=hostile()><animate onbegin=hostile()>",
    "the end of a form": '</textarea></title></select></form><form action="https://elsewhere.example"><button>',
    "a comment": "--><hostile-element><!--",
    "a frame": '<iframe srcdoc="<script>hostile()</script>"></iframe><base href="https://elsewhere.example/">',
    "an address": "javascript:hostile()",
    "an address with data": "data:text/html,<script>hostile()</script>",
    "an address of another host": "//elsewhere.example/%2e%2e/?a=b&c=d#e",
    "a tab in an address": "java\tscript:hostile()",
    "entities": "&lt;script&gt;hostile()&lt;/script&gt;&#60;hostile-element&#62;",
    "a template": "{{ 7 * 7777 }}{% raise %}{# #}${7*7777}{0.__class__}{name!r}%s%n",
    "wide forms": "\uff1cscript\uff1ehostile()\uff1c/script\uff1e\u02bahostile\u02b9",
    "directions": "\u202e\u2066\u200f\u2028\u2029\ufeff\u200d\U000e0041<hostile-element>",
    "control characters": "\x01\x08\x0b\x1b[2J\x7f\x85<hostile-element>",
    "lines": "\r\nSet-Cookie: hostile=1\r\n\r\n<hostile-element>",
    "a formula": '=HYPERLINK("https://elsewhere.example","open")',
    "a command": "@SUM(1+1)*cmd|' /C calc'!A0",
    "letters on letters": "Z" + "\u0334\u0351\u0489" * 60,
    "a long word": "<hostile-element>" + "w" * 200,
    "a path": "../../../etc/passwd%00",
    "a statement": "' OR 1=1; DROP TABLE decisions; --",
}
"""Each at most 256 characters, the longest that an id or a level may have."""

ALL = "".join(TEXTS.values())

_ADDRESSES = frozenset({"href", "src", "action", "formaction", "xlink:href", "data", "poster", "srcset", "ping"})
_OPENING = re.compile(r"{%.*?%}|{#.*?#}", re.DOTALL)
_VALUE = re.compile(r"{{.*?}}", re.DOTALL)


class Page(HTMLParser):
    """The elements of a page with their attributes, and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.elements.append(("!--", {data: ""}))

    @property
    def shapes(self) -> set[tuple[str, str]]:
        """Each element with each of its attributes, and with none."""
        return {(tag, name) for tag, attributes in self.elements for name in ("", *attributes)}

    @property
    def everything_said(self) -> str:
        """All texts, and all values of attributes."""
        return "\n".join([*self.texts, *(value for _, attributes in self.elements for value in attributes.values())])


@cache
def shapes_of_templates() -> frozenset[tuple[str, str]]:
    """What the console's own templates are made of: nothing else may be on a page."""
    sources = [each.read_text(encoding="utf-8") for each in _files(_folder()) if each.name.endswith(".html")]
    return frozenset(shape for source in sources for shape in Page(_markup(source)).shapes)


def foreign_markup(html: str) -> list[str]:
    """What on a page is not the templates': elements, attributes, and addresses that are no paths of this server."""
    page = Page(html)
    foreign = [f"<{tag} {name}>" for tag, name in page.shapes - shapes_of_templates()]
    for tag, attributes in page.elements:
        if tag == "script" and not _is_own_script(attributes):
            foreign.append("<script>")
        named = attributes.keys() & _ADDRESSES
        foreign += [f'<{tag} {name}="{attributes[name]}">' for name in named if not _is_own(attributes[name])]
    return foreign


def _is_own_script(attributes: dict[str, str]) -> bool:
    return attributes.keys() == {"src", "defer"} and attributes["src"].startswith("/console/static/keys-")


def _is_own(address: str) -> bool:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or address.startswith(("//", "/\\")) or re.search(r"[\x00-\x20]", address):
        return False
    return not address or address.startswith(("/console", "?", "#"))


def _folder() -> Traversable:
    return resources.files("fraud_detection_api.console") / "templates"


def _files(folder: Traversable) -> list[Any]:
    found = []
    for each in folder.iterdir():
        found += [each] if each.is_file() else _files(each)
    return found


def _markup(source: str) -> str:
    """A template's HTML without what fills it in; both branches of each condition stay."""
    return _VALUE.sub("x", _OPENING.sub(" ", source))
