"""SIGHUP has every worker read the keys again, and replaces none of them."""

import signal

import pytest

from support import calls
from support.builders import OVERDRAWN
from support.http import ADMIN_KEY, SCORE_KEY, bearer
from support.polling import eventually
from support.servers import running_server

NEVER = "3600"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sighup_reads_the_keys_again_in_every_worker(file_registry_path, tmp_path, workers):
    keys = tmp_path / "keys"
    keys.write_text(f"score:{SCORE_KEY}\n")
    given = {"FRAUD_API_KEYS_FILE": str(keys), "FRAUD_WORKERS": workers, "FRAUD_RELOAD_SECONDS": NEVER}
    with running_server(file_registry_path, tmp_path / "server.log", **given) as server:
        eventually(lambda: len(server.events("started")) == int(workers), "every worker has started")
        keys.write_text(f"admin:{ADMIN_KEY}\n")
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: len(server.events("keys_loaded")) == int(workers), "every worker has read the keys")
        for _ in range(10):
            url = f"{server.url}/fraud_detection"
            assert calls.post(url, json=[OVERDRAWN], headers=bearer(SCORE_KEY)).status_code == 401
            assert calls.post(url, json=[OVERDRAWN], headers=bearer(ADMIN_KEY)).status_code == 200
        assert len(server.events("started")) == int(workers)
