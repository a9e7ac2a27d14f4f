"""How much each column matters for the model: by the trees' gain, and by its contributions to records."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.statistics.estimates import Z
from fraud_detection_api.statistics.rounding import six_digits


def importance(
    column_names: Sequence[str], booster_gain: Mapping[str, float], contributions: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Every column's share of the total gain and its mean |SHAP value|, the largest mean first.

    `booster_gain` is the total gain by column name (a column that no tree splits is absent); `contributions` is float64
    (k, columns): SHAP values of k records in log-odds before calibration, without the bias. `low` and `high` are the
    normal 95 % interval of the mean over records. Gain is measured on the training part and favours columns with many
    values. Source: Lundberg et al., "From local explanations to global understanding with explainable AI for trees",
    Nature Machine Intelligence 2, 2020.
    """
    total = sum(booster_gain.values()) or 1.0
    sizes = np.abs(contributions)
    means, errors = sizes.mean(axis=0), sizes.std(axis=0) / np.sqrt(len(sizes))
    order = np.argsort(-means, kind="stable")
    return [
        {
            "column": column_names[index],
            "gain_share": six_digits(booster_gain.get(column_names[index], 0.0) / total),
            "mean_abs_contribution": six_digits(means[index]),
            "low": six_digits(max(0.0, means[index] - Z * errors[index])),
            "high": six_digits(means[index] + Z * errors[index]),
        }
        for index in order
    ]
