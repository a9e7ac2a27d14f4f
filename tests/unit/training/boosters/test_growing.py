"""Columns are divided where it matters for the few frauds."""

import numpy as np

from fraud_detection_api.training.boosters.growing import Encoded, Growing
from support.builders import labelled


def test_half_of_the_bins_lie_where_the_frauds_are():
    amounts = np.arange(10_000, dtype=np.float32).reshape(-1, 1)
    is_fraud = (amounts[:, 0] >= 9_900) & (amounts[:, 0] % 2 == 0)
    data = labelled(is_fraud, matrix=amounts)
    parameters = {"max_bin": 32, "base_score": data.base_rate}
    growing = Growing(Encoded(data, {}, np.zeros(10_000, np.int64), frozenset()), parameters, 1, 1, 0, 1, None)
    _, cuts = growing._matrix().get_quantile_cut()
    assert (cuts > 9_900).sum() >= 15
