"""Whether a study's settings are better than the defaults, on records that neither was chosen on."""

from dataclasses import dataclass
from typing import Any

from fraud_detection_api.statistics.estimates import Estimate
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.splits import Split
from fraud_detection_api.training.evaluate import compare, score_dataset
from fraud_detection_api.training.fit_scorer import ScorerFitter
from fraud_detection_api.training.train_xgboost import Progress, stages
from fraud_detection_api.training.tuning.objective import Objective


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fitter, and the records under the contract with its ratios."""

    fitter: ScorerFitter
    data: Dataset


@dataclass(frozen=True, slots=True)
class Verdict:
    """The objective on the same held-out records with the default and with the best settings, and how much it rises."""

    records: int
    default: float
    best: float
    difference: Estimate

    @property
    def is_better(self) -> bool:
        """Whether the best settings are the better choice; the interval says how sure that is."""
        return self.difference.estimate > 0

    def as_json(self) -> dict[str, Any]:
        figures = {"records": self.records, "default": self.default, "best": self.best}
        return {**figures, **self.difference.as_json("difference"), "is_better": self.is_better}


def judge(default: Candidate, best: Candidate, split: Split, objective: Objective, *, on_progress: Progress) -> Verdict:
    """Train both on the training part and compare their scores of the test part, record by record."""
    probabilities = []
    for candidate, progress in zip((default, best), stages(on_progress, 1, 1), strict=True):
        fitted = candidate.fitter.fit(candidate.data.take(split.train), on_progress=progress)
        probabilities.append(score_dataset(fitted.scorer, candidate.data.take(split.test)).probabilities)
    is_fraud, seed = default.data.is_fraud[split.test], default.fitter.seed
    first, second = probabilities
    [difference] = compare(is_fraud, second, first, metrics={"objective": objective.metric}, seed=seed).values()
    values = objective.value(is_fraud, first), objective.value(is_fraud, second)
    return Verdict(len(is_fraud), *values, difference)
