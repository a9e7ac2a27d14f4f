"""Validated records to fraud probabilities."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.telemetry import Stopwatch


class Scored(NamedTuple):
    """What the model says of n records: margins in log-odds, then probabilities. `matrix`, float32, is what it read."""

    matrix: NDArray[np.float32]
    margins: list[float]
    probabilities: list[float]


def score(bundle: Bundle, records: Sequence[Mapping[str, Any]], watch: Stopwatch | None = None) -> Scored:
    """Margin and calibrated probability of fraud, 0 to 1, of each record, in order; `watch` is told of the stages."""
    watch = watch or Stopwatch()
    scorer = bundle.scorer
    matrix = scorer.encode(records)
    watch.lap("encode")
    margins = scorer.forest.margins(matrix)
    probabilities = scorer.probabilities(margins)
    watch.lap("score")
    return Scored(matrix, margins.tolist(), probabilities)
