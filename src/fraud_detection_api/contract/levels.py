"""The levels of a category, as text."""

import unicodedata


def composed(text: str) -> str:
    r"""The text in Unicode's form NFC, where an accent is part of its letter. As a character of its own, it looks the same.

    >>> composed("Andr\N{LATIN SMALL LETTER E}\N{COMBINING ACUTE ACCENT}") == "Andr\N{LATIN SMALL LETTER E WITH ACUTE}"
    True
    """
    return unicodedata.normalize("NFC", text)
