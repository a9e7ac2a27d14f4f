"""Which device boosters grow on."""

import json
from typing import Literal

import numpy as np
import xgboost

from fraud_detection_api.errors import FraudError, MissingExtra

Device = Literal["cpu", "cuda"]


class NoDevice(FraudError):
    """This machine has no GPU that XGBoost can use."""

    def __init__(self) -> None:
        super().__init__("XGBoost finds no NVIDIA GPU on this machine; leave out --device cuda, or check the driver")


def require_device(device: Device) -> None:
    """Raise MissingExtra or NoDevice: where there is no GPU, XGBoost would take the processor and only warn."""
    if device == "cpu":
        return
    if not xgboost.build_info()["USE_CUDA"]:
        raise MissingExtra("train-gpu", "--device cuda")
    rows = np.zeros((2, 1), np.float32)
    booster = xgboost.train({"device": device, "verbosity": 0}, xgboost.DMatrix(rows, np.array([0, 1])), 1)
    if not json.loads(booster.save_config())["learner"]["generic_param"]["device"].startswith(device):
        raise NoDevice
