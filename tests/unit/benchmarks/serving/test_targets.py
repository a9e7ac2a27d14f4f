"""Who is asked, and how."""

import json

from benchmarks.serving.pins import ENVIRONMENTS
from benchmarks.serving.servers import SERVERS
from benchmarks.serving.tables import SERVER_LABELS
from benchmarks.serving.targets import TARGETS


def test_every_target_has_a_server_and_every_server_of_a_peer_pinned_releases():
    assert {target.server for target in TARGETS.values()} == set(SERVERS)
    assert set(SERVERS) <= set(SERVER_LABELS)
    for server in SERVERS.values():
        assert server.environment in {"product", *ENVIRONMENTS}
    for environment in ENVIRONMENTS.values():
        assert all("==" in requirement for requirement in environment.requirements)


class FewRecords:
    """A model with two records of two columns."""

    columns = ("limit", "balance")
    records = ({"id": 1, "limit": 5.0}, {"id": 2, "limit": 6.0})

    @property
    def matrix(self):
        import numpy as np

        return np.array([[5.0, 0.5], [6.0, 0.25]], dtype=np.float32)


def test_each_peer_is_asked_in_its_own_protocol():
    model = FewRecords()
    bodies = {name: json.loads(target.body(model, 2)) for name, target in TARGETS.items()}
    assert bodies["score"] == list(FewRecords.records)
    assert bodies["decide"] == {"records": list(FewRecords.records), "explain": True}
    assert bodies["pandas"] == [{"limit": 5.0, "balance": 0.5}, {"limit": 6.0, "balance": 0.25}]
    assert bodies["mlserver"]["inputs"][0]["data"] == [5.0, 0.5, 6.0, 0.25]
    assert bodies["mlserver"]["inputs"][0]["shape"] == [2, 2]
    assert bodies["bentoml"] == {"data": [[5.0, 0.5], [6.0, 0.25]]}
    assert bodies["mlflow"] == {"inputs": [[5.0, 0.5], [6.0, 0.25]]}
