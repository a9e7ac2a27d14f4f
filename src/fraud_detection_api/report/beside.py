"""A model beside another one on the same records, as a table and as a sentence."""

from collections.abc import Mapping
from typing import Any

from fraud_detection_api.report.document import Cell, Measured, Table
from fraud_detection_api.report.numbers import decimal, measure_text, shown_difference

LOWER_IS_BETTER = frozenset({"brier", "log_loss", "expected_calibration_error"})


def beside_table(found: Mapping[str, Any], *, other: str, caption: str) -> Table:
    """Both models' measures, and how much higher the model's are, from what `training.beside` found."""
    rows: list[list[Cell]] = [
        [
            measure_text(name) + (" (lower is better)" if name in LOWER_IS_BETTER else ""),
            decimal(found["other"][name]),
            decimal(found["model"][name]),
            Measured(_difference(found, name), f"{_signed(of['low'])} to {_signed(of['high'])}"),
            verdict(name, of),
        ]
        for name, of in found["differences"].items()
    ]
    return Table(caption, ["measure", other, "this model", "difference, 95 % interval", ""], rows)


def verdict(name: str, difference: Mapping[str, float]) -> str:
    """Whether the difference is beyond chance.

    >>> verdict("brier", {"low": -0.2, "high": -0.1}), verdict("roc_auc", {"low": -0.1, "high": 0.1})
    ('better', 'may be chance')
    """
    if difference["low"] <= 0 <= difference["high"]:
        return "may be chance"
    return "better" if (difference["low"] > 0) != (name in LOWER_IS_BETTER) else "worse"


def beside_text(found: Mapping[str, Any], *, other: str) -> str:
    """The two measures that matter most, in one sentence.

    >>> found = {"differences": {"average_precision": {"difference": 0.05, "low": 0.01, "high": 0.09}},
    ...     "model": {"average_precision": 0.55}, "other": {"average_precision": 0.5}}
    >>> beside_text(found, other="a logistic scorecard")
    'beside a logistic scorecard: average precision 0.5500 against 0.5000 (+0.0500, interval +0.0100 to +0.0900, better)'
    """
    said = [
        f"{measure_text(name)} {decimal(found['model'][name])} against {decimal(found['other'][name])} "
        f"({_difference(found, name)}, interval {_signed(of['low'])} to {_signed(of['high'])}, {verdict(name, of)})"
        for name in ("average_precision", "roc_auc")
        if (of := found["differences"].get(name)) is not None
    ]
    return f"beside {other}: {'; '.join(said)}"


UNSEEN = "The champion was trained on none of these records."
SEEN = "The champion may have been trained on some of these records, so its figures may be too good."


def champion_caveat(found: Mapping[str, Any]) -> str:
    """Whether the champion knew the records on which both were measured."""
    return UNSEEN if found["unseen"] else SEEN


def _difference(found: Mapping[str, Any], name: str) -> str:
    return _signed(shown_difference(found["model"][name], found["other"][name]))


def _signed(difference: float) -> str:
    return f"{difference:+.4f}"
