"""A BentoML service around the booster."""

import os

import bentoml
import numpy as np
import xgboost


@bentoml.service(workers=1, metrics={"enabled": False}, logging={"access": {"enabled": False}})
class Fraud:
    """Scores rows of the columns that the model was trained with."""

    def __init__(self) -> None:
        self.booster = xgboost.Booster(model_file=os.environ["BENCHMARK_MODEL"])

    @bentoml.api  # type: ignore[untyped-decorator]
    def predict(self, data: np.ndarray) -> np.ndarray:
        """Fraud probabilities, in order."""
        probabilities: np.ndarray = self.booster.inplace_predict(data)
        return probabilities
