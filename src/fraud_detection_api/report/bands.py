"""Bands and levels of a column in words."""

from collections.abc import Mapping
from typing import Any

from fraud_detection_api.report.numbers import value_text


def band_text(band: Mapping[str, Any], dtype: str = "") -> str:
    """A band of a column of that dtype.

    >>> band_text({"above": 18.0, "up_to": 30.0}), band_text({"level": "web"}), band_text({"equals": 1.0}, "bool")
    ('over 18, up to 30', '“web”', 'true')
    >>> [band_text({"from": low, "under": high}) for low, high in ((None, 25.0), (25.0, 40.0), (62.0, None))]
    ['under 25', '25 to 39', '62 or older']
    """
    if "missing" in band:
        return "missing"
    if "level" in band:
        return f"“{band['level']}”"
    if "equals" in band:
        return ("true" if band["equals"] else "false") if dtype == "bool" else value_text(band["equals"], dtype)
    if "from" in band:
        return _age(band["from"], band["under"])
    ends = [("over", band["above"]), ("up to", band["up_to"])]
    return ", ".join(f"{word} {value_text(end, dtype)}" for word, end in ends if end is not None)


def _age(low: float | None, high: float | None) -> str:
    """A band of ages in completed years."""
    if low is None:
        return f"under {high:g}"
    return f"{low:g} or older" if high is None else f"{low:g} to {high - 1:g}"
