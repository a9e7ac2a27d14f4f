"""What tuning maximises."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.report.measures import measure_text
from fraud_detection_api.statistics.metrics import average_precision, recall_at_fpr, roc_auc
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
        return _VALUES[self.name](self, is_fraud, probability)

    @property
    def text(self) -> str:
        """The objective in words.

        >>> Objective("recall_at_fpr", false_positive_rate=0.01).text
        'recall at a false positive rate of 0.01'
        """
        return _TEXTS[self.name].format(self=self)


def _cost(objective: Objective, is_fraud: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    """The negative cost of a record, in false alerts, if alerts start at the probability from which they pay.

    Source: Elkan, "The foundations of cost-sensitive learning", IJCAI 2001.
    """
    alerts = probability >= 1 / (1 + objective.cost_ratio)
    return -float(np.mean(np.where(is_fraud, objective.cost_ratio * ~alerts, alerts)))


def _ranking(metric: Callable[[ScoredTest, NDArray[np.float64]], float]) -> Callable[..., float]:
    return lambda _objective, is_fraud, probability: metric(
        ScoredTest.sort(is_fraud, probability), np.ones(len(is_fraud))
    )


def _recall(objective: Objective, is_fraud: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    return _ranking(recall_at_fpr(objective.false_positive_rate))(objective, is_fraud, probability)


_VALUES: dict[str, Callable[[Objective, NDArray[np.bool_], NDArray[np.float64]], float]] = {
    "average_precision": _ranking(average_precision),
    "roc_auc": _ranking(roc_auc),
    "recall_at_fpr": _recall,
    "expected_cost": _cost,
}
_TEXTS = {
    "average_precision": measure_text("average_precision"),
    "roc_auc": measure_text("roc_auc"),
    "recall_at_fpr": "recall at a false positive rate of {self.false_positive_rate:g}",
    "expected_cost": "the negative expected cost, where a missed fraud costs {self.cost_ratio:g} false alerts",
}
