"""Retraining on decisions that were served: whether there is enough data, and whether the new model is better."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.times import parse_moment
from fraud_detection_api.errors import ContractMismatch, FraudError
from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.model.engine import Scorer
from fraud_detection_api.report.document import words_for
from fraud_detection_api.statistics.estimates import Estimate
from fraud_detection_api.statistics.metrics import METRICS
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.splits import MIN_FRAUDS, SplitSettings, hold_out
from fraud_detection_api.training.evaluate import compare, evaluate, score_dataset

COMPARED = {name: METRICS[name] for name in ("roc_auc", "average_precision")}


class TooFewLabels(FraudError):
    """There are too few labelled records, or too few frauds among them, to train on."""

    def __init__(
        self, records: int, frauds: int, *, least_records: int, least_frauds: int, events: str = "frauds"
    ) -> None:
        super().__init__(
            f"too few labels to train on: {records:,} records, {frauds:,} of them {events}; the minimum is "
            f"{least_records:,} and {least_frauds:,} (--min-records, --min-frauds); nothing was trained"
        )
        self.records, self.frauds = records, frauds


@dataclass(frozen=True, slots=True)
class ComparedRecords:
    """The records on which two models are compared, as row numbers int64 (n,) of a dataset.

    `unseen`: the champion was trained on none of them. Otherwise its measures may be too good.
    """

    rows: NDArray[np.int64]
    unseen: bool


@dataclass(frozen=True, slots=True)
class HeldOutComparison:
    """Measures of the champion and of the new model on the same records, and how much higher the new one's are."""

    records: int
    frauds: int
    unseen: bool
    champion: Mapping[str, Estimate]
    challenger: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]

    def as_json(self) -> dict[str, Any]:
        sides = {"champion": self.champion, "challenger": self.challenger}
        return {
            **{name: getattr(self, name) for name in ("records", "frauds", "unseen")},
            # simulated records alone have a Bayes limit, and nobody serves those
            **{side: _measures_json(measures) for side, measures in sides.items()},
            "differences": {name: each.as_json("difference") for name, each in self.differences.items()},
        }


def _measures_json(measures: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: {**each.as_json("value"), "bayes_limit": None} for name, each in measures.items()}


def require_enough(dataset: Dataset, *, records: int, frauds: int) -> None:
    """Raise TooFewLabels where there are fewer records, or fewer frauds among them, than required."""
    found, words = int(dataset.is_fraud.sum()), words_for(dataset.contract.purpose)
    if len(dataset) < records or found < frauds:
        raise TooFewLabels(len(dataset), found, least_records=records, least_frauds=frauds, events=words.events)


def require_same_records(contract: Contract, champion: Contract) -> None:
    """Raise ContractMismatch where the champion takes other records, or lacks history features: a challenger needs both."""
    if contract.record_fingerprint != champion.record_fingerprint:
        raise ContractMismatch(
            "this contract describes other records than the champion's, so no stored record follows it; train on a file: "
            "`fraud train FILE --contract PATH`"
        )
    others = [name for name in contract.history if not contract.shares_history(name, champion)]
    if others:
        raise ContractMismatch(
            f"this contract has history features that the champion has not: {', '.join(others)}; a challenger scores from "
            "those that are stored with decisions, so train on a file: `fraud train FILE --contract PATH`"
        )


def held_out(
    dataset: Dataset, settings: SplitSettings, champion: Bundle, *, seed: int, all_unseen: bool = False
) -> ComparedRecords:
    """The test part of a training with these settings and seed, without records as old as the champion's training data.

    With `all_unseen`, the champion was trained on none of the dataset, and the test part is complete. It is complete also
    where no times are known, or where too few records are later; then the champion may have been trained on some.
    """
    test = hold_out(dataset, settings, seed=seed).test
    if all_unseen:
        return ComparedRecords(test, unseen=True)
    period = champion.card["data"]["period"]  # of the records that the champion was trained on
    end = None if period is None else parse_moment(period[1])
    if dataset.seconds is None or end is None:
        return ComparedRecords(test, unseen=False)
    later = test[dataset.seconds[test] * 1000 > end]
    frauds = int(dataset.is_fraud[later].sum())
    enough = min(frauds, len(later) - frauds) >= MIN_FRAUDS
    return ComparedRecords(later, unseen=True) if enough else ComparedRecords(test, unseen=False)


def compare_held_out(
    champion: Scorer, challenger: Scorer, chosen: ComparedRecords, data_for: Callable[[Contract], Dataset], *, seed: int
) -> HeldOutComparison:
    """Compare two scorers on the chosen records; `data_for` returns the dataset as a contract encodes it."""
    parts = [data_for(scorer.encoder.contract).take(chosen.rows) for scorer in (champion, challenger)]
    scored = [score_dataset(scorer, part)[1] for scorer, part in zip((champion, challenger), parts, strict=True)]
    is_fraud = parts[0].is_fraud
    evaluations = [evaluate(is_fraud, probability, seed=seed) for probability in scored]
    first, second = ({name: each.metrics[name] for name in COMPARED} for each in evaluations)
    differences = compare(is_fraud, scored[1], scored[0], metrics=COMPARED, seed=seed)
    return HeldOutComparison(len(is_fraud), int(is_fraud.sum()), chosen.unseen, first, second, differences)
