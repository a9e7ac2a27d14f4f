"""GET /metrics tells what was answered, and how."""

import pytest

from fraud_detection_api import __version__
from fraud_detection_api.metrics.catalogue import METRICS
from fraud_detection_api.schemas.records.parser import LARGE_BODY_BYTES
from support.builders import OVERDRAWN, every_dtype_files, levels_files, record, registry_with_champion
from support.fakes import InMemoryRegistry
from support.http import ADMIN_KEY, API_KEYS, JSON, SCORE_KEY, assert_problem, bearer, full
from support.scraped import scraped

MONITOR_KEY = "monitor-key-of-the-tests"
KEYS = f"{API_KEYS},monitor:{MONITOR_KEY}"
MARK = "mark-of-a-secret-98765"


def decide(client, records, **options):
    return client.post("/v1/decisions", json={"records": records, **options})


@pytest.fixture
def keeping_client(client_for, tmp_path):
    return client_for(store=f"sqlite:///{tmp_path / 'decisions.db'}", journal=str(tmp_path / "journal"))


def test_every_metric_of_workers_and_keeper_appears(client_for, tmp_path):
    stored = {"store": f"sqlite:///{tmp_path / 'decisions.db'}", "journal": str(tmp_path / "journal")}
    shown = scraped(client_for(registry_with_champion(levels_files()), **stored)).names()
    wanted = {metric.name for metric in METRICS if metric.origin not in {"observer", "history"}}
    assert wanted - shown == set()
    assert shown <= {metric.name for metric in METRICS}


def test_requests_are_counted_by_route_method_and_status(client):
    client.post("/fraud_detection", json=[OVERDRAWN])
    client.post("/fraud_detection", json=[OVERDRAWN])
    client.post("/fraud_detection", json=["no record"])
    client.post("/fraud_detection", content=b"{", headers=JSON)
    client.get("/fraud_detection")
    client.get("/v1/models/1")
    client.get(f"/v1/models/{MARK}")
    shown = scraped(client)
    counts = {
        ("/fraud_detection", "POST", "200"): 2,
        ("/fraud_detection", "POST", "422"): 1,
        ("/fraud_detection", "POST", "400"): 1,
        ("/fraud_detection", "GET", "405"): 1,
        ("/v1/models/{version}", "GET", "200"): 1,
        ("/v1/models/{version}", "GET", "404"): 1,
    }
    for (route, method, status), count in counts.items():
        assert shown.value("fraud_http_requests_total", route=route, method=method, status=status) == count
        assert (
            shown.value("fraud_http_request_duration_seconds_count", route=route, method=method, status=status) == count
        )
        assert (
            0 < shown.value("fraud_http_request_duration_seconds_sum", route=route, method=method, status=status) < 60
        )


def test_no_word_of_a_caller_makes_a_series(client):
    client.get(f"/{MARK}")
    client.request("BREW", "/ping")
    client.request(MARK.upper(), f"/static-offline-docs/{MARK}")
    before = len(scraped(client).samples)
    for number in range(50):
        client.get(f"/{MARK}/{number}")
        client.request(f"BREW{number}", "/ping")
        client.request(f"BREW{number}", f"/{MARK}")
        client.get(f"/v1/models/{number}")
        client.get(f"/v1/models/1?{MARK}={number}", headers={"X-Request-ID": f"{MARK}-{number}"})
    text = client.get("/metrics").text
    assert MARK not in text.lower()
    assert "BREW" not in text
    shown = scraped(client)
    assert shown.total("fraud_http_requests_total", method="other") == 102
    # the routes that were new: /v1/models/{version} in two statuses, with a count and a histogram each; /metrics itself
    assert len(shown.samples) - before <= 5 * 19


def test_a_request_that_is_not_answered_as_planned_counts_as_500(client):
    client.app.state.container.deployment.champion.current = object()
    assert client.post("/fraud_detection", json=[OVERDRAWN]).status_code == 500
    assert scraped(client).value("fraud_http_requests_total", route="/fraud_detection", status="500") == 1


def test_answers_that_may_become_alarming_stand_there_before_the_first_of_them(client):
    shown = scraped(client)
    for route in ("/fraud_detection", "/v1/decisions"):
        for status in ("200", "500", "503"):
            assert shown.value("fraud_http_requests_total", route=route, method="POST", status=status) == 0


@pytest.mark.parametrize("store", ["none", "SQLite"])
@pytest.mark.parametrize("number", [1, 30, 2000])
def test_records_probabilities_and_outcomes_are_those_answered(client_for, tmp_path, store, number):
    client = client_for(store=store if store == "none" else f"sqlite:///{tmp_path / 'decisions.db'}")
    records = [record(total_balance=170 * place % 300_000) for place in range(number)]
    probabilities = client.post("/fraud_detection", json=records).json()
    decided = decide(client, records).json()["decisions"]
    shown = scraped(client)
    assert shown.value("fraud_records_scored_total", route="/fraud_detection") == number
    assert shown.value("fraud_records_scored_total", route="/v1/decisions") == number
    assert shown.value("fraud_probability_count") == 2 * number
    assert shown.value("fraud_probability_sum") == pytest.approx(2 * sum(probabilities))
    for bound in ("0.02", "0.5", "0.95"):
        below = sum(probability <= float(bound) for probability in probabilities)
        assert shown.value("fraud_probability_bucket", le=bound) == 2 * below
    for outcome in ("approve", "review", "decline"):
        answered = sum(decision["outcome"] == outcome for decision in decided)
        assert shown.value("fraud_decisions_total", outcome=outcome, source="model") == 2 * answered
    assert shown.total("fraud_decisions_total", source="fallback") == 0


def test_two_thousand_records_are_a_large_request():
    assert len(str(record())) * 2000 > LARGE_BODY_BYTES > len(str(record())) * 30


@pytest.mark.usefixtures("time_to_commit")
def test_a_fallback_is_a_decision_without_a_probability(client_for):
    client = client_for(fallback_outcome="decline", deadline_ms=0.0001)
    decide(client, [OVERDRAWN] * 3)
    decide(client, [OVERDRAWN] * 3000)
    shown = scraped(client)
    assert shown.value("fraud_decisions_total", outcome="decline", source="fallback") == 3003
    assert shown.value("fraud_records_scored_total", route="/v1/decisions") == 3003
    assert shown.value("fraud_probability_count") == 0
    assert shown.value("fraud_probability_sum") == 0


def test_what_became_of_reasons_is_counted(client):
    decide(client, [OVERDRAWN])
    decide(client, [OVERDRAWN], explain=True)
    decide(client, [OVERDRAWN] * 2000, explain=True)
    client.post("/v1/decisions", json={"records": [OVERDRAWN], "explain": True}, headers={"X-Deadline-Ms": "3600000"})
    shown = scraped(client)
    assert shown.value("fraud_explanations_total", state="not_asked") == 1
    assert shown.value("fraud_explanations_total", state="given") == 3
    assert shown.value("fraud_explanations_total", state="dropped") == 0


def test_what_is_refused_is_not_scored(client):
    client.post("/fraud_detection", json=[OVERDRAWN, record(total_balance="owed")])
    client.post("/v1/decisions", json={"records": [OVERDRAWN], "explain": "no"})
    shown = scraped(client)
    assert shown.total("fraud_records_scored_total") == 0
    assert shown.total("fraud_decisions_total") == 0


def test_an_answer_that_is_given_again_is_scored_once(keeping_client):
    for _ in range(3):
        answer = keeping_client.post(
            "/v1/decisions", json={"records": [OVERDRAWN] * 2}, headers={"Idempotency-Key": "k-1"}
        )
        assert answer.status_code == 200
    shown = scraped(keeping_client)
    assert shown.value("fraud_records_scored_total", route="/v1/decisions") == 2
    assert shown.value("fraud_http_requests_total", route="/v1/decisions", status="200") == 3
    assert shown.value("fraud_store_records_kept_total") == 2


def test_what_is_kept_is_counted_with_its_commits(keeping_client):
    for _ in range(4):
        keeping_client.post("/fraud_detection", json=[OVERDRAWN] * 5)
    decide(keeping_client, [OVERDRAWN], dry_run=True)
    shown = scraped(keeping_client)
    assert shown.value("fraud_store_records_kept_total") == 20
    assert shown.value("fraud_store_commit_duration_seconds_count") == 4
    assert shown.value("fraud_records_scored_total", route="/v1/decisions") == 1
    assert shown.value("fraud_store_up", process="worker-0") == 1
    assert shown.value("fraud_store_queue_records", process="worker-0") == 0
    assert shown.value("fraud_store_queue_limit_records", process="worker-0") == 50_000
    assert shown.value("fraud_store_failures_total") == 0


def test_a_store_that_cannot_be_opened_is_down_and_its_failures_count(client_for):
    client = client_for(store="sqlite:////no/such/folder/decisions.db")
    assert client.post("/fraud_detection", json=[OVERDRAWN]).status_code == 503
    shown = scraped(client)
    assert shown.value("fraud_store_up", process="worker-0") == 0
    assert shown.value("fraud_store_failures_total") >= 1
    assert shown.total("fraud_records_scored_total") == 0
    assert shown.value("fraud_http_requests_total", route="/fraud_detection", status="503") == 1


def test_where_nothing_is_kept_there_is_nothing_to_tell_of_a_store(client):
    assert not {name for name in scraped(client).names() if name.startswith(("fraud_store", "fraud_journal"))}


def test_the_model_in_service_is_named_and_another_takes_its_place(client_for):
    registry = registry_with_champion()
    client = client_for(registry)
    champion = client.app.state.container.deployment.champion
    registry.assign("champion", registry.register(registry.fetch("1")))
    champion.refresh()
    shown = scraped(client)
    [labels] = shown.series("fraud_model_info")
    digest = champion.require().champion.bundle.digest
    assert dict(labels) == {"process": "worker-0", "version": "2", "digest": digest}
    assert shown.value("fraud_model_loads_total", result="loaded") == 2
    assert shown.value("fraud_model_created_timestamp_seconds") == 1_795_341_600


def test_a_champion_that_is_refused_counts_and_the_one_before_stays(client_for):
    registry = registry_with_champion()
    client = client_for(registry, contract="credit")
    registry.assign("champion", registry.register(every_dtype_files()))
    for _ in range(3):
        client.app.state.container.deployment.champion.refresh()
    shown = scraped(client)
    assert shown.value("fraud_model_loads_total", result="refused") >= 3
    assert shown.value("fraud_model_info", version="1") == 1


def test_without_a_model_nothing_is_in_service(client_for):
    shown = scraped(client_for(InMemoryRegistry()))
    assert shown.series("fraud_model_info") == {}
    assert shown.value("fraud_model_loads_total", result="refused") >= 1


def test_the_process_tells_what_it_takes_and_what_it_is(client_for):
    shown = scraped(client_for(workers=3))
    assert shown.value("fraud_process_resident_memory_bytes", process="worker-0") > 10_000_000
    assert shown.value("fraud_process_cpu_seconds_total", process="worker-0") > 0
    assert shown.value("fraud_process_open_fds", process="worker-0") > 3
    assert shown.value("fraud_process_start_time_seconds", process="worker-0") > 1_700_000_000
    assert shown.value("fraud_build_info", version=__version__) == 1
    assert shown.value("fraud_workers") == 3


def test_requests_under_way_are_told(client_for):
    client = client_for(max_in_flight=1)
    with full(client.app):
        assert scraped(client).value("fraud_scoring_requests_in_flight", process="worker-0") == 1
    assert scraped(client).value("fraud_scoring_requests_in_flight", process="worker-0") == 0


def test_the_media_type_is_prometheus_own_or_openmetrics(client):
    assert client.get("/metrics").headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
    answer = client.get("/metrics", headers={"Accept": accept})
    assert answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert answer.text.endswith("# EOF\n")


@pytest.mark.parametrize("key", [MONITOR_KEY, ADMIN_KEY])
def test_the_key_of_a_monitor_reads_them(client_for, key):
    assert client_for(api_keys=KEYS).get("/metrics", headers=bearer(key)).status_code == 200


def test_other_keys_do_not(client_for):
    client = client_for(api_keys=KEYS)
    assert_problem(client.get("/metrics"), 401, "unauthenticated")
    assert_problem(client.get("/metrics", headers=bearer(SCORE_KEY)), 403, "forbidden")


def test_the_key_of_a_monitor_neither_scores_nor_reads_decisions(client_for):
    client = client_for(api_keys=KEYS)
    assert client.post("/fraud_detection", json=[OVERDRAWN], headers=bearer(MONITOR_KEY)).status_code == 403
    assert client.get("/v1/decisions", headers=bearer(MONITOR_KEY)).status_code == 403
    assert client.post("/v1/models/1/promote", headers=bearer(MONITOR_KEY)).status_code == 403
