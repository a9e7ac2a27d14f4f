"""Numbers for category levels, learned from the target on the training part."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.encoding import LevelCodes

SMOOTHING = 20.0


def learn_level_codes(levels: NDArray[np.object_], is_fraud: NDArray[np.bool_]) -> LevelCodes:
    """Smoothed fraud rate of each level: (frauds + m·prior) / (count + m), m = SMOOTHING.

    A level of no count has the prior, which is so the code of unseen levels; missing is a level like any other.
    `levels` is (n,) of str or None, `is_fraud` bool (n,). Source: Micci-Barreca, "A preprocessing scheme for
    high-cardinality categorical attributes", SIGKDD Explorations 3(1), 2001.
    """
    counts = Counter(levels.tolist())
    frauds = Counter(levels[is_fraud].tolist())
    prior = float(is_fraud.mean())
    codes = {level: (frauds[level] + SMOOTHING * prior) / (count + SMOOTHING) for level, count in counts.items()}
    missing = codes.pop(None, prior)
    return LevelCodes(dict(sorted(codes.items())), unseen=prior, missing=missing)
