"""One caller at its worst: what others get meanwhile, what is scored for nobody, and what it takes of memory."""

import json
import re
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from support import calls
from support.builders import OVERDRAWN, record
from support.http import ADMIN_KEY, JSON, SCORE_KEY, bearer
from support.memory import memory_group
from support.polling import eventually
from support.raw_http import connect, request
from support.servers import Server, running_server, start_server, wait_until_up

OTHER_KEY = "other-key-of-the-drills"
KEYS = f"score:{SCORE_KEY},score:{OTHER_KEY},admin:{ADMIN_KEY}"
GREEDY, ADMIN = {"authorization": f"Bearer {SCORE_KEY}"}, {"authorization": f"Bearer {ADMIN_KEY}"}
RECORDS = 10_000
"""As many as a request may have."""

DOCUMENTED_LIMIT = re.search(
    r"limit of ([\d.]+) GiB", (Path(__file__).parents[2] / "docs" / "how-to" / "operations.md").read_text("utf-8")
)


@pytest.fixture
def batch() -> bytes:
    return json.dumps([record(customer_id=number) for number in range(RECORDS)]).encode()


def sent(stack: ExitStack, server: Server, content: bytes) -> socket.socket:
    """A connection that sent this, or as much of it as the server took, and reads no answer until the stack is left."""
    connection = stack.enter_context(connect(server.url))
    with suppress(OSError):
        connection.sendall(content)
    return connection


def scored(server: Server) -> int:
    """How many records were scored."""
    text = calls.get(f"{server.url}/metrics", headers=bearer(ADMIN_KEY)).text
    return sum(
        int(float(count)) for count in re.findall(r"^fraud_records_scored_total\{.*\} (\S+)", text, re.MULTILINE)
    )


def test_bodies_that_never_end_keep_no_other_team_out(file_registry_path, tmp_path, promise):
    unfinished = request("/fraud_detection", b"[", content_length="100000", **GREEDY)
    with (
        running_server(file_registry_path, tmp_path / "server.log", FRAUD_API_KEYS=KEYS) as server,
        ExitStack() as stack,
    ):
        for _ in range(270):
            sent(stack, server, unfinished)
        url, headers = f"{server.url}/fraud_detection", bearer(OTHER_KEY)
        statuses = [calls.post(url, json=[OVERDRAWN], headers=headers).status_code for _ in range(300)]
    refused = sum(status != 200 for status in statuses)
    promise(
        "beside 270 bodies of one key that never end, no request of another key is refused", measured=refused, bound=0
    )


def test_batches_that_were_abandoned_are_not_scored(file_registry_path, tmp_path, batch, promise):
    with running_server(file_registry_path, tmp_path / "server.log", FRAUD_API_KEYS=KEYS) as server:
        with ExitStack() as stack:
            for _ in range(64):
                sent(stack, server, request("/fraud_detection", batch, **GREEDY))
        began = time.monotonic()
        url, headers = f"{server.url}/fraud_detection", {**bearer(OTHER_KEY), **JSON}
        assert calls.post(url, content=batch, headers=headers, timeout=30).status_code == 200
        waited = time.monotonic() - began
        eventually(lambda: len(server.events("request")) >= 65, "every batch is answered or dropped")
        batches = scored(server) / RECORDS - 1
    promise("of 64 abandoned batches of 10,000 records, those are scored that were at work", measured=batches, bound=4)
    promise("another key's batch is answered after them", measured=waited, bound=10, unit="s")


def test_memory_stays_below_what_the_page_on_operations_says(file_registry_path, tmp_path, batch, promise):
    label = {"decision_id": "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "is_fraud": True, "source": "customer"}
    labels = json.dumps({"labels": [{**label, "note": "n" * 240}] * RECORDS}).encode()
    decide, log = b'{"explain": true, "records": ' + batch + b"}", tmp_path / "server.log"
    limit_bytes = int(float(DOCUMENTED_LIMIT[1]) * 2**30)
    with memory_group(f"fraud-drill-{time.time_ns()}", limit_bytes) as group:
        if group is None:
            pytest.skip("this machine lets us make no cgroup")
        process = start_server(file_registry_path, log, FRAUD_API_KEYS=KEYS, FRAUD_OBSERVER="true")
        group.add(process.pid)
        try:
            server = wait_until_up(process, log, ready=True)
            with group.watched(), ExitStack() as stack:
                for _ in range(60):
                    sent(stack, server, request("/v1/labels", labels, **ADMIN))
                    sent(stack, server, request("/v1/decisions", decide, **GREEDY))
                time.sleep(20)  # what is admitted is worked on, and nobody reads the answers
                alive = calls.get(f"{server.url}/livez", timeout=10).status_code
        finally:
            process.terminate()
            process.wait(30)
        kills = group.kills
    assert alive == 200
    promise("60 batches of labels and 60 unread ones of decisions get no process killed", measured=kills, bound=0)
    promise(
        "they take less memory than a pod has", measured=group.peak_bytes / 2**20, bound=limit_bytes / 2**20, unit="MiB"
    )
