"""ONNX Runtime on one thread: python onnx_rows.py BOOSTER ROWS.npy, then a line of "ROWS CALLS" for each timing."""

import json
import sys
from time import perf_counter

import numpy as np
import onnxruntime
import xgboost
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

CHECKED_ROWS = 20


def session_of(booster: str, columns: int) -> onnxruntime.InferenceSession:
    """The booster, converted."""
    inputs = [("rows", FloatTensorType([None, columns]))]
    model = convert_xgboost(xgboost.Booster(model_file=booster), initial_types=inputs)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def main(booster: str, rows: str) -> None:
    """First the probabilities of some rows, then seconds of the calls that are asked for."""
    matrix = np.load(rows)
    session = session_of(booster, matrix.shape[1])
    names = [output.name for output in session.get_outputs()][-1:]
    (probabilities,) = session.run(names, {"rows": matrix[:CHECKED_ROWS]})
    print(json.dumps([float(row[-1]) for row in probabilities]), flush=True)
    for line in sys.stdin:
        count, calls = map(int, line.split())
        asked = {"rows": matrix[:count]}
        begun = perf_counter()
        for _ in range(calls):
            session.run(names, asked)
        print(perf_counter() - begun, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
