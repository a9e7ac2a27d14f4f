"""The engine: columns of records in, what the model and its policy say of them out, all as arrays of shape (n,).

Every score in the product is computed here: for a request, a batch file, the shadow, a replay, training's own evaluation and
the golden rows. Two joints are left for later rooms: features over an entity's history join `columns` before `assess`, and
decision rules read an `Assessment` and may replace its `outcomes`.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import Columns, Record, columns_from_records
from fraud_detection_api.contract.encoding import FEW_RECORDS, Encoder, LevelCodes, row_encoder
from fraud_detection_api.decision.decided import UNSEEN_LEVEL, Unseen
from fraud_detection_api.model.calibration import Calibration, RiskScale
from fraud_detection_api.model.trees.compilation import kernels
from fraud_detection_api.model.trees.forest import CORES, Forest
from fraud_detection_api.model.unseen import Found, UnseenLevels
from fraud_detection_api.policy.outcomes import OUTCOMES, Policy

_REVIEW = OUTCOMES.index("review")

ENOUGH = 20
"""A level that is unseen matters where one in so many of the others would have led to a review or a decline."""

ROWS_TRIED = 1_000
"""Records that are tried with other levels at a time: each is copied for every level."""


class Scores(NamedTuple):
    """Margins, float32 (n,) in log-odds, and calibrated fraud probabilities, float64 (n,)."""

    margins: NDArray[np.float32]
    probabilities: NDArray[np.float64]


class Assessment(NamedTuple):
    """What a model and its policy say of n records, in the records' order.

    `matrix` float32 (n, columns) is what the trees read, `margins` float32 (n,) are in log-odds, `probabilities` float64
    (n,) are calibrated, `risk_scores` int64 (n,) run from 0 to 1000, `outcomes` int8 (n,) are indexes into OUTCOMES.
    `unseen` has the warnings about the records that have some, by the record's index.
    """

    matrix: NDArray[np.float32]
    margins: NDArray[np.float32]
    probabilities: NDArray[np.float64]
    risk_scores: NDArray[np.int64]
    outcomes: NDArray[np.int8]
    unseen: Mapping[int, tuple[Unseen, ...]] = MappingProxyType({})


@dataclass(frozen=True)
class Scorer:
    """The part of a model that turns columns into probabilities. Training has it before there is a policy."""

    encoder: Encoder[LevelCodes]
    forest: Forest
    calibration: Calibration

    def score(self, columns: Columns) -> Scores:
        """Scores of records in columns."""
        return self.score_matrix(self.encoder.encode(columns))

    def score_matrix(self, matrix: NDArray[np.float32]) -> Scores:
        """Scores of encoded records, float32 (n, columns)."""
        margins = self.forest.margins(matrix)
        return Scores(margins, self.calibration.probabilities(margins))


@dataclass(frozen=True)
class Engine:
    """A model with its policy. `amount_at_risk` names the column that holds a record's amount, if any does.

    Features that are `never_missing` were so in training: a record where one is gets a warning.
    """

    scorer: Scorer
    policy: Policy
    risk: RiskScale
    amount_at_risk: str | None
    never_missing: tuple[str, ...] = ()

    def assess(self, columns: Columns, *, threads: int = CORES) -> Assessment:
        """Assess records in columns, (n,) each; at most so many `threads` share thousands of them."""
        amounts = None if self.amount_at_risk is None else columns[self.amount_at_risk]
        matrix = self.scorer.encoder.encode(columns)
        found = self._unseen.in_columns(columns, matrix) if self._may_warn else {}
        return self._assessment(matrix, amounts, found, threads)

    def assess_encoded(
        self, records: Sequence[Record], matrix: NDArray[np.float32], *, threads: int = CORES
    ) -> Assessment:
        """Assess validated records that `encode` made `matrix` of, float32 (n, columns)."""
        found = self._unseen.in_records(records, matrix) if self._may_warn else {}
        return self._assessment(matrix, self.amounts(records), found, threads)

    def assess_records(self, records: Sequence[Record]) -> Assessment:
        """Assess validated records."""
        return self.assess_encoded(records, self.encode(records))

    def encode(self, records: Sequence[Record]) -> NDArray[np.float32]:
        """Matrix, float32 (n, columns), of validated records: the bits of `Encoder.encode`, and faster for a few."""
        if not 0 < len(records) <= FEW_RECORDS:
            encoder = self.scorer.encoder
            return encoder.encode(columns_from_records(encoder.contract, records))
        row = self._row
        return np.array([row(record.get) for record in records], dtype=np.float32)

    def amounts(self, records: Sequence[Record]) -> NDArray[np.float64] | None:
        """Amounts at risk of validated records, float64 (n,) with NaN for missing; None where the contract names none."""
        column = self.amount_at_risk
        return None if column is None else np.array([record.get(column) for record in records], dtype=np.float64)

    def losses(self, records: Sequence[Record], probabilities: Sequence[float]) -> list[float]:
        """`Policy.losses` of validated records with their fraud probabilities, one by one: faster for a few."""
        policy, column = self.policy, self.amount_at_risk
        sent = [None if column is None else record.get(column) for record in records]
        amounts = [math.nan if amount is None else float(amount) for amount in sent]
        at_risk = [policy.amount_at_risk if math.isnan(amount) else max(amount, 0.0) for amount in amounts]
        return [
            probability * policy.loss_given_fraud * amount
            for probability, amount in zip(probabilities, at_risk, strict=True)
        ]

    def contributions(self, matrix: NDArray[np.float32], *, threads: int = CORES) -> NDArray[np.float64]:
        """Log-odds that each column adds to a record's margin, float64 (n, columns)."""
        return self.scorer.forest.contributions(matrix, threads=threads)

    def _assessment(
        self, matrix: NDArray[np.float32], amounts: NDArray[np.float64] | None, found: Found, threads: int
    ) -> Assessment:
        """Assess encoded records; `amounts` float64 (n,) with NaN for missing, or None."""
        margins = self.scorer.forest.margins(matrix, threads=threads)
        assessment = Assessment(matrix, margins, *self._finish(margins, amounts))
        return self._with_warnings(assessment, amounts, found, threads) if found else assessment

    def _with_warnings(
        self, assessment: Assessment, amounts: NDArray[np.float64] | None, found: Found, threads: int
    ) -> Assessment:
        """Say what is unseen, and review what would be approved where an unseen level matters."""
        codes, rows_of = self.scorer.encoder.level_codes, defaultdict[str, list[int]](list)
        for row, warnings in found.items():
            for each in warnings:
                if each.code == UNSEEN_LEVEL and codes[each.field].reviews_unseen:
                    rows_of[each.field].append(row)
        matter = {
            name: self._where_it_matters(assessment.matrix, amounts, name, rows, threads)
            for name, rows in rows_of.items()
        }
        unseen = {
            row: tuple(each._replace(requires_review=row in matter.get(each.field, ())) for each in warnings)
            for row, warnings in found.items()
        }
        outcomes = assessment.outcomes.copy()
        reviewed = [row for row, levels in unseen.items() if any(level.requires_review for level in levels)]
        outcomes[reviewed] = np.maximum(outcomes[reviewed], _REVIEW)
        return assessment._replace(outcomes=outcomes, unseen=unseen)

    def _where_it_matters(
        self,
        matrix: NDArray[np.float32],
        amounts: NDArray[np.float64] | None,
        name: str,
        rows: Sequence[int],
        threads: int,
    ) -> set[int]:
        """The rows that are not approved with one in ENOUGH of the levels of this category, had the record one of those."""
        columns, levels = self._unseen.tried(name)
        matter: set[int] = set()
        for first in range(0, len(rows) if len(levels) else 0, ROWS_TRIED):
            some = np.array(rows[first : first + ROWS_TRIED])
            tried = np.repeat(matrix[some], len(levels), axis=0)
            tried[:, columns] = np.tile(levels, (len(some), 1))
            margins = self.scorer.forest.margins(tried, threads=threads)
            _, _, outcomes = self._finish(margins, None if amounts is None else np.repeat(amounts[some], len(levels)))
            worse = np.count_nonzero(outcomes.reshape(len(some), len(levels)), axis=1)
            matter.update(some[(worse > 0) & (worse * ENOUGH >= len(levels))].tolist())
        return matter

    @cached_property
    def _may_warn(self) -> bool:
        return bool(self.scorer.encoder.level_codes or self.never_missing)

    @cached_property
    def _unseen(self) -> UnseenLevels:
        return UnseenLevels(self.scorer.encoder, self.never_missing)

    @cached_property
    def _row(self) -> Callable[[Callable[[str], Any]], list[float]]:
        return row_encoder(self.scorer.encoder)

    @cached_property
    def _finish(self) -> "_Finish":
        return _Finish(self.scorer.calibration, self.risk, self.policy)


class _Finish:
    """Takes margins to probabilities, risk scores and outcomes: in one compiled loop, or without it by plain arrays."""

    def __init__(self, calibration: Calibration, risk: RiskScale, policy: Policy) -> None:
        self._calibration, self._risk, self._policy = calibration, risk, policy
        loops = kernels()
        self._loop = None if loops is None else loops.finish
        costs = (policy.loss_given_fraud, policy.review_cost + policy.review_price, policy.wrong_decline_cost)
        tables = np.ascontiguousarray(calibration.knots), np.ascontiguousarray(risk.margins)
        self._terms = (*tables, *costs, policy.amount_at_risk)

    def __call__(self, margins: NDArray[np.float32], amounts: NDArray[np.float64] | None) -> "_Finished":
        """Finish margins float32 (n,); `amounts` float64 (n,), or None."""
        if self._loop is None:
            probabilities = self._calibration.probabilities(margins)
            return probabilities, self._risk.scores(margins), self._policy.outcomes(probabilities, amounts)
        finished = np.empty(len(margins)), np.empty(len(margins), np.int64), np.empty(len(margins), np.int8)
        self._loop(margins, _NO_AMOUNTS if amounts is None else amounts, *self._terms, *finished)
        return finished


_Finished = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int8]]
"""Probabilities, risk scores and outcomes, (n,) each."""

_NO_AMOUNTS: NDArray[np.float64] = np.empty(0)
"""In place of amounts, where records have none."""
