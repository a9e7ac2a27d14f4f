"""A Ray cluster of two nodes: results as they are made locally, errors unchanged, and processes and nodes that die."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fraud_detection_api.adapters import ray_cluster
from fraud_detection_api.adapters.ray_cluster import ClusterUnavailable, RayCluster
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.features import folding
from fraud_detection_api.services.batch.parts import PartScoring, score_parts
from fraud_detection_api.services.batch.places import DiskFolder
from fraud_detection_api.services.workers.pool import ThisProcess, WorkerLost, results
from fraud_detection_api.training.data.load import load_dataset
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from fraud_detection_api.training.fit_scorer import ScorerFitter
from fraud_detection_api.training.recipes import RECIPES, race
from fraud_detection_api.training.train_xgboost import XGBoostSettings
from support.builders import credit_files, labelled
from support.payments import payments_contract, payments_frame
from support.squaring import Squaring

ray = pytest.importorskip("ray", reason="the extra ray is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two nodes of one processor each, with the modules of these tests."""
    from ray.cluster_utils import Cluster

    # a package of Jupyter's that takes seconds to import, and which each process of Ray imports where there is one
    quick = tmp_path_factory.mktemp("quick")
    (quick / "rfc3987_syntax.py").write_text("raise ImportError")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(quick), *sys.path]))
        started = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        started.add_node(num_cpus=1)
        yield started
        started.shutdown()


def worked(cluster, work, items):
    with RayCluster(cluster.address).pool(work) as pool:
        assert pool.size >= 1
        return {item: future.exception() or future.result() for item, future in results(pool, list(items))}


def test_each_item_has_its_result_or_its_error(cluster, tmp_path, capsys):
    done = worked(cluster, Squaring(tmp_path, deaths=1), [1, 2, 5, -1])
    error = done.pop(-1)
    assert not capsys.readouterr().out  # Ray's word of the death is not among the results
    assert done == {1: 1, 2: 4, 5: 25}
    assert isinstance(error, InvalidDataset)
    assert error.problems == ("row 1: is negative",)


def test_a_machine_that_joins_is_counted_and_sigterm_is_handled_as_before(cluster, monkeypatch):
    ray.shutdown()
    handled = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(ray_cluster, "COUNT_SECONDS", 0)
    with RayCluster(cluster.address).pool(Squaring(Path())) as pool:
        assert signal.getsignal(signal.SIGTERM) is handled
        before, added = pool.size, cluster.add_node(num_cpus=3)
        assert (before, pool.size) == (2, 5)
    cluster.remove_node(added)


def test_an_item_that_kills_every_process_is_given_up_and_no_other(cluster, tmp_path):
    done = worked(cluster, Squaring(tmp_path, deaths=99), [4, 5, 6])
    assert isinstance(done.pop(5), WorkerLost)
    assert done == {4: 16, 6: 36}


def test_a_folder_is_scored_to_the_same_bits_while_a_node_is_lost(cluster, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    records = simulate_credit_records(60, seed=1).drop("is_fraud", "true_fraud_probability")
    for number in range(12):
        records[number * 5 :][:5].write_parquet(source / f"{number}.parquet")
    local, remote = (
        PartScoring(credit_files(), "digest", DiskFolder(source), DiskFolder(tmp_path / name), threads=1)
        for name in ("local", "remote")
    )
    parts = local.source.parts()
    score_parts(local, parts, ThisProcess())
    lost = cluster.add_node(num_cpus=1)
    removed = []

    def remove(_share, done):
        if done.parts >= 3 and not removed:
            removed.append(cluster.remove_node(lost, allow_graceful=False))

    found = score_parts(remote, parts, RayCluster(cluster.address), on_progress=remove)
    assert (found.parts, found.records, found.failures, len(removed)) == (12, 60, [], 1)
    for part in parts:
        assert (tmp_path / "remote" / part.name).read_bytes() == (tmp_path / "local" / part.name).read_bytes()


def test_a_training_on_the_cluster_gives_the_same_model(cluster):
    rng = np.random.default_rng(1)
    matrix = rng.standard_normal((2_000, 3)).astype(np.float32)
    data = labelled(rng.random(2_000) < 1 / (1 + np.exp(2 - matrix[:, 0])), matrix=matrix)
    here = ScorerFitter(XGBoostSettings(max_rounds=20), seed=7, threads=1)
    there = replace(here, workers=RayCluster(cluster.address))
    assert race(here, data, RECIPES) == race(there, data, RECIPES)
    assert here.fit(data).booster == there.fit(data).booster


def test_history_features_that_the_cluster_folds_are_the_same(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(folding, "EVENTS_AT_ONCE", 300)
    payments_frame().write_parquet(tmp_path / "payments.parquet")
    here, there = (
        load_dataset(tmp_path / "payments.parquet", payments_contract(), workers=workers).records.matrix
        for workers in (None, RayCluster(cluster.address))
    )
    assert np.array_equal(here.view(np.uint32), there.view(np.uint32))


def test_an_address_without_a_cluster_is_told():
    ray.shutdown()
    with pytest.raises(ClusterUnavailable, match=r"127\.0\.0\.1:1 "), RayCluster("127.0.0.1:1").pool(Path):
        pass
