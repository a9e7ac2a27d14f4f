"""A real Prometheus with the real rules beside a real server under load: every panel shows something, and drift is told."""

import math
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2 as httpx
import polars as pl
import pytest
from starlette.testclient import TestClient

from deploy.monitoring.dashboards import DASHBOARDS
from fraud_detection_api.adapters.file_registry import FileRegistry
from support.applications import application
from support.observing import strict_files
from support.polling import eventually
from support.prometheus import RULES, RunningPrometheus, program, running_prometheus
from support.servers import Server, running_server
from support.simulated_month import records

FIELDS = [
    "customer_id",
    "number_of_open_accounts",
    "total_credit_limit",
    "total_balance",
    "number_of_accounts_in_arrears",
]
BEFORE, DRIFTED = 3_000, 12_000  # records
A_REQUEST = 250
REPORTS_WITHIN_SECONDS = 60  # the observer reports twice a minute
QUERIES = {
    f"{dashboard.uid}: {panel.title}: {query.legend}": query.expression
    for dashboard in DASHBOARDS
    for panel in dashboard.panels
    for query in panel.queries
}
# how fast this machine is, that somebody sends malformed records, and that the traffic drifts
EXPECTED = {
    "FraudLatencyBurnsFast",
    "FraudLatencyBurnsSlowly",
    "FraudRequestsRefused",
    "FraudFeatureDrift",
    "FraudScoreShift",
}


class Watched(NamedTuple):
    """A server that is asked without end, and the Prometheus that watches it."""

    server: Server
    prometheus: RunningPrometheus


@pytest.fixture(scope="module")
def registry(file_registry_path: Path, tmp_path_factory) -> Path:
    """A registry with a champion and a challenger."""
    path = shutil.copytree(file_registry_path, tmp_path_factory.mktemp("watched") / "registry")
    registry = FileRegistry(path)
    registry.assign("challenger", registry.register(strict_files()))
    return path


@pytest.fixture(scope="module")
def watched(registry: Path, tmp_path_factory) -> Iterator[Watched]:
    """Two workers with a store that holds decisions whose labels have matured, under load."""
    program("prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    variables = {"FRAUD_STORE": f"sqlite:///{folder / 'decisions.db'}", "FRAUD_LABEL_MATURITY_DAYS": "0"}
    with application(FileRegistry(registry), store=variables["FRAUD_STORE"]) as client:
        decide_and_label(client, records(BEFORE, seed=3))
    options = {"arguments": ("--workers", "2"), "FRAUD_OBSERVER": "true", **variables}
    with running_server(registry, folder / "server.log", **options) as server, asked_without_end(server):
        config = impatient_copy(folder, server.url.removeprefix("http://"))
        with running_prometheus(config, folder / "data") as prometheus:
            yield Watched(server, prometheus)


def impatient_copy(folder: Path, address: str) -> Path:
    """A configuration that scrapes each second, with the rules as they are, but for how long something has to last."""
    (folder / "rules").mkdir()
    for path in RULES.glob("*.yml"):
        rules = re.sub(r"^( +for): \w+$", r"\1: 3s", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        (folder / "rules" / path.name).write_text(rules, encoding="utf-8")
    config = folder / "prometheus.yml"
    config.write_text(
        f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{folder}/rules/*.yml]
scrape_configs:
  - job_name: fraud-detection-api
    static_configs: [{{targets: ["{address}"]}}]
""",
        encoding="utf-8",
    )
    return config


def posted(client: TestClient | httpx.Client, frame: pl.DataFrame) -> Iterator[dict]:
    """Decisions of the frame's records, many a request."""
    for piece in frame.iter_slices(A_REQUEST):
        answer = client.post("/v1/decisions", json={"records": piece.select(FIELDS).to_dicts()})
        assert answer.status_code == 200, answer.text
        yield from answer.json()["decisions"]


def decide_and_label(client: TestClient, frame: pl.DataFrame) -> None:
    """Decide on the records, and say of each what was true."""
    truths = zip(posted(client, frame), frame["is_fraud"].to_list(), strict=True)
    labels = [
        {"decision_id": each["decision_id"], "is_fraud": bool(fraud), "source": "chargeback"} for each, fraud in truths
    ]
    answer = client.post("/v1/labels", json={"labels": labels})
    assert answer.status_code < 300, answer.text


@contextmanager
def asked_without_end(server: Server) -> Iterator[None]:
    """Undrifted records, now and then a malformed one, and pages of decisions."""
    over, frame = threading.Event(), records(400, seed=4)

    def ask() -> None:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            while not over.wait(0.5):
                for record in frame.sample(2).select(FIELDS).to_dicts():
                    client.post("/fraud_detection", json=[record])
                    client.post("/v1/decisions", json={"records": [record], "explain": True})
                client.post("/fraud_detection", json=[{"customer_id": 1}])
                client.get("/v1/decisions")

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def shows(series: list[dict]) -> bool:
    return any(not math.isnan(float(each["value"][1])) for each in series)


def firing(prometheus: RunningPrometheus, alert: str) -> set[str]:
    """Features that the alert fires for."""
    return {each["labels"]["feature"] for each in prometheus.alerts(alert) if each["state"] == "firing"}


def every_panel_shows_something(prometheus: RunningPrometheus) -> None:
    empty = dict(QUERIES)

    def asked() -> bool:
        for name, expression in list(empty.items()):
            if shows(prometheus.query(expression)):
                del empty[name]
        return not empty

    try:
        eventually(asked, "every query shows something", within_seconds=REPORTS_WITHIN_SECONDS, every_seconds=1)
    finally:
        assert empty == {}


def drift_of_one_feature_fires_its_alert_and_none_before(watched: Watched) -> None:
    prometheus = watched.prometheus
    assert prometheus.query('fraud_drift_psi{feature="number_of_open_accounts",window="hour"}')
    assert prometheus.alerts("FraudFeatureDrift") == []
    with httpx.Client(base_url=watched.server.url, timeout=60) as client:
        assert len(list(posted(client, records(DRIFTED, seed=5, shifted="number_of_open_accounts")))) == DRIFTED
    drifted = eventually(
        lambda: firing(prometheus, "FraudFeatureDrift"), "it fires", within_seconds=90, every_seconds=0.5
    )
    assert "number_of_open_accounts" in drifted


@pytest.mark.slow  # each query and rule has quick tests of its own; what only time shows is waited for here
def test_panels_and_alerts_of_a_server_at_work(watched, subtests):
    """One test, because it starts servers: test processes that share the tests would each start their own."""
    prometheus = watched.prometheus
    with subtests.test("every query of every panel shows something"):
        every_panel_shows_something(prometheus)
    with subtests.test("both workers are counted"):
        counted = prometheus.query('count(fraud_process_start_time_seconds{process=~"worker-.+"})')
        assert [each["value"][1] for each in counted + prometheus.query("sum(fraud_workers)")] == ["2", "2"]
    with subtests.test("drift of one feature fires its alert, and none before"):
        drift_of_one_feature_fires_its_alert_and_none_before(watched)
    with subtests.test("nothing else is amiss"):
        series = prometheus.query('ALERTS{alertname=~"Fraud.+",alertstate="firing"}')
        assert {each["metric"]["alertname"] for each in series} <= EXPECTED
