"""Any text as text within HTML and SVG."""

import re
from html import escape

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
