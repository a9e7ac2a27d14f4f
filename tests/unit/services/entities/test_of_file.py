"""The history features of a file, computed here or elsewhere."""

import pickle
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fraud_detection_api.features import folding
from fraud_detection_api.services.workers.pool import ThisProcess
from fraud_detection_api.training.data.load import load_dataset
from support.payments import payments_contract, payments_frame


class Elsewhere:
    """Workers of which another process could be one: what they get is pickled."""

    def __init__(self) -> None:
        self.items = 0

    @contextmanager
    def pool(self, opening):
        with ThisProcess().pool(pickle.loads(pickle.dumps(opening))) as pool:
            yield _Counted(self, pool)


class _Counted:
    size = 2

    def __init__(self, workers: Elsewhere, pool) -> None:
        self._workers, self._pool = workers, pool

    def submit(self, item):
        self._workers.items += 1
        return self._pool.submit(pickle.loads(pickle.dumps(item)))


def test_features_that_workers_fold_are_those_of_this_process_to_the_bit(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(folding, "EVENTS_AT_ONCE", 100)
    file, workers = tmp_path / "payments.parquet", Elsewhere()
    payments_frame().write_parquet(file)
    here = load_dataset(file, payments_contract()).records.matrix
    there = load_dataset(file, payments_contract(), workers=workers).records.matrix
    assert np.array_equal(here.view(np.uint32), there.view(np.uint32))
    assert workers.items > 5
