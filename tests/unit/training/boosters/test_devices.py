"""A GPU that is not there is told, where XGBoost would take the processor."""

import pytest
import xgboost

from fraud_detection_api.errors import MissingExtra
from fraud_detection_api.training.boosters.devices import NoDevice, require_device


def test_boosters_for_processors_alone_name_the_extra(monkeypatch):
    monkeypatch.setattr(xgboost, "build_info", lambda: {"USE_CUDA": False})
    with pytest.raises(MissingExtra) as missing:
        require_device("cuda")
    assert missing.value.extra == "train-gpu"


@pytest.mark.filterwarnings("ignore:.*Device is changed from GPU to CPU")
def test_a_machine_without_a_gpu_is_told(monkeypatch):
    monkeypatch.setattr(xgboost, "build_info", lambda: {"USE_CUDA": True})
    with pytest.raises(NoDevice):
        require_device("cuda")
    require_device("cpu")
