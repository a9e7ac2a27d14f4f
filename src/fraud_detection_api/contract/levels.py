"""Texts that name something: the levels of categories, ids and keys."""

import unicodedata
from collections import Counter
from collections.abc import Mapping


def composed(text: str) -> str:
    r"""The text in Unicode's form NFC, where an accent is part of its letter. As a character of its own, it looks the same.

    >>> composed("Andr\N{LATIN SMALL LETTER E}\N{COMBINING ACUTE ACCENT}") == "Andr\N{LATIN SMALL LETTER E WITH ACUTE}"
    True
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def as_id(text: str) -> str:
    r"""The text of an id or a key as it is stored: composed, without blanks around it.

    >>> as_id(" cafe\N{COMBINING ACUTE ACCENT} ")
    'café'
    """
    return composed(text.strip())


def folded(text: str) -> str:
    r"""The text composed, and without a difference between capital and small letters. Source: Unicode 15, 3.13.

    >>> folded("ONLINE"), folded("Straße"), folded("E\N{COMBINING ACUTE ACCENT}")
    ('online', 'strasse', 'é')
    """
    return composed(composed(text).casefold())


def composed_counts(levels: Mapping[str, int]) -> dict[str, int]:
    r"""Counts by level, in order, with those of one level added up where it was written in several ways.

    >>> composed_counts({"e\N{COMBINING ACUTE ACCENT}": 2, "a": 3, "\N{LATIN SMALL LETTER E WITH ACUTE}": 1})
    {'é': 3, 'a': 3}
    """
    counts: Counter[str] = Counter()
    for level, count in levels.items():
        counts[composed(level)] += count
    return dict(counts)
