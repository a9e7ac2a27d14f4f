"""How a model's reasons read: for each feature, and for records of a file."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from pydantic_core import from_json

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.model.engine import Assessment
from fraud_detection_api.model.numbers import readable
from fraud_detection_api.model.placement import Phrases, Placement
from fraud_detection_api.model.words import Direction, code_of, missing_text, placed, text_of
from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.services.batch.files import CHUNK_ROWS
from fraud_detection_api.tables.checking import check_table
from fraud_detection_api.tables.files import reading, scan_file

_RAISES: Direction = "increases"


class FeatureWords(NamedTuple):
    """The code of a feature, and its texts where it raised the risk: of values that are low, usual, high and missing.

    Of a category, the low one is the level with the fewest frauds for its records, and the high one that with the most.
    """

    feature: str
    code: str
    low: str
    usual: str
    high: str
    missing: str


def feature_words(bundle: Bundle) -> list[FeatureWords]:
    """The words of each feature that may be a reason, in the contract's order."""
    return [_words(bundle, name) for name in bundle.contract.explained]


def barred(contract: Contract) -> list[str]:
    """The features, history features and derived features that are never reasons."""
    return [name for name in contract.modelled if name not in contract.explained]


def _words(bundle: Bundle, name: str) -> FeatureWords:
    contract, placement = bundle.contract, bundle.placement
    text = text_of(contract, name, placement, direction=_RAISES)
    low, usual, high = (
        placed(text, phrases, at=True).replace("{value}", value)
        for value, phrases in _examples(bundle, placement, name)
    )
    return FeatureWords(name, code_of(contract, name), low, usual, high, missing_text(name))


def _examples(bundle: Bundle, placement: Placement, name: str) -> list[tuple[str, Phrases | None]]:
    """A low, a usual and a high value of the training data, each with its phrases."""
    if (bands := placement.numbers.get(name)) is not None:
        seen = bands.edges[:-1] or bands.edges  # the last edge is above all values
        shown = str if bands.are_years else readable
        each_placed = [(shown(value), bands.phrases[bisect_right(bands.edges, value)]) for value in seen]
        # a usual value is said to raise the risk or to lower it, and any other to be low or high
        usual = [each for each in each_placed if each[1][0] != each[1][1]] or each_placed
        return [each_placed[0], usual[len(usual) // 2], each_placed[-1]]
    feature, counted = bundle.contract.inputs.get(name), bundle.reference["features"].get(name, {})
    if name in placement.levels and (told := placement.levels[name].known.keys() & counted["frauds"].keys()):
        ordered = sorted(sorted(told), key=lambda level: counted["frauds"][level] / counted["levels"][level])
        chosen, names = (
            (ordered[0], ordered[len(ordered) // 2], ordered[-1]),
            bundle.contract.inputs[name].shown_levels,
        )
        return [(names.get(level, level), placement.levels[name].known[level]) for level in chosen]
    if feature is not None and feature.dtype == "bool":
        return [(readable(value), None) for value in (False, False, True)]
    return [("…", None)] * 3


@dataclass(frozen=True, slots=True)
class ExplainedRecord:
    """A record of a file by its row, from 1, with its probability, its outcome and its reasons (JSON values)."""

    row: int
    fraud_probability: float
    outcome: str
    reasons: list[dict[str, Any]]


def explained_records(
    bundle: Bundle, file: Path, *, rows: int, highest: bool, separator: str | None = None
) -> list[ExplainedRecord]:
    """Reasons of the first so many rows, or of those with the highest scores, the highest first.

    A CSV's `separator` is taken from its header unless it is given. Raises InvalidDataset: unreadable file, missing
    columns, rows that break the contract.
    """
    best: list[tuple[float, int, dict[str, Any], np.ndarray[Any, Any], str]] = []
    for first_row, records, assessment in _assessed(bundle, file, separator, rows=None if highest else rows):
        probabilities = assessment.probabilities
        chosen = np.argsort(-probabilities, kind="stable")[:rows] if highest else np.arange(len(probabilities))
        dicts = records[chosen].to_dicts()
        best += [
            (float(probabilities[at]), first_row + at, record, assessment.matrix[at], OUTCOMES[assessment.outcomes[at]])
            for at, record in zip(chosen.tolist(), dicts, strict=True)
        ]
        best = sorted(best, key=lambda each: -each[0])[:rows] if highest else best
    if not best:
        return []
    _, _, records_of, matrix, outcomes = zip(*best, strict=True)
    whole, adverse = np.array(matrix), np.array([outcome != "approve" for outcome in outcomes])
    texts = bundle.reasoner.texts(bundle.engine.contributions(whole), list(records_of), whole, adverse)
    return [
        ExplainedRecord(row, probability, outcome, from_json(text))
        for (probability, row, _, _, outcome), text in zip(best, texts, strict=True)
    ]


def _assessed(
    bundle: Bundle, file: Path, separator: str | None, *, rows: int | None
) -> Iterator[tuple[int, pl.DataFrame, Assessment]]:
    """Pieces of a file, or of its first `rows`: the number of the first row, the records, and what the model says."""
    scan, contract, done = scan_file(file, separator)[0], bundle.contract, 0
    with reading(file, separator):
        batches = (scan if rows is None else scan.head(rows)).collect_batches(
            chunk_size=CHUNK_ROWS, maintain_order=True
        )
        for frame in batches:
            check = check_table(frame, contract, first_row=done + 1)
            if check.problems:
                raise InvalidDataset(str(file), check.problems)
            records = pl.DataFrame(check.features(contract))
            yield done + 1, records, bundle.engine.assess(check.columns)
            done += frame.height
