"""All evidence about a model, from the held-out test part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import Columns
from fraud_detection_api.statistics.estimates import six_digits
from fraud_detection_api.training.evidence.columns import Score, importance, partial_dependence
from fraud_detection_api.training.evidence.curves import (
    capture_at_budgets,
    precision_recall_curve,
    reliability,
    roc_curve,
)
from fraud_detection_api.training.evidence.slices import slices
from fraud_detection_api.training.evidence.thresholds import score_histogram

DEPENDENCES = 12
"""Partial dependence is measured for this many columns, the most important ones."""


@dataclass(frozen=True)
class HeldOut:
    """The test part: labels and probabilities (n,), columns as in `contract.columns`, and the encoded matrix.

    `raw_probability` is that of the trees before calibration. `weights` are the prior-shift weights, constant in each
    class: how many records of the deployed population each stands for; None for 1. `dtypes` names the columns that hold
    times or booleans, for the labels of their bands.
    """

    is_fraud: NDArray[np.bool_]
    probability: NDArray[np.float64]
    raw_probability: NDArray[np.float64]
    columns: Columns
    matrix: NDArray[np.float32]
    weights: NDArray[np.float64] | None = None
    dtypes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Explained:
    """What explains the model.

    `column_names` are those of the matrix; `score` turns a matrix into calibrated probabilities; `gain` is the total
    gain by column name; `contributions` are SHAP values float64 (k, columns) of some test records, in log-odds, without
    the bias; `level_codes` hold, for each category column, the code of each level.
    """

    column_names: Sequence[str]
    score: Score
    gain: Mapping[str, float]
    contributions: NDArray[np.float64]
    level_codes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def gather_evidence(
    test: HeldOut, model: Explained, *, learning_curve: Mapping[str, Any] | None = None, seed: int = 0
) -> dict[str, Any]:
    """One JSON value, with floats of six digits; the same arguments give the same value. Both classes must be present.

    - `rows`, `frauds`: of the test part; `base_rate`: share of fraud, weighted
    - `roc`: `false_positive_rate`, `recall`; `precision_recall`: `recall`, `precision` (lists)
    - `reliability`: `before` and `after` calibration, lists of bins: `rows`, `mean_probability`, `fraud_rate`, `low`,
      `high`
    - `scores`: `edges` (bins + 1), `legitimate`, `fraud` (counts)
    - `capture`: list of `alert_share`, `alerts`, `threshold`, `precision`, `recall` (each with `_low`, `_high`), `lift`
    - `importance`: list of `column`, `gain_share`, `mean_abs_contribution`, `low`, `high`; every column
    - `partial_dependence`: list for the DEPENDENCES most important columns: `column`, `values`, `labels` (categories),
      `probability`, `low`, `high`, `rows_at` (lists) and `missing` (where there are gaps)
    - `slices`: `threshold`, `looked_at`, `whole` and `worst`, list of `column`, `band`, `rows`, `frauds`, `fraud_rate`,
      `mean_probability`, `calibration_gap`, `recall`, `false_positive_rate` (each of the three with `_low`, `_high`),
      `worse_in`, `sureness`, `beyond_chance`
    - `dtypes`: of the columns, as given
    - `learning_curve`: as given, if given
    """
    weights = np.ones(len(test.is_fraud)) if test.weights is None else test.weights
    ranked = importance(model.column_names, model.gain, model.contributions)
    evidence = {
        **_of_probabilities(test, weights),
        "importance": ranked,
        "partial_dependence": _dependences(test, model, [item["column"] for item in ranked[:DEPENDENCES]], seed),
        "slices": slices(test.columns, test.is_fraud, test.probability, weights),
        "dtypes": dict(test.dtypes),
    }
    return evidence | ({"learning_curve": dict(learning_curve)} if learning_curve else {})


def _of_probabilities(test: HeldOut, weights: NDArray[np.float64]) -> dict[str, Any]:
    is_fraud, probability = test.is_fraud, test.probability
    return {
        "rows": len(is_fraud),
        "frauds": int(is_fraud.sum()),
        "base_rate": six_digits(float(np.average(is_fraud, weights=weights))),
        "roc": roc_curve(is_fraud, probability),
        "precision_recall": precision_recall_curve(is_fraud, probability, weights),
        "reliability": {
            "before": reliability(is_fraud, test.raw_probability, weights),
            "after": reliability(is_fraud, probability, weights),
        },
        "scores": score_histogram(is_fraud, probability),
        "capture": capture_at_budgets(is_fraud, probability, weights),
    }


def _dependences(test: HeldOut, model: Explained, columns: Sequence[str], seed: int) -> list[dict[str, Any]]:
    index_of = {name: index for index, name in enumerate(model.column_names)}
    return [
        partial_dependence(
            model.score,
            test.matrix,
            index_of[column],
            column=column,
            level_codes=model.level_codes.get(column),
            seed=seed,
        )
        for column in columns
    ]
