"""Margins to probabilities, risk scores and outcomes in one compiled loop.

For one record, NumPy's price for each call is most of the work. The loop does the operations of `Calibration.probabilities`,
`RiskScale.scores` and `Policy.outcomes` in their order, so that every bit agrees; a test holds them equal.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
# ruff: noqa: ANN001, PLR0913, PLR0917

import numpy as np
from numba import float32, float64, int8, int64, void
from numpy.typing import NDArray

from fraud_detection_api.model.calibration import KNOTS, LOWEST_MARGIN, STEPS_PER_UNIT, Calibration
from fraud_detection_api.model.risk_score import RiskScale
from fraud_detection_api.model.trees.compilation import compiled
from fraud_detection_api.policy.outcomes import Policy


@compiled(
    void(
        *(float32[::1], float64[::1], float64[::1], float32[::1], float64, float64, float64, float64),
        *(float64[::1], int64[::1], int8[::1]),
    )
)
def finish(
    margins, amounts, knots, scale, loss, review, wrong, amount_at_risk, probabilities, scores, outcomes
) -> None:
    """Fill `probabilities`, `scores` and `outcomes`; `amounts` may be empty."""
    for row in range(len(margins)):
        index = min(max((float64(margins[row]) - LOWEST_MARGIN) * STEPS_PER_UNIT, 0.0), KNOTS - 1.0)
        left = min(int64(index), KNOTS - 2)
        low, high = knots[left], knots[left + 1]
        probability = min(low + (index - left) * (high - low), high)
        probabilities[row] = probability
        lowest, highest = 0, len(scale)
        while lowest < highest:
            middle = (lowest + highest) // 2
            if scale[middle] < margins[row]:
                lowest = middle + 1
            else:
                highest = middle
        scores[row] = lowest
        amount = amounts[row] if len(amounts) else amount_at_risk
        if np.isnan(amount):
            amount = amount_at_risk
        approve = probability * loss * (amount if amount > 0 else 0.0)
        decline = (1.0 - probability) * wrong
        if approve <= review and approve <= decline:
            outcomes[row] = 0
        else:
            outcomes[row] = 1 if review <= decline else 2


class CompiledFinish:
    """Applies a calibration, a risk scale and a policy to margins; safe to use from several threads."""

    def __init__(self, calibration: Calibration, risk: RiskScale, policy: Policy) -> None:
        costs = (policy.loss_given_fraud, policy.review_cost + policy.review_price, policy.wrong_decline_cost)
        tables = np.ascontiguousarray(calibration.knots), np.ascontiguousarray(risk.margins)
        self._terms = (*tables, *costs, policy.amount_at_risk)

    def __call__(
        self, margins: NDArray[np.float32], amounts: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int8]]:
        """Probabilities, risk scores and outcomes of margins float32 (n,); `amounts` float64 (n,) or empty."""
        probabilities = np.empty(len(margins))
        scores, outcomes = np.empty(len(margins), dtype=np.int64), np.empty(len(margins), dtype=np.int8)
        finish(margins, amounts, *self._terms, probabilities, scores, outcomes)
        return probabilities, scores, outcomes
