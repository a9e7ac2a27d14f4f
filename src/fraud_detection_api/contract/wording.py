"""Placeholders in the texts of reasons."""

import re

BANDED = ("int", "float", "category")
"""The dtypes whose texts may have `{band}`."""

_BAND = re.compile(r"[\s,:;(\u2013\u2014]*\{band\}\)?")


def without_band(text: str) -> str:
    """The text for a value that cannot be placed among the training data.

    >>> without_band("Your income is {value}, {band}"), without_band("{value} ({band}) accounts are open")
    ('Your income is {value}', '{value} accounts are open')
    """
    return _BAND.sub("", text).lstrip(" ,:;")
