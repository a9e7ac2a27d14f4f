"""What a study maximises."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.report.numbers import measure_text
from fraud_detection_api.statistics.metrics import Metric, average_precision, recall_at_fpr, roc_auc
from fraud_detection_api.statistics.scored import ScoredTest

ObjectiveName = Literal["average_precision", "roc_auc", "recall_at_fpr", "expected_cost"]


@dataclass(frozen=True, slots=True)
class Objective:
    """A measure of scored records; larger is better.

    `false_positive_rate` is the one at which recall is measured; `cost_ratio` is how many false alerts a missed fraud costs.
    """

    name: ObjectiveName = "average_precision"
    false_positive_rate: float = 0.01
    cost_ratio: float = 10.0

    def value(self, is_fraud: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
        """For labels bool (n,) and calibrated probabilities float64 (n,), both classes among them."""
        return self.metric(ScoredTest.sort(is_fraud, probability), np.ones(len(is_fraud)))

    @property
    def metric(self) -> Metric:
        """The measure of scored records with weights."""
        return _METRICS[self.name](self)

    @property
    def text(self) -> str:
        """The objective in words.

        >>> Objective("recall_at_fpr", false_positive_rate=0.01).text
        'recall at a false positive rate of 0.01'
        """
        return _TEXTS[self.name].format(self=self)


def _negative_cost(objective: Objective) -> Metric:
    """The negative cost of a record, in false alerts, if alerts start at the probability from which they pay.

    Source: Elkan, "The foundations of cost-sensitive learning", IJCAI 2001.
    """

    def negative_cost(test: ScoredTest, weights: NDArray[np.float64]) -> float:
        alerts = test.probability >= 1 / (1 + objective.cost_ratio)
        costs = np.where(test.is_fraud > 0, objective.cost_ratio * ~alerts, alerts)
        return -float(np.average(costs, weights=weights))

    return negative_cost


_METRICS: dict[ObjectiveName, Callable[[Objective], Metric]] = {
    "average_precision": lambda _objective: average_precision,
    "roc_auc": lambda _objective: roc_auc,
    "recall_at_fpr": lambda objective: recall_at_fpr(objective.false_positive_rate),
    "expected_cost": _negative_cost,
}
_TEXTS = {
    "average_precision": measure_text("average_precision"),
    "roc_auc": measure_text("roc_auc"),
    "recall_at_fpr": "recall at a false positive rate of {self.false_positive_rate:g}",
    "expected_cost": "the negative expected cost, where a missed fraud costs {self.cost_ratio:g} false alerts",
}
